/** A comparison whose host is killed, wherever it is, goes on where it was and comes to the bits of one that was not. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CompareResult } from '../../../electron/contract/compare.ts';
import { drain } from '../../../electron/contract/rpc-client.ts';
import { comparedInChild, figuresOf, killedAt, tinyComparison } from '../../helpers/comparisons.ts';
import { DyingDisk } from '../../helpers/dying-disk.ts';
import { startHost, temporaryFolder, type TestHost } from '../../helpers/test-host.ts';

const request = tinyComparison(20);

let known: CompareResult | null = null;
async function undisturbed() {
  known ??= (await drain(startHost().client.compare(request))).result;
  return figuresOf(known);
}

/** The comparison, which was interrupted and left no run yet. */
async function interruptedJob(client: TestHost['client']): Promise<string> {
  const jobs = await client.listJobs({});
  expect(jobs).toMatchObject([{ kind: 'compare', state: 'interrupted', canResume: true }]);
  expect(await client.listRuns({ limit: 5 })).toEqual([]);
  return jobs[0]!.id;
}

test('killed again and again, where models, the reply, the text and weights are measured', async () => {
  const home = temporaryFolder();
  await killedAt(home, request, 'begun');
  const { client } = startHost(home);
  const id = await interruptedJob(client);
  const places = ['variant 1 of 3, A: load weights 0', 'column 2', 'reply 0', 'window 9', 'weights 0'];
  for (const place of places) {
    await killedAt(home, id, place);
    expect(await interruptedJob(client)).toBe(id);
  }
  const measured: string[] = [];
  const { result } = await drain(client.resumeJob({ id }), ({ type }) => void measured.push(type));
  // All but the weights was kept by then.
  expect(measured.filter((type) => type !== 'progress')).toEqual(['begun', 'quality', 'weights']);
  expect(figuresOf(result)).toEqual(await undisturbed());
  expect(await client.listRuns({ limit: 5 })).toHaveLength(1);
}, 300_000);

describe.runIf(process.platform === 'linux')('killed in place of a write to its data folder', () => {
  let scratch = '';
  let disk: DyingDisk;
  beforeAll(() => {
    scratch = mkdtempSync(join(tmpdir(), 'retort-test-'));
    disk = new DyingDisk(scratch);
  });
  afterAll(() => rmSync(scratch, { recursive: true, force: true }));

  test('a comparison comes further each time', async () => {
    const home = temporaryFolder();
    await killedAt(home, request, 'begun');
    const { client } = startHost(home);
    const id = await interruptedJob(client);
    let kills = 0;
    while (await comparedInChild(home, id, { environment: disk.environment(home, 60 + 90 * kills) })) {
      expect(await interruptedJob(client)).toBe(id);
      kills += 1;
    }
    expect(kills).toBeGreaterThan(1);
    const [job] = await client.listJobs({});
    expect(job).toMatchObject({ id, state: 'done', error: null });
    const { figures } = await client.readRun({ id: job!.runId! });
    expect(figuresOf(CompareResult.parse(figures))).toEqual(await undisturbed());
  }, 300_000);
});
