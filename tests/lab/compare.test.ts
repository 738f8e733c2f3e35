import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { CompareQuality, WindowScores } from '../../electron/contract/compare-figures.ts';
import { openNativeEngine } from '../../electron/engine/native/open.ts';
import { readModelSource } from '../../electron/formats/open-source.ts';
import { readWeight } from '../../electron/formats/read-weight.ts';
import { compare } from '../../electron/lab/compare/compare.ts';
import { likeliest } from '../../electron/lab/compare/forced.ts';
import { meanInterval, studentQuantile } from '../../electron/lab/compare/intervals.ts';
import { measureQuality } from '../../electron/lab/compare/quality.ts';
import { relativeError, weightErrors, weightHistogram } from '../../electron/lab/compare/weight-errors.ts';
import { resolveModel } from '../../models/families/index.ts';
import { bundledModel, goldenFolder, readGoldenJson, readGoldenTensors } from '../helpers/golden.ts';
import { expectedOf, greedy, openModel, tinyFolder } from '../helpers/native-engine.ts';
import { packInto } from '../helpers/packs.ts';
import { requantized } from '../helpers/requantized.ts';
import { peakAt, tableEngine } from '../helpers/table-engine.ts';
import { temporaryFolder } from '../helpers/test-host.ts';

const size = 8;
const quiet = {
  signal: new AbortController().signal,
  onProgress: () => undefined,
  onWindow: () => Promise.resolve(),
  onForced: () => Promise.resolve(),
};
const next = (id: number) => (id + 1) % size;
const names = ['A', 'B', 'C'];

describe('the reply of the reference, read by others', () => {
  const reference = () => tableEngine({ rowAfter: peakAt(next, size), vocabularySize: size });
  /** Chooses another id after 3. */
  const parting = () =>
    tableEngine({ rowAfter: peakAt((id) => (id === 3 ? 0 : next(id)), size), vocabularySize: size });
  const reply = { promptIds: [0, 1], ids: [2, 3, 4, 5] };

  test('names the first token at which a variant would have chosen another', async () => {
    const engines = [reference(), parting(), reference()];
    const { forced } = await compare(engines, null, { names, reply, quality: null }, quiet);
    expect(forced?.variants.map(({ firstDivergence }) => firstDivergence)).toEqual([2, null]);
    expect(forced?.reference.map(({ id }) => id)).toEqual(reply.ids);
    const [parted, same] = forced!.variants;
    expect(same?.tokens.map(({ kl }) => kl)).toEqual([0, 0, 0, 0]);
    expect(parted?.tokens.map(({ kl }) => kl > 0)).toEqual([false, false, true, false]);
    expect(parted?.meanKl).toBeCloseTo(parted!.tokens[2]!.kl / 4, 12);
  });

  test('gives both distributions, their likeliest tokens first', async () => {
    const { forced } = await compare([reference(), parting()], null, { names, reply, quality: null }, quiet);
    const share = Math.exp(10) / (Math.exp(10) + size - 1);
    expect(forced?.reference[2]?.top[0]).toEqual({
      id: 4,
      piece: '',
      probability: expect.closeTo(share, 12) as number,
    });
    expect(forced?.reference[2]?.logProbability).toBeCloseTo(Math.log(share), 12);
    const thought = forced?.variants[0]?.tokens[2];
    expect(thought?.top.map(({ id }) => id).slice(0, 2)).toEqual([0, 1]);
    expect(thought?.top).toHaveLength(size);
    expect(thought?.logProbability).toBeCloseTo(Math.log(share) - 10, 9);
  });

  test('reads the prompt without rows of logits and the reply with as few as it has tokens', async () => {
    const engines = [reference(), parting()];
    await compare(engines, null, { names, reply, quality: null }, quiet);
    for (const engine of engines) expect([engine.evaluations, engine.openSessions]).toEqual([[1, 4], 0]);
  });

  test('is what the model said: greedy tokens of a golden model are its own likeliest ones', async () => {
    const { input_ids: promptIds } = expectedOf('llama');
    const [model, fast] = [
      await openModel(tinyFolder('llama')),
      await openModel(tinyFolder('llama'), { arithmetic: 'fast' }),
    ];
    const session = await model.createSession({ context: 64 });
    const ids = await greedy(session, promptIds, 12);
    session.close();
    const { forced } = await compare(
      [model, fast],
      null,
      { names, reply: { promptIds, ids }, quality: null },
      quiet,
    );
    expect(forced?.reference.map(({ top }) => top[0]?.id)).toEqual(ids);
    expect(Math.max(...forced!.variants[0]!.tokens.map(({ kl }) => kl))).toBeGreaterThan(0);
  });

  test('of models with different vocabularies is refused, naming the two', async () => {
    const other = tableEngine({ rowAfter: () => new Float32Array(9), vocabularySize: 9 });
    const comparing = compare([reference(), parting(), other], null, { names, reply, quality: null }, quiet);
    await expect(comparing).rejects.toMatchObject({
      code: 'bad-request',
      message: 'A and C have different vocabularies (8 and 9 ids): their rows cannot be compared.',
    });
    expect(other.evaluations).toEqual([]);
  });

  test('that does not fit a model is refused before anything is read', async () => {
    const small = tableEngine({ rowAfter: peakAt(next, size), vocabularySize: size, contextLength: 5 });
    const comparing = compare([reference(), small], null, { names, reply, quality: null }, quiet);
    await expect(comparing).rejects.toMatchObject({ code: 'context-full' });
    expect(small.evaluations).toEqual([]);
  });
});

