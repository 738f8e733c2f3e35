/** Predictions of streaming, held to what the engine does. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { EstimateFacts } from '../../electron/contract/estimate.ts';
import type { DiskCurve } from '../../electron/contract/streaming.ts';
import { Estimator } from '../../electron/engine/handlers/estimate.ts';
import { fileSystemOf, storeDiskCurve } from '../../electron/engine/native/disk-curve.ts';
import {
  estimateStreaming,
  hitRate,
  type FlashFacts,
  type StreamedModel,
} from '../../electron/engine/native/flash-estimate.ts';
import {
  flashSizes,
  minimumBudget,
  pinOrder,
  planFlash,
  totalBytes,
  type FlashSizes,
} from '../../electron/engine/native/flash-plan.ts';
import { readModelSource } from '../../electron/formats/open-source.ts';
import { resolveModel } from '../../models/families/index.ts';
import { bundledModel } from '../helpers/golden.ts';
import { labError, makeFolder } from '../helpers/model-folder.ts';
import { openModel, tinyCases, tinyFolder } from '../helpers/native-engine.ts';
import { packInto } from '../helpers/packs.ts';
import { temporaryFolder } from '../helpers/test-host.ts';

const quantized = tinyCases.map((name) => join(tinyFolder(name), 'model-q8_0.gguf')).filter(existsSync);
const short = (path: string) => path.split('/').slice(-2).join('/');
const models = [bundledModel, ...tinyCases.map(tinyFolder), ...quantized];

async function sizesOf(pack: string): Promise<FlashSizes> {
  const source = await readModelSource(pack);
  return flashSizes(source.pack!, resolveModel(source).spec);
}

/** Budgets from the least to all, with every border and what is just below it. */
function budgetsOf(sizes: FlashSizes): number[] {
  const [least, most] = [minimumBudget(sizes), totalBytes(sizes)];
  const between = Array.from({ length: 9 }, (_, i) => Math.floor(least + ((most - least) * i) / 8));
  const trunk = sizes.dense.reduce((sum, bytes) => sum + bytes, 0);
  const borders = [trunk, trunk + sizes.lookupBytes, most - 4096].filter((bytes) => bytes >= least);
  return [...between, ...borders, ...borders.map((bytes) => bytes - 1), most + 1].filter(
    (bytes) => bytes >= least,
  );
}

describe('the plan of', () => {
  test.each(models.map((path) => [short(path), path]))(
    '%s is the engine’s own at every budget',
    async (_, path) => {
      const { out } = await packInto(makeFolder(), path);
      const sizes = await sizesOf(out);
      const engine = await openModel(out, { arithmetic: 'fast' });
      const streaming = engine.streaming!;
      const whole = streaming.state();
      expect([minimumBudget(sizes), totalBytes(sizes)]).toEqual([whole.minimumBytes, whole.totalBytes]);
      // What the engine takes beside weights comes out of a budget that is too small.
      const { detail } = await labError(streaming.setMemoryBudget(1));
      const beside = Number(detail['minimumBytes']) - whole.minimumBytes;
      for (const budget of budgetsOf(sizes)) {
        await streaming.setMemoryBudget(budget + beside);
        const { budgetBytes, pinnedBytes, ringBytes, lookupBytes, slots, slotBytes } = streaming.state();
        expect(budgetBytes).toBe(budget);
        const plan = planFlash(sizes, budget)!;
        const planned = [plan.pinnedBytes, plan.ringBytes, plan.lookupBytes, plan.slots, plan.slotBytes];
        expect(planned, `${budget} bytes`).toEqual([pinnedBytes, ringBytes, lookupBytes, slots, slotBytes]);
      }
      expect(planFlash(sizes, minimumBudget(sizes) - 1)).toBe(null);
    },
  );

  test('reads for a token of the bundled model what the engine reads', async () => {
    const { out } = await packInto(makeFolder(), bundledModel);
    const engine = await openModel(out, { arithmetic: 'fast', threads: 2, memoryBudget: 100 * 2 ** 20 });
    const session = await engine.createSession({ context: 64 });
    await session.evaluate({ ids: Int32Array.of(1, 2, 3), rows: 'last' });
    const { flash } = await session.evaluate({ ids: Int32Array.of(3), rows: 'last' });
    const read = flash!.bytes.reduce((sum, bytes) => sum + bytes);
    const { budgetBytes } = engine.streaming!.state();
    const sizes = await sizesOf(out);
    const model: StreamedModel = { sizes, besideBytes: 0, bytesTouchedPerToken: 1, matrixElements: 1e9 };
    const { readBytesPerToken } = estimateStreaming(model, budgetBytes, nothing);
    expect(read).toBeGreaterThan(0);
    expect(Math.abs(read - readBytesPerToken)).toBeLessThanOrEqual(sizes.rowBytes);
  });

  test('pins records of every part of the model first', () => {
    const order = pinOrder(100);
    expect([...order].sort((left, right) => left - right)).toEqual(Array.from({ length: 100 }, (_, i) => i));
    const tenths = new Set(order.slice(0, 20).map((record) => Math.floor(record / 10)));
    expect(tenths.size).toBe(10);
  });
});

