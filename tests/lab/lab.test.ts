import { describe, expect, test } from 'vitest';
import { bench } from '../../electron/lab/bench.ts';
import { perplexity } from '../../electron/lab/perplexity.ts';
import { quantile, spread } from '../../electron/lab/spread.ts';
import { openModel, tinyFolder } from '../helpers/native-engine.ts';
import { peakAt, tableEngine } from '../helpers/table-engine.ts';

const size = 8;
const hooks = { signal: new AbortController().signal, onProgress: () => undefined };
const ids = [0, 1, 2, 3, 4, 5, 6, 7, 0, 1];
/** Logits of i/10 for id i after every id. */
const ramp = () => Float32Array.from({ length: size }, (_, i) => i / 10);
const rampEngine = () => tableEngine({ rowAfter: ramp, vocabularySize: size });
const flatEngine = (vocabularySize = size) =>
  tableEngine({ rowAfter: () => new Float32Array(vocabularySize), vocabularySize });

/** ln Σ exp(i/10). */
const normalizer = Math.log(ramp().reduce((sum, logit) => sum + Math.exp(logit), 0));

function rampPerplexity(counted: readonly number[]): number {
  return Math.exp(counted.reduce((sum, id) => sum + normalizer - id / 10, 0) / counted.length);
}

describe('perplexity', () => {
  test('of a model that knows nothing is the size of its vocabulary', async () => {
    const request = { ids, context: 5, secondHalf: false };
    const result = await perplexity(flatEngine(), null, request, hooks);
    expect(result.perplexity).toBeCloseTo(size, 10);
    expect(result).toEqual({ perplexity: result.perplexity, tokens: 8 });
  });

  test('counts tokens 1 to N−1 of each whole window, each alone from position 0', async () => {
    const engine = rampEngine();
    const result = await perplexity(engine, null, { ids, context: 4, secondHalf: false }, hooks);
    expect(result.tokens).toBe(6);
    expect(result.perplexity).toBeCloseTo(rampPerplexity([1, 2, 3, 5, 6, 7]), 5);
    // The last id of a window predicts nothing that counts.
    expect(engine.evaluations).toEqual([3, 3]);
    expect(engine.openSessions).toBe(0);
  });

  test('counts only the second half of each window where asked', async () => {
    const request = { ids, context: 4, secondHalf: true };
    const result = await perplexity(rampEngine(), null, request, hooks);
    expect(result.tokens).toBe(4);
    expect(result.perplexity).toBeCloseTo(rampPerplexity([2, 3, 6, 7]), 5);
  });

  test('against itself diverges by nothing and always agrees', async () => {
    const request = { ids, context: 5, secondHalf: false };
    const result = await perplexity(rampEngine(), rampEngine(), request, hooks);
    expect(result.kl).toEqual({ mean: 0, median: 0, p99: 0, max: 0 });
    expect(result.topOneAgreement).toBe(1);
  });

  test('takes the divergence from the reference, in nats', async () => {
    const request = { ids, context: 5, secondHalf: false };
    const { kl, topOneAgreement } = await perplexity(rampEngine(), flatEngine(), request, hooks);
    // Σ 1/8·(ln 1/8 − (i/10 − normalizer))
    const expected = -Math.log(size) + normalizer - ramp().reduce((sum, logit) => sum + logit, 0) / size;
    expect(kl?.mean).toBeCloseTo(expected, 6);
    expect(kl?.max).toBeCloseTo(expected, 6);
    expect(topOneAgreement).toBe(0);
  });

  test('evaluates a large vocabulary in few rows at a time', async () => {
    const large = 300_000;
    const engine = tableEngine({ rowAfter: () => new Float32Array(large), vocabularySize: large });
    const many = Array.from({ length: 100 }, (_, i) => i);
    await perplexity(engine, null, { ids: many, context: 100, secondHalf: false }, hooks);
    expect(Math.max(...engine.evaluations) * large * 4).toBeLessThanOrEqual(48 * 1_048_576);
  });

  test('of ids that fill no window is refused', async () => {
    const request = { ids, context: 11, secondHalf: false };
    await expect(perplexity(flatEngine(), null, request, hooks)).rejects.toMatchObject({
      code: 'bad-request',
    });
  });

  test('against a model of another vocabulary is refused', async () => {
    const request = { ids, context: 5, secondHalf: false };
    await expect(perplexity(flatEngine(), flatEngine(9), request, hooks)).rejects.toMatchObject({
      code: 'bad-request',
    });
  });

  test('with a window that does not fit the model is refused', async () => {
    const engine = tableEngine({ rowAfter: ramp, vocabularySize: size, contextLength: 4 });
    const request = { ids, context: 5, secondHalf: false };
    await expect(perplexity(engine, null, request, hooks)).rejects.toMatchObject({ code: 'context-full' });
  });

  test('stops when it is cancelled', async () => {
    const cancelled = { ...hooks, signal: AbortSignal.abort() };
    const request = { ids, context: 5, secondHalf: false };
    await expect(perplexity(flatEngine(), null, request, cancelled)).rejects.toMatchObject({
      name: 'AbortError',
    });
  });
});

