import { expect, it } from 'vitest';
import { scoreRows } from '../../electron/engine/native/sampler.ts';
import { plainLogProbabilities, randomLogits } from '../helpers/plain-sampling.ts';

const vocabularySize = 1013;
const rows = 5;
const row = (matrix: Float32Array, i: number) => matrix.subarray(i * vocabularySize, (i + 1) * vocabularySize);

/** KL of each row. */
function divergences(reference: Float32Array, model: Float32Array, size: number): Float64Array {
  const targets = new Int32Array(reference.length / size);
  return scoreRows([reference, model], size, targets)[1]!.divergence!;
}

it('scores of each row equal a plain float64 computation', () => {
  const logits = randomLogits(rows * vocabularySize, 11);
  const targets = Int32Array.of(0, 1, 500, 1011, 1012);
  const [scores] = scoreRows([logits], vocabularySize, targets);
  const { negativeLogProbability, argmax } = scores!;
  targets.forEach((target, i) => {
    const logProbabilities = plainLogProbabilities(row(logits, i));
    expect(negativeLogProbability[i]).toBeCloseTo(-(logProbabilities[target] ?? NaN), 12);
    expect(argmax[i]).toBe(logProbabilities.indexOf(logProbabilities.reduce((a, b) => Math.max(a, b))));
  });
});

it('the divergence of each row equals a plain float64 computation and is 0 for equal rows', () => {
  const reference = randomLogits(rows * vocabularySize, 12);
  const model = reference.map((logit, i) => (i < vocabularySize ? logit : logit + Math.sin(i) / 50));
  const divergence = divergences(reference, model, vocabularySize);
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
  expect(scoreRows([new Float32Array()], 5, new Int32Array())[0]?.argmax).toEqual(new Int32Array());
  expect(divergences(new Float32Array(), new Float32Array(), 5)).toEqual(new Float64Array());
});

it('a row of invalid numbers is refused by its number', () => {
  const logits = Float32Array.of(1, 2, 3, NaN);
  const refusal = { code: 'invalid-numbers', message: expect.stringContaining('row 1') as string };
  const sound = new Float32Array(4);
  for (const matrices of [[logits], [sound, logits], [logits, sound]]) {
    const call = () => scoreRows(matrices, 2, Int32Array.of(0, 0), 2);
    expect(call).toThrow(expect.objectContaining(refusal) as Error);
  }
});

it.each([
  ['a vocabulary of 0', () => scoreRows([new Float32Array(4)], 0, new Int32Array(2))],
  ['a negative vocabulary', () => scoreRows([new Float32Array(4)], -2, new Int32Array(2))],
  ['a fractional vocabulary', () => scoreRows([new Float32Array(4)], 1.5, new Int32Array(2))],
  ['half a row', () => scoreRows([new Float32Array(5)], 2, new Int32Array(2))],
  ['too few targets', () => scoreRows([new Float32Array(4)], 2, new Int32Array(1))],
  ['a target outside the vocabulary', () => scoreRows([new Float32Array(4)], 2, Int32Array.of(0, 2))],
  ['a negative target', () => scoreRows([new Float32Array(4)], 2, Int32Array.of(0, -1))],
  ['matrices of different sizes', () => divergences(new Float32Array(4), new Float32Array(2), 2)],
  ['no matrix', () => scoreRows([], 2, new Int32Array(2))],
  ['nine matrices', () => scoreRows(new Array<Float32Array>(9).fill(new Float32Array(4)), 2, new Int32Array(2))],
  ['no list', () => scoreRows(new Float32Array(4) as never, 2, new Int32Array(2))],
  ['no thread', () => scoreRows([new Float32Array(4)], 2, new Int32Array(2), 0)],
  ['a matrix of float64', () => divergences(new Float64Array(4) as never, new Float32Array(4), 2)],
])('%s is refused', (_name, call) => {
  expect(call).toThrow(expect.objectContaining({ name: 'LabError', code: 'bad-request' }) as Error);
});

it('scores of several models are those of each alone, whatever the number of threads', () => {
  const matrices = [13, 14, 15].map((seed) => randomLogits(rows * vocabularySize, seed));
  const targets = Int32Array.of(4, 3, 2, 1, 0);
  const together = scoreRows(matrices, vocabularySize, targets, 3);
  matrices.forEach((matrix, i) => {
    const [alone] = scoreRows([matrix], vocabularySize, targets);
    expect(together[i]?.negativeLogProbability).toEqual(alone?.negativeLogProbability);
    expect(together[i]?.argmax).toEqual(alone?.argmax);
  });
  expect(together.map(({ divergence }) => divergence !== null)).toEqual([false, true, true]);
  expect(together[2]?.divergence).toEqual(divergences(matrices[0]!, matrices[2]!, vocabularySize));
  expect(scoreRows(matrices, vocabularySize, targets)).toEqual(together);
});
