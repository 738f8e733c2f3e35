/** Packs in the native engine: whole in memory or read within a budget, they give the bits of the model they were made of. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { Engine, Session } from '../../electron/engine/engine.ts';
import { openNativeEngine, type OpenNativeOptions } from '../../electron/engine/native/open.ts';
import { roundedSource } from '../../electron/engine/native/matrix-source.ts';
import { packModel, type PackVariant } from '../../electron/engine/pack/pack-model.ts';
import { packCodes } from '../../electron/engine/packed-blocks.ts';
import { packVariant } from '../../electron/engine/quantize/pack-variant.ts';
import { isQuantized, parseRecipe } from '../../electron/engine/quantize/recipe.ts';
import { roundWeight } from '../../electron/engine/quantize/round-matrix.ts';
import { readModelSource } from '../../electron/formats/open-source.ts';
import { resolveModel } from '../../models/families/index.ts';
import { bundledModel, goldenFolder } from '../helpers/golden.ts';
import { labError, makeFolder } from '../helpers/model-folder.ts';
import { expectSame, openModel, tinyCases, tinyFolder } from '../helpers/native-engine.ts';
import { packInto, quiet } from '../helpers/packs.ts';

const exported = join(goldenFolder, 'exports', 'qwen3-transformersjs-q4');
const ggufs = tinyCases
  .map((name) => join(tinyFolder(name), 'model-q8_0.gguf'))
  .filter((path) => existsSync(path));
const models = [...tinyCases.map(tinyFolder), ...ggufs, exported];
const short = (path: string) => path.split('/').slice(-2).join('/');
const ids = Int32Array.from({ length: 24 }, (_, i) => (i * 7) % 60);

/** All logits of a prompt, tokens after it one by one, the same again after going back, and a fork. */
async function life(engine: Engine): Promise<Float32Array[]> {
  const logits: Float32Array[] = [];
  const session = await engine.createSession({ context: 64 });
  const run = async (each: Session, from: number, to: number) =>
    logits.push((await each.evaluate({ ids: ids.slice(from, to), rows: 'all' })).logits);
  await run(session, 0, 16);
  for (let i = 16; i < 20; i++) await run(session, i, i + 1);
  const fork = session.fork();
  session.rollback(1);
  await run(session, 19, 24);
  await run(fork, 20, 22);
  fork.close();
  session.close();
  return logits;
}

async function expectSameLife(engine: Engine, expected: readonly Float32Array[]): Promise<void> {
  const actual = await life(engine);
  actual.forEach((logits, i) => expectSame(logits, expected[i]!, `call ${i}`));
}

/** The least that a model and sessions of 64 positions take. */
async function minimumOf(
  path: string,
  sessions = 1,
  options: Partial<OpenNativeOptions> = {},
): Promise<number> {
  const opening = await labError(openModel(path, { ...options, memoryBudget: 1 }));
  expect(opening).toMatchObject({ code: 'bad-request', detail: { field: 'memoryBudget' } });
  let minimum = Number(opening.detail['minimumBytes']);
  const engine = await openModel(path, { ...options, memoryBudget: minimum });
  for (let i = 0; i < sessions; i++) {
    const { code, detail } = await labError(engine.createSession({ context: 64 }));
    expect(code).toBe('bad-request');
    minimum = Number(detail['minimumBytes']);
    await engine.streaming!.setMemoryBudget(minimum);
    await engine.createSession({ context: 64 });
  }
  return minimum;
}

const twoBits = parseRecipe('q2-g32');

/** As packs were written before codes of two bits had a layout of their own. */
function asNibbles(variant: PackVariant): PackVariant {
  return {
    ...variant,
    bytesOf: (name, ref) => 2 * variant.bytesOf(name, ref),
    matrixOf: async (source, name, ref) => {
      if (!isQuantized(name)) return variant.matrixOf(source, name, ref);
      const rounded = await roundWeight(source, name, ref, twoBits);
      const bytes = packCodes(rounded.codes, rounded, 4);
      return { matrix: { ...roundedSource(rounded), type: 'nbits4', bytes }, columnOrder: null };
    },
  };
}

