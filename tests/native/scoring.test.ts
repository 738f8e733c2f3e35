import { expect, it } from 'vitest';
import { divergenceRows, scoreRows } from '../../electron/engine/native/sampler.ts';
import { plainLogProbabilities, randomLogits } from '../helpers/plain-sampling.ts';

const vocabularySize = 1013;
const rows = 5;
const row = (matrix: Float32Array, i: number) => matrix.subarray(i * vocabularySize, (i + 1) * vocabularySize);

it('scores of each row equal a plain float64 computation', () => {
  const logits = randomLogits(rows * vocabularySize, 11);
  const targets = Int32Array.of(0, 1, 500, 1011, 1012);
  const { negativeLogProbability, argmax } = scoreRows(logits, vocabularySize, targets);
  targets.forEach((target, i) => {
    const logProbabilities = plainLogProbabilities(row(logits, i));
    expect(negativeLogProbability[i]).toBeCloseTo(-(logProbabilities[target] ?? NaN), 12);
    expect(argmax[i]).toBe(logProbabilities.indexOf(logProbabilities.reduce((a, b) => Math.max(a, b))));
  });
});

it('the divergence of each row equals a plain float64 computation and is 0 for equal rows', () => {
  const reference = randomLogits(rows * vocabularySize, 12);
  const model = reference.map((logit, i) => (i < vocabularySize ? logit : logit + Math.sin(i) / 50));
  const divergence = divergenceRows(reference, model, vocabularySize);
  expect(divergence[0]).toBe(0);
  for (let i = 1; i < rows; i++) {
    const p = plainLogProbabilities(row(reference, i));
    const q = plainLogProbabilities(row(model, i));
    const expected = p.reduce((sum, value, id) => sum + Math.exp(value) * (value - (q[id] ?? NaN)), 0);
    expect(expected).toBeGreaterThan(1e-5);
    expect(divergence[i]).toBeCloseTo(expected, 13);
  }
});

it('no rows give no scores', () => {
  expect(scoreRows(new Float32Array(), 5, new Int32Array()).argmax).toEqual(new Int32Array());
  expect(divergenceRows(new Float32Array(), new Float32Array(), 5)).toEqual(new Float64Array());
});

it('a row of invalid numbers is refused by its number', () => {
  const logits = Float32Array.of(1, 2, 3, NaN);
  const refusal = { code: 'invalid-numbers', message: expect.stringContaining('row 1') as string };
  expect(() => scoreRows(logits, 2, Int32Array.of(0, 0))).toThrow(expect.objectContaining(refusal) as Error);
  expect(() => divergenceRows(logits, logits, 2)).toThrow(expect.objectContaining(refusal) as Error);
});

it.each([
  ['a vocabulary of 0', () => scoreRows(new Float32Array(4), 0, new Int32Array(2))],
  ['a negative vocabulary', () => scoreRows(new Float32Array(4), -2, new Int32Array(2))],
  ['a fractional vocabulary', () => scoreRows(new Float32Array(4), 1.5, new Int32Array(2))],
  ['half a row', () => scoreRows(new Float32Array(5), 2, new Int32Array(2))],
  ['too few targets', () => scoreRows(new Float32Array(4), 2, new Int32Array(1))],
  ['a target outside the vocabulary', () => scoreRows(new Float32Array(4), 2, Int32Array.of(0, 2))],
  ['a negative target', () => scoreRows(new Float32Array(4), 2, Int32Array.of(0, -1))],
  ['matrices of different sizes', () => divergenceRows(new Float32Array(4), new Float32Array(2), 2)],
  ['a matrix of float64', () => divergenceRows(new Float64Array(4) as never, new Float32Array(4), 2)],
])('%s is refused', (_name, call) => {
  expect(call).toThrow(expect.objectContaining({ name: 'LabError', code: 'bad-request' }) as Error);
});
