import type { z } from 'zod';
import type { Spread } from '../contract/lab-results.ts';

/** The median of an even number of values is the mean of the middle two. */
export function spread(values: readonly number[]): z.infer<typeof Spread> {
  const sorted = [...values].sort((left, right) => left - right);
  return { min: sorted[0] ?? 0, median: quantile(sorted, 0.5), max: sorted.at(-1) ?? 0 };
}

/** Linear between neighbours, of ascending values; 0 where there are none. */
export function quantile(sorted: ArrayLike<number>, share: number): number {
  if (sorted.length === 0) return 0;
  const place = share * (sorted.length - 1);
  const low = sorted[Math.floor(place)] ?? 0;
  const high = sorted[Math.ceil(place)] ?? 0;
  return low + (high - low) * (place - Math.floor(place));
}

/** In order; 0 where there are none. */
export function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Summed from the least up, so that small ones count. */
export function distribution(values: readonly number[]) {
  const sorted = [...Float64Array.from(values).sort()];
  return {
    mean: mean(sorted),
    median: quantile(sorted, 0.5),
    p99: quantile(sorted, 0.99),
    max: sorted.at(-1) ?? 0,
  };
}