describe('quality on a text', () => {
  const ids = Array.from({ length: 600 }, (_, i) => (i * 5) % size);
  const noisy = (seed: number) =>
    tableEngine({
      rowAfter: (id) => Float32Array.from({ length: size }, (_, i) => Math.sin(seed * (id + 1) * (i + 1))),
      vocabularySize: size,
    });
  const measure = (
    windows: WindowScores[] = [],
    onWindow = quiet.onWindow as (index: number, scores: WindowScores) => Promise<void>,
  ) => measureQuality([noisy(1), noisy(2), noisy(1)], { ids, context: 100, windows }, { ...quiet, onWindow });

  test('counts all but the first id of each window, and has an interval around each figure', async () => {
    const quality = await measure();
    expect([quality.windows, quality.tokens, quality.context]).toEqual([6, 594, 100]);
    const [reference, variant, same] = quality.columns;
    expect(reference).toMatchObject({ kl: null, topOneAgreement: null });
    for (const { value, low, high } of [
      reference!.perplexity,
      variant!.kl!.mean,
      variant!.topOneAgreement!,
    ]) {
      expect(low).toBeLessThanOrEqual(value);
      expect(high).toBeGreaterThanOrEqual(value);
    }
    expect(same).toMatchObject({
      kl: { mean: { value: 0 }, max: 0 },
      topOneAgreement: { value: 1, low: 1, high: 1 },
    });
    expect(same?.perplexity).toEqual(reference?.perplexity);
  });

  test('goes on from the windows that were read before, with the same bits', async () => {
    const kept: WindowScores[] = [];
    const whole = await measure([], (_index, scores) => (kept.push(scores), Promise.resolve()));
    const again: number[] = [];
    const stored = JSON.parse(JSON.stringify(kept.slice(0, 4))) as WindowScores[];
    const rest = await measure(stored, (index) => (again.push(index), Promise.resolve()));
    expect(again).toEqual([4, 5]);
    expect(rest).toEqual(whole);
  });

  test('of a text too short for one window is refused', async () => {
    const work = { names, reply: null, quality: { ids: ids.slice(0, 99), context: 100, windows: [] } };
    const comparing = compare([noisy(1), noisy(2)], null, work, quiet);
    await expect(comparing).rejects.toMatchObject({
      code: 'bad-request',
      message: '99 ids do not fill one window of 100.',
    });
  });

  test('stops when it is cancelled', async () => {
    const controller = new AbortController();
    const work = { names, reply: null, quality: { ids, context: 100, windows: [] } };
    const hooks = {
      ...quiet,
      signal: controller.signal,
      onWindow: () => Promise.resolve(controller.abort()),
    };
    await expect(compare([noisy(1), noisy(2)], null, work, hooks)).rejects.toMatchObject({
      name: 'AbortError',
    });
  });
});

describe('intervals', () => {
  test.each([
    [1, 12.7062], [2, 4.3027], [3, 3.1824], [5, 2.5706], [10, 2.2281], [30, 2.0423], [1000, 1.9623],
  ])('Student’s quantile of %s degrees of freedom is %s', (degrees, expected) => {
    expect(studentQuantile(degrees) / expected).toBeCloseTo(1, 2);
  }); // prettier-ignore

  test('are those of the blocks’ means where blocks are of one length', () => {
    const windows = [1, 2, 3, 4].map((value) => new Array<number>(64).fill(value));
    const { value, low, high } = meanInterval(windows);
    const half = studentQuantile(3) * Math.sqrt(5 / 3 / 4);
    expect(value).toBe(2.5);
    expect([low, high]).toEqual([expect.closeTo(2.5 - half, 10), expect.closeTo(2.5 + half, 10)]);
  });

  test('hold the mean in about 95 of 100 texts', () => {
    let [state, held] = [1, 0];
    const random = () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
    for (let text = 0; text < 400; text++) {
      const windows = Array.from({ length: 4 }, () => Array.from({ length: 300 }, random));
      const { low, high } = meanInterval(windows);
      held += Number(low! <= 0.5 && high! >= 0.5);
    }
    expect(held / 400).toBeGreaterThan(0.92);
    expect(held / 400).toBeLessThan(0.98);
  });

  test('are not known from one block, and nothing from none', () => {
    expect(meanInterval([[1, 3]])).toEqual({ value: 2, low: null, high: null });
    expect(meanInterval([])).toEqual({ value: 0, low: null, high: null });
  });
});

