import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { placeIn } from '../../../electron/host/store/store.ts';
import type { WriterReport } from '../../helpers/chat-writer.ts';
import { seededRandom } from '../../helpers/seeded-random.ts';
import { temporaryFolder } from '../../helpers/test-host.ts';

const writer = fileURLToPath(new URL('../../helpers/chat-writer.ts', import.meta.url));
const cycles = 50;
/** Each has a data folder of its own; two processors. */
const lanes = 2;
/** From the start of opening to the first list: what a person waits for. */
const mostOpeningMs = 3000;

type Acknowledged = WriterReport & { type: 'acknowledged' };

interface Writer {
  readonly child: ChildProcess;
  readonly ready: WriterReport & { type: 'ready' };
  readonly acknowledged: Acknowledged[];
}

async function startWriter(home: string, cycle: number): Promise<Writer> {
  const child = fork(writer, [home, String(cycle)], { execArgv: ['--disable-warning=ExperimentalWarning'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const acknowledged: Acknowledged[] = [];
  const ready = await new Promise<Writer['ready']>((resolve, reject) => {
    child.on('message', (report: WriterReport) => {
      if (report.type === 'ready') resolve(report);
      else acknowledged.push(report);
    });
    child.once('exit', (code) => reject(new Error(`the writer ended with ${code}`)));
  });
  return { child, ready, acknowledged };
}

/** Kills at a moment of the writing that the seed chooses; what was told before has arrived when this resolves. */
async function kill({ child, acknowledged }: Writer, random: () => number): Promise<void> {
  const enough = 1 + Math.floor(random() * 30);
  while (acknowledged.length < enough) await once(child, 'message');
  await wait(random() * 12);
  const gone = Promise.all([once(child, 'exit'), once(child, 'disconnect')]);
  child.kill('SIGKILL');
  await gone;
}

interface Stored {
  readonly id: string;
  readonly text: string;
  readonly state: string;
}

/** Of one moment: the next writer may be writing. */
function readStored(home: string): { messages: Stored[]; integrity: unknown; chats: unknown } {
  const database = new DatabaseSync(placeIn(home).file, { readOnly: true });
  try {
    database.exec('BEGIN');
    const messages = database.prepare('SELECT id, text, state FROM messages ORDER BY sequence').all();
    return {
      messages: messages as unknown as Stored[],
      integrity: database.prepare('PRAGMA integrity_check').get()?.['integrity_check'],
      chats: database.prepare('SELECT message_count FROM chats').all(),
    };
  } finally {
    database.close();
  }
}

/** What was acknowledged and is not there, or is there twice. */
function missing(acknowledged: readonly Acknowledged[], messages: readonly Stored[]): string[] {
  const byId = new Map(messages.map((message) => [message.id, message]));
  const lost = acknowledged.filter(({ id, text, state }) => {
    const found = byId.get(id);
    return !found?.text.startsWith(text) || (state === 'complete' && found.state !== 'complete');
  });
  const sent = messages.map(({ text }) => text).filter((text) => text.startsWith('message'));
  const doubled = sent.filter((text, index) => sent.indexOf(text) !== index);
  return [...lost.map(({ text }) => `lost: ${text}`), ...doubled.map((text) => `doubled: ${text}`)];
}

/** Writes in one data folder, one process after the other; each opens what the killed one before it left, and is killed in turn. */
async function runLane(
  lane: number,
  seeds: readonly number[],
): Promise<{ acknowledged: number; opened: number[] }> {
  const home = temporaryFolder();
  const acknowledged: Acknowledged[] = [];
  const opened: number[] = [];
  let writer = await startWriter(home, 0);
  for (const [cycle, seed] of seeds.entries()) {
    await kill(writer, seededRandom(seed));
    const before = acknowledged.length;
    acknowledged.push(...writer.acknowledged);
    writer = await startWriter(home, cycle + 1);
    const { messages, integrity, chats } = readStored(home);
    const problems = missing(acknowledged, messages);
    const openedMs = Math.round(writer.ready.openedMs);
    console.log(
      `kill/host lane ${lane} kill ${cycle}: seed ${seed}, ${acknowledged.length - before} acknowledged, ${acknowledged.length} in all, ` +
        `${problems.length} lost or doubled, ${messages.length} messages stored, opened again in ${openedMs} ms`,
    );
    expect(problems).toEqual([]);
    expect(integrity).toBe('ok');
    expect(chats).toEqual([{ message_count: messages.length }]);
    opened.push(openedMs);
    expect(writer.ready.notices).toEqual([]);
  }
  writer.child.kill('SIGKILL');
  await once(writer.child, 'exit');
  expect(readStored(home).messages.filter(({ state }) => state === 'interrupted').length).toBeGreaterThan(0);
  return { acknowledged: acknowledged.length, opened };
}

test('no acknowledged message is lost or doubled by 50 kills of the process that writes', async () => {
  const seeds = Array.from({ length: cycles }, (_, index) => 1000 + index);
  const perLane = cycles / lanes;
  const runs = Array.from({ length: lanes }, (_, lane) =>
    runLane(lane, seeds.slice(lane * perLane, (lane + 1) * perLane)),
  );
  const results = await Promise.all(runs);
  expect(results.reduce((sum, { acknowledged }) => sum + acknowledged, 0)).toBeGreaterThan(cycles);
  // The middle one: a machine that does much else at once delays single ones.
  const openedMs = results.flatMap(({ opened }) => opened).toSorted((left, right) => left - right);
  expect(openedMs).toHaveLength(cycles);
  expect(openedMs[cycles / 2]).toBeLessThan(mostOpeningMs);
}, 300_000);