describe('bench', () => {
  test('warms up once, then evaluates the prompt and as many tokens as asked in every round', async () => {
    const seen: number[][] = [];
    const engine = tableEngine({
      rowAfter: peakAt(() => 3, size),
      vocabularySize: size,
      onEvaluate: (chunk) => void seen.push([...chunk]),
    });
    const result = await bench(engine, { promptTokens: 3, generateTokens: 2, repeat: 2 }, hooks);
    const prompt = [0, 7919 % size, (2 * 7919) % size];
    expect(seen).toEqual([prompt, [3], [3], prompt, [3], [3], prompt, [3], [3]]);
    expect(engine.openSessions).toBe(0);
    for (const { tokensPerSecond: speeds } of [result.prefill, result.decode]) {
      expect(speeds.min).toBeGreaterThan(0);
      expect(speeds.min).toBeLessThanOrEqual(speeds.median);
      expect(speeds.median).toBeLessThanOrEqual(speeds.max);
    }
  });

  test('tells the time by cause, the bytes and the cache of a token from the trace', async () => {
    const engine = await openModel(tinyFolder('llama'));
    const { prefill, decode } = await bench(engine, { promptTokens: 8, generateTokens: 1, repeat: 1 }, hooks);
    for (const { perToken } of [prefill, decode]) {
      const { total, evaluate, attention, feedForward, head, other, sampling = 0 } = perToken.timeNs;
      const parts = attention! + feedForward! + head! + other!;
      expect(parts).toBeGreaterThan(0);
      expect(parts).toBeLessThanOrEqual(evaluate!);
      expect(evaluate! + sampling).toBeLessThanOrEqual(total);
      expect(perToken.bytesPerSecond).toBeGreaterThan(0);
    }
    expect(prefill.perToken.timeNs.sampling).toBeUndefined();
    expect(decode.perToken.timeNs.sampling).toBeGreaterThan(0);
    expect(decode.perToken.bytesTouched).toBeGreaterThan(engine.info.weightsBytes / 2);
    expect(decode.perToken.kvBytes).toBeGreaterThanOrEqual(prefill.perToken.kvBytes!);
  });

  test('leaves out what the engine does not tell', async () => {
    const engine = tableEngine({ rowAfter: ramp, vocabularySize: size });
    const { decode } = await bench(engine, { promptTokens: 3, generateTokens: 2, repeat: 1 }, hooks);
    expect(Object.keys(decode.perToken.timeNs).sort()).toEqual(['evaluate', 'sampling', 'total']);
    expect(decode.perToken).not.toHaveProperty('bytesTouched');
  });

  test('of more tokens than the model holds is refused', async () => {
    const engine = tableEngine({ rowAfter: ramp, vocabularySize: size, contextLength: 4 });
    const request = { promptTokens: 3, generateTokens: 2, repeat: 1 };
    await expect(bench(engine, request, hooks)).rejects.toMatchObject({ code: 'context-full' });
  });
});

test('a spread names the least, the middle and the most', () => {
  expect(spread([5, 1, 3])).toEqual({ min: 1, median: 3, max: 5 });
  expect(spread([4, 1, 2, 3])).toEqual({ min: 1, median: 2.5, max: 4 });
});

test('a quantile lies linearly between neighbours', () => {
  expect(quantile([0, 10], 0.99)).toBeCloseTo(9.9, 12);
  expect(quantile([7], 0.5)).toBe(7);
  expect(quantile([], 0.5)).toBe(0);
});
