import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Engine, Session } from '../../electron/engine/engine.ts';
import {
  decodeOneByOne,
  openCase,
  readExportedCase,
  tokensOf,
  type ExportedCase,
} from '../helpers/exported.ts';
import { argmax, maximumDifference } from '../helpers/golden.ts';

/** What each export tests: tests/golden/exports/make.py. */
const cases = [
  'llama-plain',
  'llama-plain-no-past',
  'gemma3-plain',
  'gpt2-merged',
  'qwen3-transformersjs-q4',
  'mistral-genai-f32',
  'qwen2-genai-embeds-f32',
  'llama-genai-int4',
  'llama-genai-f16',
];
/** Embedding rows cannot be continued without the table; float16 may choose another token. */
const greedyCases = cases.filter((name) => !/embeds|f16/.test(name));
const context = 128;

describe.each(cases)('%s', (name) => {
  let golden: ExportedCase;
  let engine: Engine;
  let session: Session;
  let full: Float32Array;

  beforeAll(async () => {
    golden = await readExportedCase(name);
    engine = await openCase(golden.folder);
    session = await engine.createSession({ context });
    ({ logits: full } = await session.evaluate(tokensOf(engine, golden, 0, golden.ids.length)));
  });

  test('computes the golden logits in one pass', () => {
    expect(maximumDifference(full, golden.logits)).toBeLessThan(golden.tolerance);
    expect(session.length).toBe(golden.ids.length);
  });

  test('computes the same logits token by token', async () => {
    const rows = await decodeOneByOne(await engine.createSession({ context }), engine, golden);
    expect(maximumDifference(rows, full)).toBeLessThan(golden.tolerance);
  });

  test('goes on after a rollback as if the tokens had never been there', async () => {
    const rolled = await engine.createSession({ context });
    await rolled.evaluate(tokensOf(engine, golden, 0, 40));
    rolled.rollback(15);
    expect(rolled.length).toBe(25);
    const { logits } = await rolled.evaluate(tokensOf(engine, golden, 25, golden.ids.length));
    const expected = full.subarray(25 * engine.info.vocabularySize);
    expect(maximumDifference(logits, expected)).toBeLessThan(golden.tolerance);
  });

  test('lets a fork and its origin go on independently', async () => {
    const origin = await engine.createSession({ context });
    await origin.evaluate(tokensOf(engine, golden, 0, 20));
    const fork = origin.fork();
    await fork.evaluate(tokensOf(engine, golden, 5, 30));
    const { logits } = await origin.evaluate(tokensOf(engine, golden, 20, golden.ids.length));
    const expected = full.subarray(20 * engine.info.vocabularySize);
    expect(maximumDifference(logits, expected)).toBeLessThan(golden.tolerance);
    expect([fork.length, origin.length]).toEqual([45, golden.ids.length]);
  });

  test('continues bit for bit from a saved session', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'retort-'));
    try {
      const file = join(folder, 'session');
      const saved = await engine.createSession({ context });
      await saved.evaluate(tokensOf(engine, golden, 0, 30));
      await saved.save(file);
      const restored = await engine.createSession({ context });
      await restored.restore(file);
      const tail = tokensOf(engine, golden, 30, golden.ids.length);
      const expected = await saved.evaluate(tail);
      expect((await restored.evaluate(tail)).logits).toEqual(expected.logits);
      expect(restored.kvBytes).toBe(saved.kvBytes);
      expect(await readdir(folder)).toEqual(['session']);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('returns only the rows asked for, in the order asked', async () => {
    const width = engine.info.vocabularySize;
    const chosen = await engine.createSession({ context });
    const all = tokensOf(engine, golden, 0, golden.ids.length);
    const { logits, rows } = await chosen.evaluate({ ...all, rows: Int32Array.of(41, 7) });
    expect(rows).toBe(2);
    const row = (index: number) => full.subarray(index * width, (index + 1) * width);
    expect(maximumDifference(logits.subarray(0, width), row(41))).toBeLessThan(golden.tolerance);
    expect(maximumDifference(logits.subarray(width), row(7))).toBeLessThan(golden.tolerance);
    const none = await chosen.evaluate({ ...tokensOf(engine, golden, 0, 3), rows: 'none' });
    expect(none.logits.length).toBe(0);
    expect(chosen.length).toBe(golden.ids.length + 3);
  });

  test('refuses hidden states, trees and the other kind of tokens', async () => {
    const fresh = await engine.createSession({ context });
    const tokens = tokensOf(engine, golden, 0, 2);
    const other = tokens.ids
      ? { embeddings: new Float32Array(engine.info.hiddenSize), rows: 'all' as const }
      : { ids: Int32Array.of(3), rows: 'all' as const };
    const refused = { code: 'unsupported-feature' };
    await expect(fresh.evaluate({ ...tokens, hidden: true })).rejects.toMatchObject(refused);
    await expect(fresh.evaluate({ ...tokens, parents: Int32Array.of(-1, -1) })).rejects.toMatchObject(
      refused,
    );
    await expect(fresh.evaluate(other)).rejects.toMatchObject(refused);
    expect(fresh.length).toBe(0);
  });

  afterAll(() => engine.close());
});