test('the likeliest ids come in order, of equal ones the lowest first', () => {
  expect(likeliest(Float32Array.of(1, 5, 3, 5, -1), 3)).toEqual([1, 3, 2]);
  expect(likeliest(Float32Array.of(2, 1), 10)).toEqual([0, 1]);
});

describe('weights', () => {
  test('of a pack are those of the model it was made of', async () => {
    for (const name of ['llama', 'llama-gptq-actorder', 'mixtral']) {
      const folder = temporaryFolder();
      const { out } = await packInto(folder, tinyFolder(name));
      const { tensors, errors } = await weightErrors(tinyFolder(name), [out, tinyFolder(name)], quiet);
      expect(tensors.length).toBeGreaterThan(10);
      // Codes and scales of packs may be of another form of the same numbers.
      expect(Math.max(...errors[0]!.map((error) => error ?? NaN)), name).toBeLessThan(1e-6);
      expect(errors[1]).toEqual(tensors.map(() => 0));
    }
  });

  test('are compared by their canonical names, by layer and part', async () => {
    const { tensors, errors } = await weightErrors(tinyFolder('llama'), [tinyFolder('llama-linear')], quiet);
    expect(tensors).toContainEqual(
      expect.objectContaining({ name: 'layers.1.query.weight', layer: 1, part: 'query.weight' }),
    );
    expect(tensors).toContainEqual(expect.objectContaining({ name: 'embedding.weight', layer: null }));
    expect(errors[0]).toHaveLength(tensors.length);
  });

  test('of a model that has no such matrices of that shape are not compared', async () => {
    const { errors } = await weightErrors(tinyFolder('llama'), [tinyFolder('opt')], quiet);
    expect(errors[0]).toContain(null);
  });

  test('are counted in bins over the reference’s range', async () => {
    const histogram = await weightHistogram(tinyFolder('llama'), tinyFolder('llama'), 'layers.0.up.weight');
    const sum = (counts: readonly number[]) => counts.reduce((total, count) => total + count, 0);
    expect(histogram.reference).toEqual(histogram.variant);
    expect(sum(histogram.reference)).toBeGreaterThan(100);
    expect(histogram.reference[0]).toBeGreaterThan(0);
    expect(histogram.reference.at(-1)).toBeGreaterThan(0);
    expect(histogram).toMatchObject({ error: 0 });
    await expect(weightHistogram(tinyFolder('llama'), tinyFolder('llama'), 'nothing')).rejects.toMatchObject({
      code: 'bad-request',
    });
  });
});

describe('the golden ladder', () => {
  interface Rung {
    readonly scheme: string;
    readonly ppl: number;
    readonly mean_kl: number;
    readonly top1_agreement: number;
    readonly weight_rel_rmse: number;
  }
  test('perplexity, divergence and agreement of requantized models are the golden ones within 1 %', async () => {
    const folder = temporaryFolder();
    copyFileSync(bundledModel, join(folder, 'model.gguf'));
    const base = await readModelSource(join(folder, 'model.gguf'));
    const scheme = 'gguf Q8_0, all 2-D tensors with the tied embedding';
    const source = await requantized(base, 'Q8_0', folder, () => true);
    const engines = [];
    for (const opened of [base, source]) {
      const engine = await openNativeEngine(opened, resolveModel(opened), {
        arithmetic: 'reference',
        threads: 2,
      });
      onTestFinished(() => engine.close());
      engines.push(engine);
    }
    const tensors = await readGoldenTensors(join(goldenFolder, 'smollm2', 'tensors.safetensors'));
    const ids = [...tensors.get('ppl.token_ids')!.integers()];
    const quality = await measureQuality(engines, { ids, context: 512, windows: [] }, quiet);
    const golden = readGoldenJson<{ reference: Rung; ladder: Rung[] }>('smollm2', 'ppl.json');
    expect(quality.columns[0]!.perplexity.value / golden.reference.ppl).toBeCloseTo(1, 3);
    const rung = golden.ladder.find((each) => each.scheme === scheme)!;
    expectRung(quality, 1, rung);
    const name = 'layers.7.up.weight';
    const [own, other] = [resolveModel(base).weights.get(name)!, resolveModel(source).weights.get(name)!];
    const error = relativeError(await readWeight(base, own), await readWeight(source, other));
    expect(error / rung.weight_rel_rmse, scheme).toBeGreaterThan(0.8);
    expect(error / rung.weight_rel_rmse, scheme).toBeLessThan(1.25);
  }, 240_000);

  function expectRung({ columns }: CompareQuality, index: number, rung: Rung): void {
    const { perplexity, kl, topOneAgreement } = columns[index]!;
    for (const [measured, golden] of [
      [perplexity.value, rung.ppl],
      [kl!.mean.value, rung.mean_kl],
      [topOneAgreement!.value, rung.top1_agreement],
    ] as const) {
      expect(Math.abs(measured / golden - 1), `${rung.scheme}: ${measured} against ${golden}`).toBeLessThan(
        0.01,
      );
    }
  }
});
