/**
 * `node fault-writer.ts HOME`: writes chats while the disk fails in every way of `faults`, one after the other, with failing-disk.c loaded. Reports
 * what became of each, and after each, with the disk well again, whether the same can be done.
 */
import { writeFileSync } from 'node:fs';
import { toLabError } from '../../electron/contract/errors.ts';
import { Chats } from '../../electron/host/chats/chats.ts';
import { AppEvents } from '../../electron/host/events.ts';
import { openOwnedStore } from '../../electron/host/store/owned-store.ts';
import { noFacts } from './no-facts.ts';

/** Of errno.h, on Linux. */
const errors = { EIO: 5, EACCES: 13, ENOSPC: 28, EROFS: 30, EDQUOT: 122 };

export interface FaultReport {
  readonly fault: string;
  /** Null: the fault did not reach it, it is acknowledged. */
  readonly failure: { readonly code: string; readonly message: string } | null;
  /** Texts of the messages that were acknowledged, and of those that were refused. */
  readonly acknowledged: readonly string[];
  readonly refused: readonly string[];
  /** How the same went with the disk well again; null: well. */
  readonly retry: string | null;
  /** What reading gave while the disk could not be written; null: what is there. */
  readonly reading: string | null;
}

const faults = (['write', 'sync'] as const).flatMap((call) => {
  const kinds = call === 'write' ? { ...errors, short: 'short' } : { EIO: errors.EIO, ENOSPC: errors.ENOSPC };
  return Object.entries(kinds).flatMap(([name, error]) =>
    [1, 2, 3, 5].flatMap((which) =>
      [1, 0].map((count) => ({
        name: `${call} ${which} ${count === 1 ? 'once' : 'and all later ones'}: ${name}`,
        control: `${call} ${error} ${which} ${count}`,
      })),
    ),
  );
});

const control = process.env['FAILING_DISK'] ?? '';
const [home = ''] = process.argv.slice(2);
const chats = new Chats(await openOwnedStore(home, { tell: () => undefined }), new AppEvents());
const chat = await chats.create({ title: 'faults' });

/** A message, its reply's growing and its end; the first failure ends it. */
async function turn(text: string): Promise<{ code: string; message: string } | null> {
  try {
    const { reply } = await chats.begin({ chatId: chat.id, parentId: null, text, files: [] }, noFacts);
    acknowledged.push(text);
    await chats.checkpoint(reply.id, 'half', noFacts);
    await chats.finish(reply.id, 'complete', { text: `reply to ${text}`, facts: noFacts, timeline: null });
    acknowledged.push(`reply to ${text}`);
    return null;
  } catch (error) {
    if (!acknowledged.includes(text)) refused.push(text);
    const { code, message } = toLabError(error);
    return { code, message };
  }
}

let acknowledged: string[] = [];
let refused: string[] = [];
for (const { name, control: fault } of faults) {
  [acknowledged, refused] = [[], []];
  writeFileSync(control, fault);
  const failure = await turn(`during ${name}`);
  const reading = await chats.list().then(
    (list) => (list.length === 1 ? null : `${list.length} chats`),
    (error: unknown) => toLabError(error).message,
  );
  writeFileSync(control, '');
  const retry = (await turn(`after ${name}`))?.message ?? null;
  const report: FaultReport = { fault: name, failure, acknowledged, refused, retry, reading };
  process.send?.(report);
}
process.kill(process.pid, 'SIGKILL');