const nothing: FlashFacts = { freeBytes: null, memoryBytesPerSecond: null, uses: [], disk: null };
const mebibyte = 2 ** 20;
const disk: DiskCurve = {
  sizes: [mebibyte, 2 * mebibyte],
  depths: [1, 8],
  bytesPerSecond: [4e8, 8e8, 5e8, 1e9],
  at: 1,
};

/** 100 records of 2 MiB. */
const dense: FlashSizes = {
  dense: Array<number>(100).fill(2 * mebibyte),
  rows: [],
  experts: [],
  expertsUsed: 0,
  expertLayers: 0,
  lookupBytes: 2 * mebibyte,
  rowBytes: 8192,
  rowsInDense: [],
};
/** 8 layers of 64 experts of 1 MiB, of which a token uses 4. */
const mixture: FlashSizes = {
  ...dense,
  dense: Array<number>(10).fill(2 * mebibyte),
  experts: Array<number>(512).fill(mebibyte),
  expertsUsed: 4,
  expertLayers: 8,
};
const modelOf = (sizes: FlashSizes, bits = 4.5): StreamedModel => ({
  sizes,
  besideBytes: 10 * mebibyte,
  bytesTouchedPerToken: 100 * mebibyte,
  matrixElements: (8 * totalBytes(sizes)) / bits,
});

describe('the speed of a dense model', () => {
  // 10 beside, 2 for rows, 22 of ring, and 33 records pinned.
  const budget = 100 * mebibyte;

  test('is that of its reads where the disk is slower, and of its computing where that is', () => {
    const slow = estimateStreaming(modelOf(dense), budget, { ...nothing, disk, memoryBytesPerSecond: 1e11 });
    const read = 67 * 2 * mebibyte;
    expect(slow).toMatchObject({ pinnedBytes: 66 * mebibyte, ringBytes: 22 * mebibyte });
    expect(slow).toMatchObject({ readBytesPerToken: read, hitRate: null, hitRateFrom: null });
    expect(slow.diskBytesPerSecond).toBe(1e9);
    expect(slow.tokensPerSecond).toBeCloseTo(1e9 / read, 9);
    const hot = estimateStreaming(modelOf(dense), budget, { ...nothing, disk, memoryBytesPerSecond: 1e8 });
    expect(hot.computeSecondsPerToken).toBeCloseTo((100 * mebibyte) / 1e8, 9);
    expect(hot.tokensPerSecond).toBeCloseTo(1e8 / (100 * mebibyte), 9);
  });

  test('is not told before disk and computing were measured, but for what reads nothing', () => {
    const untold = { diskBytesPerSecond: null, computeSecondsPerToken: null, tokensPerSecond: null };
    expect(estimateStreaming(modelOf(dense), budget, nothing)).toMatchObject(untold);
    const onlyDisk = estimateStreaming(modelOf(dense), budget, { ...nothing, disk });
    expect([onlyDisk.diskBytesPerSecond, onlyDisk.tokensPerSecond]).toEqual([1e9, null]);
    const whole = estimateStreaming(modelOf(dense), 300 * mebibyte, {
      ...nothing,
      memoryBytesPerSecond: 1e9,
    });
    expect(whole).toMatchObject({ readBytesPerToken: 0, isWorthIt: true, advice: null });
    expect(whole.tokensPerSecond).toBeCloseTo(1e9 / (100 * mebibyte), 9);
  });

  test('is refused below the least, which is named', async () => {
    const { code, detail } = await labError(
      Promise.resolve().then(() => estimateStreaming(modelOf(dense), 15 * mebibyte, nothing)),
    );
    expect([code, detail]).toEqual(['bad-request', { field: 'memoryBudget', minimumBytes: 16 * mebibyte }]);
    const least = estimateStreaming(modelOf(dense), 16 * mebibyte, nothing);
    expect(least).toMatchObject({ minimumBytes: 6 * mebibyte, minimumMemoryBudgetBytes: 16 * mebibyte });
  });
});

