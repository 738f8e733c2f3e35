/**
 * 95 % intervals of means over neighbouring tokens, which are alike: the tokens are cut into blocks, and Student's t is taken over the blocks'
 * sums. Blocks may differ in length by one: the variance is that of a ratio of sums (Cochran, Sampling Techniques, 1977, 6.4).
 */
import type { Interval } from '../../contract/compare-figures.ts';

const blockTokens = 64;

interface Block {
  readonly sum: number;
  readonly count: number;
}

/** Of the mean of all values; `windows`: what neighbours are, in order. */
export function meanInterval(windows: readonly (readonly number[])[]): Interval {
  const blocks = windows.flatMap(blocksOf);
  const count = blocks.reduce((total, block) => total + block.count, 0);
  if (count === 0) return { value: 0, low: null, high: null };
  const value = blocks.reduce((total, block) => total + block.sum, 0) / count;
  if (blocks.length < 2) return { value, low: null, high: null };
  const squares = blocks.reduce((total, block) => total + (block.sum - value * block.count) ** 2, 0);
  const error = Math.sqrt((squares * blocks.length) / (blocks.length - 1)) / count;
  const half = studentQuantile(blocks.length - 1) * error;
  return { value, low: value - half, high: value + half };
}

export function mapInterval({ value, low, high }: Interval, change: (value: number) => number): Interval {
  return {
    value: change(value),
    low: low === null ? null : change(low),
    high: high === null ? null : change(high),
  };
}

/** As many blocks of at least 64 as a window has room for, one at the least; what is over makes the first ones longer. */
function blocksOf(window: readonly number[]): Block[] {
  if (window.length === 0) return [];
  const count = Math.max(1, Math.floor(window.length / blockTokens));
  return Array.from({ length: count }, (_, block) => {
    const values = window.slice(
      Math.floor((block * window.length) / count),
      Math.floor(((block + 1) * window.length) / count),
    );
    return { sum: values.reduce((sum, value) => sum + value, 0), count: values.length };
  });
}

/** Exact for one and two degrees of freedom, where the series below is far off. */
const fewDegrees: readonly number[] = [12.706_204_736, 4.302_652_73];

/** The 97.5 % quantile of Student's t: the normal one and its series in 1/ν (Abramowitz and Stegun 26.7.5). Within 0.1 % from three degrees on. */
export function studentQuantile(degrees: number): number {
  const few = fewDegrees[degrees - 1];
  if (few !== undefined) return few;
  const x = 1.959_963_984_540_054;
  const terms = [
    (x ** 3 + x) / 4,
    (5 * x ** 5 + 16 * x ** 3 + 3 * x) / 96,
    (3 * x ** 7 + 19 * x ** 5 + 17 * x ** 3 - 15 * x) / 384,
    (79 * x ** 9 + 776 * x ** 7 + 1482 * x ** 5 - 1920 * x ** 3 - 945 * x) / 92_160,
  ];
  return terms.reduce((sum, term, i) => sum + term / degrees ** (i + 1), x);
}
