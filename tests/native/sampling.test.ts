import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { SamplingParameters } from '../../electron/contract/sampling.ts';
import { createSampler } from '../../electron/engine/native/sampler.ts';
import {
  PlainPcg32,
  plainLogProbabilities,
  plainPick,
  plainProbabilities,
  randomLogits,
} from '../helpers/plain-sampling.ts';

type Settings = z.input<typeof SamplingParameters>;
const parse = (settings: Settings) => SamplingParameters.parse(settings);
const open = { temperature: 1, topK: 0, topP: 1 };
const noHistory = new Int32Array();

/** Every choice of each setting with every choice of the others: 4·3·3·2·3·2 = 432 parameter sets. */
function* everyCombination(): Generator<SamplingParameters> {
  const penalties = [
    {},
    { repetitionPenalty: 1.3, penaltyWindow: 8 },
    { repetitionPenalty: 0.7, presencePenalty: 0.6, frequencyPenalty: -0.4, penaltyWindow: 0 },
  ];
  const biases = [[], [{ id: 3, bias: 2.7 }, { id: 60, bias: -1.3 }, { id: 3, bias: 0.1 }]]; // prettier-ignore
  for (const temperature of [0, 0.3, 1, 2.5])
    for (const topK of [0, 1, 17])
      for (const topP of [1, 0.9, 0.2])
        for (const minP of [0, 0.1])
          for (const penalty of penalties)
            for (const logitBias of biases)
              yield parse({ temperature, topK, topP, minP, ...penalty, logitBias, topLogProbabilities: 5 });
}

function largestDifference(a: Float64Array, b: Float64Array): number {
  return a.reduce((largest, value, i) => Math.max(largest, Math.abs(value - (b[i] ?? NaN))), 0);
}

/** Half of the ids, by a fixed pattern; null for none. */
function maskOf(size: number, pattern: number): Uint32Array | null {
  if (pattern === 0) return null;
  return new Uint32Array(Math.ceil(size / 32)).fill(pattern);
}

describe('the law of a draw', () => {
  it('equals a plain float64 computation for every combination of parameters, with and without a mask', () => {
    const history = Int32Array.from([60, 3, 3, 9, 70, 3, 1, 9, 2, 2, 40, 41, 42, 43]);
    let seed = 0;
    for (const parameters of everyCombination()) {
      const logits = randomLogits(71, ++seed);
      const allowed = maskOf(71, seed % 3 === 0 ? 0x0f3c5aa5 : 0);
      const expected = plainProbabilities(parameters, { logits, history, allowed });
      const sampler = createSampler({ ...parameters, seed });
      const actual = sampler.probabilities(logits, history, allowed);
      expect(largestDifference(actual, expected), JSON.stringify(parameters)).toBeLessThan(1e-13);

      const drawn = sampler.draw(logits, history, allowed);
      const unit = new PlainPcg32(BigInt(seed), 54n).nextUnit();
      expect(drawn.id, JSON.stringify(parameters)).toBe(plainPick(expected, unit));
      expect(drawn.probability).toBe(actual[drawn.id]);
    }
    expect(seed).toBe(432);
  });

  it('equals a plain computation on a vocabulary of 50000 with many equal logits', () => {
    const rounded = randomLogits(50_000, 7).map((logit) => Math.round(logit * 8) / 8);
    for (const settings of [{ topK: 1000 }, { topK: 0, topP: 0.95 }, { topK: 0, topP: 0.5, minP: 0.01 }]) {
      const parameters = parse({ temperature: 0.9, ...settings });
      const input = { logits: rounded, history: noHistory, allowed: null };
      const actual = createSampler(parameters).probabilities(rounded, noHistory);
      expect(largestDifference(actual, plainProbabilities(parameters, input))).toBeLessThan(1e-13);
    }
  });

  it('reports log-probabilities of the raw logits, likeliest first, lowest id first among equals', () => {
    const logits = randomLogits(500, 3).map((logit) => Math.round(logit));
    const logProbabilities = plainLogProbabilities(logits);
    const order = Array.from(logits.keys()).sort((a, b) => (logits[b] ?? 0) - (logits[a] ?? 0) || a - b);
    const parameters = parse({ ...open, topLogProbabilities: 30, logitBias: [{ id: 0, bias: 50 }] });
    const drawn = createSampler(parameters).draw(logits, noHistory);
    expect(drawn.id).toBe(0);
    expect(drawn.logProbability).toBeCloseTo(logProbabilities[0] ?? NaN, 12);
    expect(Array.from(drawn.topIds)).toEqual(order.slice(0, 30));
    order.slice(0, 30).forEach((id, i) => {
      expect(drawn.topLogProbabilities[i]).toBeCloseTo(logProbabilities[id] ?? NaN, 12);
    });
  });

  it('reports no more likeliest ids than have a finite logit', () => {
    const logits = Float32Array.of(-Infinity, 1, -Infinity, 2);
    const drawn = createSampler(parse({ ...open, topLogProbabilities: 10 })).draw(logits, noHistory);
    expect(Array.from(drawn.topIds)).toEqual([3, 1]);
  });
});

