/** What the values of a tensor are, quantized ones as what they stand for. */
import { z } from 'zod';
import { count } from './identifiers.ts';

export const histogramBins = 64;

/** Of finite values: least, greatest, mean and standard deviation, and how many lie in each of as many bins of equal width between the two. */
const Spread = z.strictObject({
  minimum: z.number(),
  maximum: z.number(),
  mean: z.number(),
  deviation: z.number().nonnegative(),
  /** The last bin holds the greatest value too; where all values are the same, the first holds them. */
  histogram: z.array(count).length(histogramBins),
});

export const TensorStatistics = z.strictObject({
  values: count,
  zeros: count,
  notNumbers: count,
  infinities: count,
  /** Null: no value is finite. */
  finite: Spread.nullable(),
});
export type TensorStatistics = z.infer<typeof TensorStatistics>;

/** Names in a file, or null for all of them. */
export const TensorNames = z.array(z.string().min(1).max(65_536)).min(1).max(1_000_000).nullable();

/** What came of one tensor. */
export const TensorOutcome = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('statistics'), name: z.string(), statistics: TensorStatistics }),
  /** Its type has no values, or they are part of another tensor's. */
  z.strictObject({ type: z.literal('refused'), name: z.string(), reason: z.string() }),
]);
export type TensorOutcome = z.infer<typeof TensorOutcome>;

interface SizedTensor {
  readonly shape: readonly number[];
  readonly bytes: number;
  readonly weights?: { readonly count: number; readonly bytes: number } | undefined;
  readonly partOf?: string | undefined;
}

/** What a weight really takes, scales and zero points included; null for a tensor that is a part of others, or empty. */
export function bitsPerWeight({ shape, bytes, weights, partOf }: SizedTensor): number | null {
  if (partOf !== undefined) return null;
  const whole = weights ?? { count: shape.reduce((product, size) => product * size, 1), bytes };
  return whole.count > 0 ? (8 * whole.bytes) / whole.count : null;
}