describe('the hit rate of a mixture', () => {
  const planOf = (slots: number) => planFlash(mixture, 20 * mebibyte + slots * mebibyte)!;
  const uses = (use: (expert: number) => number) => Array.from({ length: 512 }, (_, expert) => use(expert));

  test('is assumed from the share of experts in memory where nothing was recorded', () => {
    const { rate, from } = hitRate(mixture, planOf(128), []);
    expect([rate, from]).toEqual([0.25 ** 0.25, 'assumed']);
    expect(hitRate(mixture, planOf(512), [])).toEqual({ rate: 1, from: null });
    expect(
      hitRate(
        mixture,
        planOf(128),
        uses(() => 0),
      ).from,
    ).toBe('assumed');
  });

  test('is the share where experts are few: no one measured that they are used unevenly', () => {
    const few = { ...mixture, experts: Array<number>(64).fill(mebibyte) };
    expect(hitRate(few, planFlash(few, 36 * mebibyte)!, []).rate).toBe(0.25);
  });

  test('comes to the share of uses that the most used experts have, the longer the record', () => {
    // An eighth of the experts has half of all uses.
    const skewed = (tokens: number) =>
      uses((expert) => (expert % 8 === 0 ? 7 : 1) * ((tokens * 32) / (512 * 1.75)));
    const long = hitRate(mixture, planOf(64), skewed(1e6));
    expect(long.from).toBe('measured');
    expect(long.rate).toBeCloseTo(0.5, 4);
    const assumed = 0.125 ** 0.25;
    expect(hitRate(mixture, planOf(64), skewed(32)).rate).toBeCloseTo((0.5 + assumed) / 2, 9);
    expect(hitRate(mixture, planOf(64), skewed(1)).rate).toBeCloseTo((0.5 + 32 * assumed) / 33, 9);
  });

  test('says what a token reads, with as many reads in flight as a layer misses', () => {
    const budget = 158 * mebibyte;
    const {
      hitRate: rate,
      slots,
      readBytesPerToken,
      diskBytesPerSecond,
    } = estimateStreaming(modelOf(mixture), budget, { ...nothing, disk });
    expect(slots).toBe(128);
    const misses = 4 * (1 - rate!);
    expect(readBytesPerToken).toBe(Math.round(8 * misses * mebibyte));
    expect(Math.round(misses)).toBe(1);
    expect(diskBytesPerSecond).toBe(4e8);
  });
});

