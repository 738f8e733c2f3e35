/** What a comparison kept of itself may have been written by another Retort, or be damaged: that part is measured again. */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CompareEvent, CompareResult } from '../../electron/contract/compare.ts';
import { drain } from '../../electron/contract/rpc-client.ts';
import { placeIn } from '../../electron/host/store/store.ts';
import { figuresOf, killedAt, tinyComparison } from '../helpers/comparisons.ts';
import { startHost, startPageHost, temporaryFolder } from '../helpers/test-host.ts';

const request = tinyComparison(60);
/** Those that were kept. */
const windows = 40;
/** Of a host that was killed in the middle of the text. */
let interrupted = '';
let known: CompareResult | null = null;

beforeAll(async () => {
  interrupted = mkdtempSync(join(tmpdir(), 'retort-home-'));
  await killedAt(interrupted, request, `window ${windows}`);
}, 180_000);
afterAll(() => rmSync(interrupted, { recursive: true, force: true }));

/** Of the comparison that was never interrupted. */
async function whole(): Promise<CompareResult> {
  known ??= (await drain(startHost().client.compare(request))).result;
  return known;
}

type Change = (part: string, data: string) => string;
const unchanged: Change = (_, data) => data;

/** A data folder as that host left it, but for what `change` makes of the parts, and for parts that are added. */
function homeWith(change: Change, added: Readonly<Record<string, string>> = {}): string {
  const home = temporaryFolder();
  cpSync(interrupted, home, { recursive: true });
  const database = new DatabaseSync(placeIn(home).file);
  const parts = database.prepare('SELECT job_id, part, data FROM job_parts').all();
  const write = database.prepare('INSERT OR REPLACE INTO job_parts (job_id, part, data) VALUES (?, ?, ?)');
  const id = String(parts[0]!['job_id']);
  for (const { part, data } of parts) write.run(id, String(part), change(String(part), String(data)));
  for (const [part, data] of Object.entries(added)) write.run(id, part, data);
  database.close();
  return home;
}

/** How a comparison went on: which columns and whether the reply were measured again, and how much of the text was there. */
async function resume({ client }: Pick<ReturnType<typeof startHost>, 'client'>) {
  const [job] = await client.listJobs({});
  expect(job).toMatchObject({ kind: 'compare', state: 'interrupted', canResume: true });
  const events: CompareEvent[] = [];
  const { result } = await drain(client.resumeJob({ id: job!.id }), (event) => void events.push(event));
  expect((await client.listJobs({}))[0]).toMatchObject({ state: 'done', error: null });
  const done = events.flatMap((event) =>
    event.type === 'progress' && event.progress.phase === 'text' ? [event.progress.done] : [],
  );
  return {
    result,
    columns: events.flatMap((event) => (event.type === 'column' ? [event.column.label] : [])),
    isForced: events.some(({ type }) => type === 'forced'),
    kept: Math.min(...done) - 32,
  };
}

test('a comparison goes on with all of its parts where nothing was done to them', async () => {
  const { result, columns, isForced, kept } = await resume(startHost(homeWith(unchanged)));
  expect([columns, isForced]).toEqual([[], false]);
  expect(kept).toBe(32 * windows);
  expect(figuresOf(result)).toEqual(figuresOf(await whole()));
}, 180_000);

/** Parts as something that is not what this Retort would have written; others stay as they are. */
const edited =
  (edits: Readonly<Record<string, (data: string) => string>>): Change =>
  (part, data) => {
    const changed = edits[part]?.(data) ?? data;
    expect(changed === data).toBe(edits[part] === undefined);
    return changed;
  };

interface Forced {
  reference: { id: number }[];
  variants: unknown[];
}
const editedForced = (edit: (forced: Forced) => void) => (data: string) => {
  const groups = JSON.parse(data) as [Forced];
  edit(groups[0]);
  return JSON.stringify(groups);
};

describe('a comparison measures again', () => {
  test.each<[string, Change, string, object]>([
    [
      'everything where parts are no JSON, and other things',
      (part, data) => (part.endsWith('0') ? data.slice(0, -5) : '[null]'),
      '{"tensors":[',
      { columns: ['A', 'B', 'C'], isForced: true, kept: 0 },
    ],
    [
      'what lacks something that this Retort tells',
      edited({
        'column-1': (data) => data.replace('"kvCodec":"f16",', ''),
        forced: editedForced(({ variants }) => variants.pop()),
        'window-0-9': (data) => data.replace(/"agreement":\[\d,/, '"agreement":['),
      }),
      '{"tensors":[],"errors":[[]]}',
      { columns: ['B'], isForced: true, kept: 9 * 32 },
    ],
    [
      'what a newer Retort told more of, and what is of another reply and of fewer models',
      edited({
        'column-2': (data) => data.replace('"kvCodec"', '"colour":1,"kvCodec"'),
        forced: editedForced(({ reference }) => (reference[2]!.id += 1)),
        'window-0-4': (data) => data.replace(/^\[.*?\},/, '['),
      }),
      '{"tensors":[],"errors":[[],[0.5]]}',
      { columns: ['C'], isForced: true, kept: 4 * 32 },
    ],
  ])(
    '%s',
    async (_what, change, weights, expected) => {
      const again = await resume(startHost(homeWith(change, { weights })));
      expect(again).toMatchObject(expected);
      expect(figuresOf(again.result)).toEqual(figuresOf(await whole()));
    },
    180_000,
  );

  test('what models read together where they do not fit together any more', async () => {
    // Two fit, three do not.
    const system = { totalBytes: 4 * 2 ** 30, freeBytes: 2 ** 30 + 125 * 2 ** 20 };
    const again = await resume(await startPageHost(homeWith(unchanged), system));
    expect(again).toMatchObject({ columns: [], isForced: true, kept: 0, result: { mode: 'pairs' } });
    expect({ ...figuresOf(again.result), mode: 'together' }).toEqual(figuresOf(await whole()));
  }, 180_000);
});

test('a page that follows such a job is told of the parts that are sound', async () => {
  const { page, client } = await startPageHost(
    homeWith((part, data) => (/^(column-1|forced)$/.test(part) ? '{}' : data)),
  );
  const [job] = await client.listJobs({});
  const updates: string[] = [];
  await drain(page.watchJob({ id: job!.id }), (update) => void updates.push(update.type));
  expect(updates).toEqual(['job', 'comparison', 'column', 'column']);
}, 180_000);

test('a job whose request is damaged is refused with what to do, and does not wait for ever', async () => {
  const home = homeWith(unchanged);
  const database = new DatabaseSync(placeIn(home).file);
  database.exec(`UPDATE jobs SET request = substr(request, 9)`);
  database.close();
  const { client } = startHost(home);
  const [job] = await client.listJobs({});
  await expect(drain(client.resumeJob({ id: job!.id }))).rejects.toMatchObject({
    code: 'bad-request',
    message: expect.stringMatching(/begin it again/) as string,
  });
  expect(await client.listJobs({})).toMatchObject([{ state: 'failed', canResume: false }]);
}, 180_000);