describe('the random numbers of a draw', () => {
  it.each([
    ['unfiltered', { ...open, seed: 1 }],
    ['with temperature 0.7, top-k 20 and top-p 0.9', { temperature: 0.7, topK: 20, topP: 0.9, seed: 2 }],
    ['with min-p 0.05 and a seed of 2^53 − 1', { ...open, minP: 0.05, seed: Number.MAX_SAFE_INTEGER }],
  ])('100000 draws %s follow the law by chi-square', (_name, settings) => {
    const logits = randomLogits(40, 5, 1.5);
    const sampler = createSampler(parse(settings));
    const law = sampler.probabilities(logits, noHistory);
    const draws = 100_000;
    const counts = new Float64Array(logits.length);
    for (let i = 0; i < draws; i++) {
      const { id } = sampler.draw(logits, noHistory);
      counts[id] = (counts[id] ?? 0) + 1;
    }
    let statistic = 0;
    let categories = 0;
    law.forEach((probability, id) => {
      if (probability === 0) return expect(counts[id]).toBe(0);
      const expected = probability * draws;
      expect(expected).toBeGreaterThan(5);
      statistic += ((counts[id] ?? 0) - expected) ** 2 / expected;
      categories++;
    });
    // Wilson and Hilferty 1931: the 99.9 % point of chi-square (z = 3.09).
    const freedom = categories - 1;
    const limit = freedom * (1 - 2 / (9 * freedom) + 3.09 * Math.sqrt(2 / (9 * freedom))) ** 3;
    expect(statistic).toBeLessThan(limit);
  });

  it('start from the seed as PCG32 of the paper does, sequence 54', () => {
    const reference = new PlainPcg32(42n, 54n);
    expect(createSampler(parse({ seed: 42 })).getState()).toEqual([reference.state, 109n]);
    const sequence = [0xa15c02b7, 0x7b47f409, 0xba1d3330, 0x83d2f293, 0xbfa4784b, 0xcbed606e];
    expect(sequence.map(() => reference.next())).toEqual(sequence);
  });

  it('advance by two outputs a draw, and by none where a draw is greedy', () => {
    const logits = randomLogits(100, 1);
    const reference = new PlainPcg32(42n, 54n);
    const sampler = createSampler(parse({ ...open, seed: 42 }));
    sampler.draw(logits, noHistory);
    reference.nextUnit();
    expect(sampler.getState()[0]).toBe(reference.state);
    const greedy = createSampler(parse({ temperature: 0, seed: 42 }));
    const before = greedy.getState();
    greedy.draw(logits, noHistory);
    expect(greedy.getState()).toEqual(before);
  });

  it('give the same ids for the same seed and others for another seed', () => {
    const logits = randomLogits(1000, 2);
    const idsOf = (seed: number) => {
      const sampler = createSampler(parse({ ...open, seed }));
      return Array.from({ length: 200 }, () => sampler.draw(logits, noHistory).id);
    };
    expect(idsOf(5)).toEqual(idsOf(5));
    expect(idsOf(5)).not.toEqual(idsOf(6));
  });

  it('go on where a saved state left off', () => {
    const logits = randomLogits(1000, 2);
    const first = createSampler(parse({ ...open, seed: 3 }));
    first.draw(logits, noHistory);
    const second = createSampler(parse({ ...open, seed: 4 }));
    second.setState(first.getState());
    const next = (sampler: typeof first) => Array.from({ length: 50 }, () => sampler.draw(logits, noHistory).id);
    expect(next(second)).toEqual(next(first));
  });

  it('are not consumed by a refused draw or by asking for probabilities', () => {
    const logits = randomLogits(100, 2);
    const sampler = createSampler(parse(open));
    const before = sampler.getState();
    sampler.probabilities(logits, noHistory);
    expect(() => sampler.draw(logits, Int32Array.of(100))).toThrow();
    expect(sampler.getState()).toEqual(before);
  });
});