describe('streaming is', () => {
  const budget = 100 * mebibyte;

  test('not worth it where all of it fits in memory', () => {
    const facts = { ...nothing, freeBytes: 210 * mebibyte };
    const { isWorthIt, advice } = estimateStreaming(modelOf(dense), budget, facts);
    expect(isWorthIt).toBe(false);
    expect(advice).toContain('All of it fits in memory');
    expect(estimateStreaming(modelOf(dense), budget, { ...facts, freeBytes: 209 * mebibyte })).toMatchObject({
      isWorthIt: true,
      advice: null,
    });
  });

  test('not worth it where less than a token a second is predicted', () => {
    const slowDisk = { ...disk, bytesPerSecond: disk.bytesPerSecond.map((rate) => rate / 10) };
    const { isWorthIt, advice } = estimateStreaming(modelOf(dense), budget, {
      ...nothing,
      disk: slowDisk,
      memoryBytesPerSecond: 1e10,
    });
    expect(isWorthIt).toBe(false);
    expect(advice).toContain('About 0.71 tokens a second');
  });

  test('not worth it for a dense model of many bits that would fit with few', () => {
    const facts = { ...nothing, disk, memoryBytesPerSecond: 1e10 };
    const wide = estimateStreaming(modelOf(dense, 16), budget, facts);
    expect(wide.isWorthIt).toBe(false);
    expect(wide.advice).toContain('With 4 bits a weight this model would take 66 MiB');
    // With 8.5 bits it becomes 106 MiB, which the budget does not hold.
    expect(estimateStreaming(modelOf(dense, 8.5), budget, facts).isWorthIt).toBe(true);
    expect(estimateStreaming(modelOf(mixture, 16), 300 * mebibyte, facts).isWorthIt).toBe(true);
  });
});

describe('the estimate of a pack', () => {
  const facts: EstimateFacts = { freeBytes: null, memoryBytesPerSecond: 1e9, uses: [], cacheFolder: null };
  const common = { context: 64, kvCodec: null, threads: 2 };

  test('takes the very least that opening it with a session takes', async () => {
    const { out: path } = await packInto(makeFolder(), bundledModel);
    const estimator = new Estimator();
    expect(await estimator.estimate({ path, ...common })).toMatchObject({ canStream: true, streaming: null });
    const refused = await labError(estimator.estimate({ path, ...common, memoryBudget: 1 }));
    expect([refused.code, refused.detail.field]).toEqual(['bad-request', 'memoryBudget']);
    const least = Number(refused.detail['minimumBytes']);
    const vocabularyTokens = 49_152;
    const engine = await openModel(path, { arithmetic: 'fast', memoryBudget: least, vocabularyTokens });
    await engine.createSession({ context: 64 });
    const state = engine.streaming!.state();
    const { streaming } = await estimator.estimate({ path, ...common, memoryBudget: least, facts });
    const { minimumBytes, pinnedBytes, ringBytes, lookupBytes } = streaming!;
    expect({ minimumBytes, pinnedBytes, ringBytes, lookupBytes }).toEqual({
      minimumBytes: state.minimumBytes,
      pinnedBytes: state.pinnedBytes,
      ringBytes: state.ringBytes,
      lookupBytes: state.lookupBytes,
    });
    expect(streaming!.minimumMemoryBudgetBytes).toBe(least);
  });

  test('finds the curve of its disk in the cache folder', async () => {
    const folder = makeFolder();
    const { out: path } = await packInto(folder, bundledModel);
    const cacheFolder = temporaryFolder();
    const ask = async () => {
      const request = { path, ...common, memoryBudget: 80 * mebibyte, facts: { ...facts, cacheFolder } };
      return (await new Estimator().estimate(request)).streaming!;
    };
    expect(await ask()).toMatchObject({ diskBytesPerSecond: null, tokensPerSecond: null });
    await storeDiskCurve(cacheFolder, await fileSystemOf(folder), disk);
    const known = await ask();
    expect(known.diskBytesPerSecond).toBeGreaterThanOrEqual(4e8);
    expect(known.tokensPerSecond).toBeGreaterThan(0);
  });

  test('of a model that is no pack takes a budget only where all of it fits', async () => {
    const path = tinyFolder('llama');
    const estimator = new Estimator();
    const refused = await labError(estimator.estimate({ path, ...common, memoryBudget: 1_000_000 }));
    expect([refused.code, refused.detail.field]).toEqual(['unsupported-feature', 'memoryBudget']);
    expect(refused.message).toContain('retort pack');
    const memoryBudget = Number(refused.detail['minimumBytes']);
    const fitting = await estimator.estimate({ path, ...common, memoryBudget });
    expect(fitting).toMatchObject({ canStream: false, streaming: null });
  });
});
