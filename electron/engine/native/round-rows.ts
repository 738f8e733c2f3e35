/** Rounding rows of weights to codes (native/include/retort/quantize.h). */
import type { RoundedMatrix } from '../packed-blocks.ts';
import { nativeAddon, withCodes } from './addon.ts';

export interface RoundingRule {
  readonly bits: RoundedMatrix['bits'];
  /** Columns that share a scale. */
  readonly block: number;
  readonly hasPoints: boolean;
}

/** Codes, one to a byte, and float16 scales. Throws invalid-numbers for values that are not finite, bad-request for what are no rows. */
export function roundRows(
  values: Float32Array,
  columns: number,
  { bits, block, hasPoints }: RoundingRule,
): Pick<RoundedMatrix, 'codes' | 'scales' | 'zeroPoints'> {
  return withCodes(() => nativeAddon().quantizeRows(values, columns, bits, block, hasPoints));
}