const held = (engine: Engine) => {
  const { pinnedBytes, ringBytes, lookupBytes, slots, slotBytes } = engine.streaming!.state();
  return pinnedBytes + ringBytes + lookupBytes + slots * slotBytes;
};

/** Whole in memory, and within three budgets from the very least on. */
async function expectSameAtEveryBudget(
  out: string,
  arithmetic: 'reference' | 'fast',
  expected: readonly Float32Array[],
): Promise<void> {
  const whole = await openModel(out, { arithmetic });
  await expectSameLife(whole, expected);
  const { totalBytes, pinnedBytes, bytesRead } = whole.streaming!.state();
  expect([pinnedBytes, bytesRead]).toEqual([totalBytes, bytesRead]);
  expect(whole.info.weightsBytes).toBeGreaterThanOrEqual(totalBytes);
  const minimum = await minimumOf(out, 2, { arithmetic });
  const most = minimum + totalBytes;
  for (const memoryBudget of [minimum, Math.floor((minimum + most) / 2), most]) {
    const engine = await openModel(out, {
      arithmetic,
      memoryBudget,
      threads: arithmetic === 'fast' ? 1 : 2,
    });
    await expectSameLife(engine, expected);
    expect(held(engine)).toBeLessThanOrEqual(totalBytes);
  }
}

describe('a pack of', () => {
  test.each(models.map((path) => [short(path), path]))(
    '%s computes its bits at every budget',
    async (_, path) => {
      const { out } = await packInto(makeFolder(), path);
      for (const arithmetic of ['reference', 'fast'] as const) {
        const expected = await life(await openModel(path, { arithmetic }));
        await expectSameAtEveryBudget(out, arithmetic, expected);
      }
    },
  );

  test.each(['llama', 'mixtral'])(
    '%s with codes of two bits computes at every budget the bits of the same codes in four bits each',
    async (name) => {
      const folder = makeFolder();
      const pack = async (file: string, variant: PackVariant) => {
        const request = { path: tinyFolder(name), out: join(folder, file), threads: 2 };
        return (await packModel(request, quiet, { variant })).out;
      };
      const own = await pack('own.retortpack', packVariant(twoBits));
      const wide = await pack('wide.retortpack', asNibbles(packVariant(twoBits)));
      for (const arithmetic of ['reference', 'fast'] as const) {
        const expected = await life(await openModel(wide, { arithmetic }));
        await expectSameAtEveryBudget(own, arithmetic, expected);
      }
    },
  );
});