describe.each(greedyCases)('%s, greedily', (name) => {
  test('chooses the golden tokens', async () => {
    const golden = await readExportedCase(name);
    const engine = await openCase(golden.folder);
    const session = await engine.createSession({ context });
    const chosen: number[] = [];
    let ids = golden.ids;
    while (chosen.length < golden.greedy.length) {
      const { logits } = await session.evaluate({ ids, rows: 'last' });
      chosen.push(argmax(logits));
      ids = Int32Array.of(chosen.at(-1)!);
    }
    expect(chosen).toEqual(golden.greedy);
    await engine.close();
  });
});

describe('an exported decoder', () => {
  let golden: ExportedCase;
  let engine: Engine;
  beforeAll(async () => {
    golden = await readExportedCase('llama-genai-int4');
    engine = await openCase(golden.folder);
  });

  test('names what a run must record', () => {
    expect(engine.info).toMatchObject({
      engine: 'onnx',
      device: 'cpu',
      vocabularySize: 320,
      hiddenSize: 64,
      contextLength: 256,
      versions: { graph: 'exported' },
    });
    expect(engine.info.weightsBytes).toBe(182_016);
    expect(engine.info.versions['note']).toBeUndefined();
  });

  test('says that a graph without a cache computes everything again', async () => {
    const uncached = await openCase((await readExportedCase('llama-plain-no-past')).folder);
    expect(uncached.info.versions['note']).toMatch(/no cache/);
    await uncached.close();
  });

  test('never holds more positions than the graph has tables for', async () => {
    const session = await engine.createSession({ context: 100_000 });
    expect(session.context).toBe(256);
  });

  test('refuses tokens that do not fit and stays as it was', async () => {
    const session = await engine.createSession({ context: 8 });
    await session.evaluate({ ids: golden.ids.slice(0, 6), rows: 'none' });
    const tooMany = session.evaluate({ ids: golden.ids.slice(0, 3), rows: 'last' });
    await expect(tooMany).rejects.toMatchObject({ code: 'context-full' });
    expect(session.length).toBe(6);
  });

  test('refuses ids outside the vocabulary, empty calls and rows outside the batch', async () => {
    const session = await engine.createSession({ context });
    for (const input of [
      { ids: Int32Array.of(320), rows: 'all' as const },
      { ids: Int32Array.of(-1), rows: 'all' as const },
      { ids: new Int32Array(0), rows: 'all' as const },
      { ids: Int32Array.of(3), rows: Int32Array.of(1) },
    ]) {
      await expect(session.evaluate(input)).rejects.toMatchObject({ code: 'bad-request' });
    }
    expect(() => session.truncate(1)).toThrow(/Cannot keep 1 of 0/);
    expect(session.length).toBe(0);
  });

  test('refuses positions of its own where the graph takes none', async () => {
    const session = await engine.createSession({ context });
    const positions = Int32Array.of(5, 6);
    const moved = session.evaluate({ ids: Int32Array.of(3, 4), positions, rows: 'all' });
    await expect(moved).rejects.toMatchObject({ code: 'unsupported-feature' });
  });

  test('takes positions where the graph declares them', async () => {
    const plain = await readExportedCase('llama-plain');
    const withPositions = await openCase(plain.folder);
    const session = await withPositions.createSession({ context });
    const ids = plain.ids.slice(0, 8);
    const positions = Int32Array.from(ids, (_, i) => i + 100);
    const { logits } = await session.evaluate({ ids, positions, rows: 'all' });
    // Rotary positions are relative: all moved alike, nothing changes but rounding.
    expect(maximumDifference(logits, plain.logits.subarray(0, logits.length))).toBeLessThan(1e-3);
    await withPositions.close();
  });

  test('stops at a cancellation and stays as it was', async () => {
    const session = await engine.createSession({ context });
    await session.evaluate({ ids: golden.ids.slice(0, 6), rows: 'none' });
    const cancelled = session.evaluate({ ids: golden.ids, rows: 'all' }, AbortSignal.abort());
    await expect(cancelled).rejects.toMatchObject({ code: 'cancelled' });
    expect(session.length).toBe(6);
  });

  test('does not restore a session of another model', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'retort-'));
    try {
      const other = await readExportedCase('llama-plain');
      const otherEngine = await openCase(other.folder);
      const saved = await otherEngine.createSession({ context });
      await saved.evaluate({ ids: other.ids, rows: 'none' });
      await saved.save(join(folder, 'session'));
      const session = await engine.createSession({ context });
      await expect(session.restore(join(folder, 'session'))).rejects.toMatchObject({ code: 'bad-request' });
      expect(session.length).toBe(0);
      await otherEngine.close();
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  afterAll(() => engine.close());
});
