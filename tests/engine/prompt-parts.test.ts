/** A long prompt within a memory budget: in larger parts, so that weights that are not in memory are read less often. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { Engine, Session } from '../../electron/engine/engine.ts';
import { usualPartTokens } from '../../electron/engine/native/memory-estimate.ts';
import { trainedStream } from '../bench/flash/shapes.ts';
import { writeRandomMixture, type MixtureShape } from '../bench/models/random-mixture.ts';
import { bundledModel } from '../bench/places.ts';
import { labError, makeFolder } from '../helpers/model-folder.ts';
import { expectSame, openModel } from '../helpers/native-engine.ts';
import { packInto } from '../helpers/packs.ts';

/** About 100 MB, nearly all of it experts that are large beside a token's activations. */
const shape: MixtureShape = {
  name: 'prompt-parts',
  hidden: 128,
  layers: 4,
  heads: 2,
  keyValueHeads: 1,
  headDimension: 64,
  experts: 64,
  expertsUsed: 2,
  expertSize: 1024,
  contextLength: 4096,
  stream: trainedStream,
};

async function packOfMixture(): Promise<string> {
  const folder = makeFolder();
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'model.gguf');
  await writeRandomMixture(path, shape, 'Q8_0', bundledModel);
  return (await packInto(folder, path)).out;
}

const context = 2048;
const ids = Int32Array.from({ length: context }, (_, i) => (i * 7919) % 49_152);

/** Logits of the last of the first `count` ids, given `atOnce` at a time, and the bytes read. */
async function read(session: Session, count: number, atOnce: number) {
  let bytes = 0;
  let logits = new Float32Array();
  for (let start = 0; start < count; start += atOnce) {
    const part = ids.slice(start, Math.min(start + atOnce, count));
    const result = await session.evaluate({ ids: part, rows: 'last' });
    logits = Float32Array.from(result.logits);
    for (const layer of result.flash?.bytes ?? []) bytes += layer;
  }
  return { logits, bytes };
}

const openWithin = async (out: string, memoryBudget: number | null): Promise<[Engine, Session]> => {
  const engine = await openModel(out, { arithmetic: 'fast', memoryBudget });
  return [engine, await engine.createSession({ context })];
};

test('reads a record once where 256 tokens at a time read it again and again, computes the same bits and gives its room back', async () => {
  const out = await packOfMixture();
  const [whole, resident] = await openWithin(out, null);
  const { totalBytes } = whole.streaming!.state();
  expect(resident.promptTokens).toBe(usualPartTokens);
  const budget = Math.floor(0.55 * totalBytes) + 24 * 2 ** 20;

  const [engine, session] = await openWithin(out, budget);
  const prompt = session.promptTokens!;
  expect(prompt).toBeGreaterThanOrEqual(2 * usualPartTokens);
  const heldBefore = engine.streaming!.state();
  const large = await read(session, prompt, prompt);
  expectSame(large.logits, (await read(resident, prompt, prompt)).logits, 'in one part');
  expect(large.bytes).toBeLessThanOrEqual(totalBytes);

  const [, other] = await openWithin(out, budget);
  const small = await read(other, prompt, usualPartTokens);
  expectSame(small.logits, large.logits, '256 at a time');
  expect(small.bytes).toBeGreaterThan(1.3 * large.bytes);

  await session.evaluate({ ids: ids.slice(0, 1), rows: 'last' });
  const heldAfter = engine.streaming!.state();
  expect([heldAfter.slots, heldAfter.pinnedBytes]).toEqual([heldBefore.slots, heldBefore.pinnedBytes]);
});

test('takes no more at a time where the budget is the least, and goes on after a stop in the middle of a part', async () => {
  const out = await packOfMixture();
  const opening = await labError(openModel(out, { arithmetic: 'fast', memoryBudget: 1 }));
  const engine = await openModel(out, {
    arithmetic: 'fast',
    memoryBudget: Number(opening.detail['minimumBytes']),
  });
  const refused = await labError(engine.createSession({ context }));
  const least = Number(refused.detail['minimumBytes']);
  await engine.streaming!.setMemoryBudget(least);
  const session = await engine.createSession({ context });
  expect(session.promptTokens).toBe(usualPartTokens);

  await engine.streaming!.setMemoryBudget(least + 90 * 2 ** 20);
  const prompt = session.promptTokens;
  expect(prompt).toBeGreaterThanOrEqual(2 * usualPartTokens);
  const controller = new AbortController();
  const stopped = session.evaluate({ ids: ids.slice(0, prompt), rows: 'last' }, controller.signal);
  setTimeout(() => controller.abort(), 5);
  await expect(stopped).rejects.toMatchObject({ code: 'cancelled' });
  expect(session.length).toBe(0);
  // Before it computes anything: while room is made for the part.
  const early = new AbortController();
  const given = session.evaluate({ ids: ids.slice(0, prompt), rows: 'last' }, early.signal);
  early.abort();
  await expect(given).rejects.toMatchObject({ code: 'cancelled' });
  expect(session.length).toBe(0);
  const [, resident] = await openWithin(out, null);
  const { logits } = await read(session, 300, 300);
  expectSame(logits, (await read(resident, 300, 300)).logits, 'after a stop');
});

test('sessions that come while a prompt is read in larger parts wait for their room, and prompts beside each other all end', async () => {
  const out = await packOfMixture();
  const opening = await labError(openModel(out, { arithmetic: 'fast', memoryBudget: 1 }));
  let budget = Number(opening.detail['minimumBytes']);
  const engine = await openModel(out, { arithmetic: 'fast', memoryBudget: budget });
  budget = Number((await labError(engine.createSession({ context }))).detail['minimumBytes']);
  await engine.streaming!.setMemoryBudget(budget);
  const first = await engine.createSession({ context });
  // As little more as larger parts need: beside them there is room for one more session, after them for two.
  while (first.promptTokens === usualPartTokens) await engine.streaming!.setMemoryBudget((budget += 2 ** 20));
  const prompt = first.promptTokens!;
  const [, resident] = await openWithin(out, null);
  const { logits } = await read(resident, prompt, prompt);

  const reading = read(first, prompt, prompt);
  await new Promise(setImmediate);
  const others = await Promise.all([engine.createSession({ context }), engine.createSession({ context })]);
  expectSame((await reading).logits, logits, 'the first');
  await engine.streaming!.setMemoryBudget(budget + 20 * 2 ** 20);
  const both = await Promise.all(others.map((session) => read(session, prompt, prompt)));
  both.forEach((other) => expectSame(other.logits, logits, 'beside each other'));
});