describe('a pack', () => {
  const folders: string[] = [];
  afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true })));
  let pack = '';
  const mixture = tinyCases.find((name) => /moe|mixtral/.test(name))!;
  let mixturePack = '';
  beforeAll(async () => {
    const folder = mkdtempSync(join(tmpdir(), 'retort-streamed-'));
    folders.push(folder);
    pack = (await packInto(folder, bundledModel)).out;
    mixturePack = (await packInto(folder, tinyFolder(mixture), 'mixture.retortpack')).out;
  });

  test('without a budget is read once, all of it, with progress', async () => {
    const progress: number[] = [];
    const engine = await openModel(pack, { onProgress: (done, total) => progress.push(done / total) });
    expect(progress.at(-1)).toBe(1);
    expect(progress).toEqual([...progress].sort((a, b) => a - b));
    const session = await engine.createSession({ context: 64 });
    const before = engine.streaming!.state();
    expect(before).toMatchObject({ pinnedBytes: before.totalBytes, ringBytes: 0, slots: 0 });
    const { flash } = await session.evaluate({ ids: ids.slice(0, 8), rows: 'last' });
    expect(flash!.bytes.every((bytes) => bytes === 0)).toBe(true);
    expect(engine.streaming!.state().bytesRead).toBe(before.bytesRead);
    expect((await openModel(bundledModel)).streaming).toBe(null);
  });

  test('tells per layer what each token read, and together no more than lies on the disk', async () => {
    const minimum = await minimumOf(pack);
    const engine = await openModel(pack, { memoryBudget: minimum + 60_000_000 });
    const session = await engine.createSession({ context: 64 });
    await session.evaluate({ ids: ids.slice(0, 8), rows: 'last' });
    const { flash } = await session.evaluate({ ids: Int32Array.of(3), rows: 'last' });
    const { totalBytes, pinnedBytes } = engine.streaming!.state();
    const read = flash!.bytes.reduce((sum, bytes) => sum + bytes);
    expect(flash!.bytes).toHaveLength(31);
    expect(flash!.bytes.every((bytes) => bytes > 0)).toBe(true);
    // The rest of the weights, and at most a few pages of a token row.
    expect(read - (totalBytes - pinnedBytes)).toBeGreaterThanOrEqual(0);
    expect(read - (totalBytes - pinnedBytes)).toBeLessThanOrEqual(4 * 4096);
    expect(flash!.hits.reduce((sum, hits) => sum + hits)).toBeGreaterThan(30);
  });

  test('tells what was waited for apart from what was computed, so that all causes add up', async () => {
    const engine = await openModel(pack, { memoryBudget: await minimumOf(pack) });
    const session = await engine.createSession({ context: 64 });
    for (const count of [8, 1, 1]) {
      const { flash, timeNs } = await session.evaluate({ ids: ids.slice(0, count), rows: 'last' });
      const { evaluate, attention = 0, feedForward = 0, head = 0, other = 0 } = timeNs;
      const causes = [attention, feedForward, head, other];
      const waited = flash!.stallNs.reduce((sum, each) => sum + each);
      expect(causes.every((time) => time >= 0)).toBe(true);
      expect(waited).toBeGreaterThan(0);
      expect(flash!.busyNs).toBeGreaterThan(0);
      expect(flash!.busyNs).toBeLessThanOrEqual(evaluate);
      expect(causes.reduce((sum, time) => sum + time, waited)).toBeLessThanOrEqual(evaluate);
    }
  });

  test('keeps experts in places, and shows which', async () => {
    const minimum = await minimumOf(mixturePack);
    const engine = await openModel(mixturePack, { memoryBudget: minimum });
    const session = await engine.createSession({ context: 64 });
    const result = await session.evaluate({ ids: ids.slice(0, 4), rows: 'last' });
    const { slots, resident, uses, experts, layers } = engine.streaming!.state();
    const { spec } = resolveModel(await readModelSource(mixturePack));
    const counts = spec.layers.map((layer) =>
      layer.kind === 'attention' && layer.feedForward.kind === 'experts' ? layer.feedForward.count : 0,
    );
    expect([layers, experts]).toEqual([counts.length, Math.max(...counts)]);
    expect(resident).toHaveLength(layers * experts);
    expect(slots).toBeGreaterThan(0);
    expect(resident.reduce((sum, each) => sum + each)).toBeLessThanOrEqual(slots);
    expect(uses.some((each) => each > 0)).toBe(true);
    expect(result.flash!.misses.some((misses) => misses > 0)).toBe(true);
  });

  test('changes its budget with a session open, and refuses one that is too small', async () => {
    const resident = await openModel(bundledModel);
    const expected = await life(resident);
    const minimum = await minimumOf(pack);
    const engine = await openModel(pack, { memoryBudget: minimum + 30_000_000 });
    const session = await engine.createSession({ context: 64 });
    const before = held(engine);
    await engine.streaming!.setMemoryBudget(minimum);
    expect(held(engine)).toBeLessThan(before);
    const { code, detail } = await labError(engine.streaming!.setMemoryBudget(minimum - 1));
    expect([code, detail['minimumBytes']]).toEqual(['bad-request', minimum]);
    const { logits } = await session.evaluate({ ids: ids.slice(0, 16), rows: 'all' });
    expectSame(logits, expected[0]!, 'at the minimum');
    await engine.streaming!.setMemoryBudget(null);
    expect(engine.streaming!.state().pinnedBytes).toBe(engine.streaming!.state().totalBytes);
    const next = await session.evaluate({ ids: ids.slice(16, 17), rows: 'all' });
    expectSame(next.logits, expected[1]!, 'all in memory');
  });

  test('gives room to sessions and takes it back', async () => {
    const minimum = await minimumOf(pack);
    const engine = await openModel(pack, { memoryBudget: minimum });
    const session = await engine.createSession({ context: 64 });
    expect((await labError(engine.createSession({ context: 64 }))).detail['minimumBytes']).toBeGreaterThan(
      minimum,
    );
    const fork = session.fork();
    const refused = await labError(fork.evaluate({ ids: ids.slice(0, 1), rows: 'none' }));
    expect(refused).toMatchObject({ code: 'bad-request', detail: { field: 'memoryBudget' } });
    fork.close();
    session.close();
    session.close();
    const again = await engine.createSession({ context: 64 });
    await again.evaluate({ ids: ids.slice(0, 3), rows: 'last' });
  });

  test('stops in the middle of a prompt, and goes on', async () => {
    const minimum = await minimumOf(pack);
    const engine = await openModel(pack, { memoryBudget: minimum });
    const session = await engine.createSession({ context: 64 });
    const cancel = new AbortController();
    const computing = session.evaluate({ ids: ids.slice(0, 16), rows: 'all' }, cancel.signal);
    setTimeout(() => cancel.abort(), 5);
    expect((await labError(computing)).code).toBe('cancelled');
    expect(session.length).toBe(0);
    const resident = await openModel(bundledModel);
    const whole = await resident.createSession({ context: 64 });
    const input = { ids: ids.slice(0, 16), rows: 'all' } as const;
    expectSame((await session.evaluate(input)).logits, (await whole.evaluate(input)).logits, 'afterwards');
  });

  test.each([1, 64])('is read with as many reads in flight as its disk is best with: %i', async (depth) => {
    const disk = { sizes: [65_536], depths: [depth], bytesPerSecond: [1e9], at: 1 };
    const engine = await openModel(pack, { memoryBudget: await minimumOf(pack), disk });
    const session = await engine.createSession({ context: 64 });
    const whole = await (await openModel(bundledModel)).createSession({ context: 64 });
    const input = { ids: ids.slice(0, 4), rows: 'all' } as const;
    expectSame((await session.evaluate(input)).logits, (await whole.evaluate(input)).logits, `${depth}`);
  });

  test('goes on with a session saved by the model it was made of', async () => {
    const file = join(makeFolder(), 'saved');
    const resident = await openModel(bundledModel);
    const whole = await resident.createSession({ context: 64 });
    await whole.evaluate({ ids: ids.slice(0, 8), rows: 'none' });
    await whole.save(file);
    const engine = await openModel(pack, { memoryBudget: await minimumOf(pack) });
    const session = await engine.createSession({ context: 64 });
    await session.restore(file);
    const input = { ids: ids.slice(8, 9), rows: 'last' } as const;
    expectSame((await session.evaluate(input)).logits, (await whole.evaluate(input)).logits, 'restored');
  });

  test('that is cancelled while it is read opens not at all', async () => {
    const cancel = new AbortController();
    const opening = openModel(pack, { signal: cancel.signal, onProgress: () => cancel.abort() });
    await expect(opening).rejects.toMatchObject({ name: 'AbortError' });
  });

  test('with a damaged or exchanged record is refused by name', async () => {
    const bytes = readFileSync(pack);
    const source = await readModelSource(pack);
    const { offsets } = source.pack!.records;
    for (const record of [0, 5, offsets.length - 1]) {
      const damaged = join(makeFolder(), 'damaged.retortpack');
      const copy = Buffer.from(bytes);
      copy[offsets[record]! + 3]! ^= 1;
      writeFileSync(damaged, copy);
      const { code, message } = await labError(openModel(damaged));
      expect([code, message]).toEqual([
        'bad-file',
        expect.stringContaining(`damaged.retortpack: record ${record} `),
      ]);
    }
    const engine = openNativeEngine(
      { ...source, files: [{ ...source.files[0]!, bytes: 4096 }] },
      resolveModel(source),
      {
        arithmetic: 'fast',
        threads: 1,
      },
    );
    engine.then((opened) => onTestFinished(() => opened.close())).catch(() => undefined);
    expect((await labError(engine)).code).toBe('bad-file');
  });
});

test('a model that is no pack keeps to a budget only where all of it fits', async () => {
  const path = tinyFolder('llama');
  const { code, message, detail } = await labError(openModel(path, { memoryBudget: 1_000_000 }));
  expect([code, detail['field']]).toEqual(['unsupported-feature', 'memoryBudget']);
  expect(message).toContain('retort pack');
  const engine = await openModel(path, { memoryBudget: Number(detail['minimumBytes']) });
  await engine.createSession({ context: 8 });
});
