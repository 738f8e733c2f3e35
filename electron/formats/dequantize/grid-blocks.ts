/**
 * ggml's IQ1, IQ2 and IQ3 formats: 256 elements per block, each 8 (or 4) of them an entry of a fixed grid, with signs
 * and small scales (layouts as in ggml's ggml-common.h). Codes are the signed grid values plus 128.
 */
import type { BlockLayout, BlockParts } from './block-layout.ts';
import { halfAt, halfValues } from './block-layout.ts';
import { grid1, grid2S, grid2XS, grid2XXS, grid3S, grid3XXS } from './grids.ts';

/** Seven stored sign bits; the eighth makes their number even. */
const evenSigns = Uint8Array.from({ length: 128 }, (_, bits) => {
  let parity = 0;
  for (let rest = bits; rest > 0; rest >>= 1) parity ^= rest & 1;
  return bits | (parity << 7);
});

/** Writes `count` grid values from `from`, negated where a bit of `signs` is set. */
function signed(
  grid: Int8Array,
  from: number,
  count: number,
  signs: number,
  codes: Uint8Array,
  to: number,
): void {
  for (let j = 0; j < count; j++) {
    const value = grid[from + j]!;
    codes[to + j] = 128 + ((signs >> j) & 1 ? -value : value);
  }
}

/** Low or high nibble number `index` of the bytes at `at`. */
function nibbleAt(bytes: Uint8Array, at: number, index: number): number {
  return (bytes[at + (index >> 1)]! >> (4 * (index & 1))) & 15;
}

/** IQ2_XXS [d, 8 × (4 entries, 4 × 7 sign bits and a 4-bit scale)]: d · (½ + s)/4 · grid. */
function unpackIQ2_XXS(bytes: Uint8Array, blocks: number, { codes, scales }: BlockParts): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  for (let group = 0; group < blocks * 8; group++) {
    const start = (group >> 3) * 66;
    const at = start + 2 + (group & 7) * 8;
    const word = view.getUint32(at + 4, true);
    scales[group] = halfAt(bytes, start) * (0.5 + (word >>> 28)) * 0.25;
    for (let k = 0; k < 4; k++) {
      signed(
        grid2XXS,
        bytes[at + k]! * 8,
        8,
        evenSigns[(word >>> (7 * k)) & 127]!,
        codes,
        group * 32 + k * 8,
      );
    }
  }
}

/** IQ2_XS [d, 32 × (9-bit entry, 7 sign bits), scales[8]]: as IQ2_XXS, a scale per 16. */
function unpackIQ2_XS(bytes: Uint8Array, blocks: number, { codes, scales }: BlockParts): void {
  for (let block = 0; block < blocks; block++) {
    const at = block * 74;
    const d = halfAt(bytes, at);
    for (let group = 0; group < 16; group++) {
      scales[block * 16 + group] = d * (0.5 + nibbleAt(bytes, at + 66, group)) * 0.25;
    }
    for (let k = 0; k < 32; k++) {
      const word = bytes[at + 2 + 2 * k]! | (bytes[at + 3 + 2 * k]! << 8);
      signed(grid2XS, (word & 511) * 8, 8, evenSigns[word >> 9]!, codes, block * 256 + k * 8);
    }
  }
}

/** IQ2_S [d, low[32], signs[32], high[8], scales[8]]: 10-bit entries, whole sign bytes, a scale per 16. */
function unpackIQ2_S(bytes: Uint8Array, blocks: number, { codes, scales }: BlockParts): void {
  for (let block = 0; block < blocks; block++) {
    const at = block * 82;
    const d = halfAt(bytes, at);
    for (let group = 0; group < 16; group++) {
      scales[block * 16 + group] = d * (0.5 + nibbleAt(bytes, at + 74, group)) * 0.25;
    }
    for (let k = 0; k < 32; k++) {
      const high = (bytes[at + 66 + (k >> 2)]! >> (2 * (k & 3))) & 3;
      const entry = bytes[at + 2 + k]! | (high << 8);
      signed(grid2S, entry * 8, 8, bytes[at + 34 + k]!, codes, block * 256 + k * 8);
    }
  }
}

/** IQ3_XXS [d, entries[64], 8 × (4 × 7 sign bits and a 4-bit scale)]: d · (½ + s)/2 · grid, entries of 4. */
function unpackIQ3_XXS(bytes: Uint8Array, blocks: number, { codes, scales }: BlockParts): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  for (let group = 0; group < blocks * 8; group++) {
    const start = (group >> 3) * 98;
    const at = start + 2 + (group & 7) * 8;
    const word = view.getUint32(start + 66 + (group & 7) * 4, true);
    scales[group] = halfAt(bytes, start) * (0.5 + (word >>> 28)) * 0.5;
    for (let k = 0; k < 8; k++) {
      const signs = evenSigns[(word >>> (7 * (k >> 1))) & 127]! >> (4 * (k & 1));
      signed(grid3XXS, bytes[at + k]! * 4, 4, signs, codes, group * 32 + k * 4);
    }
  }
}

/** IQ3_S [d, low[64], high[8], signs[32], scales[4]]: d · (1 + 2s) · grid, 9-bit entries of 4, a scale per 32. */
function unpackIQ3_S(bytes: Uint8Array, blocks: number, { codes, scales }: BlockParts): void {
  for (let block = 0; block < blocks; block++) {
    const at = block * 110;
    const d = halfAt(bytes, at);
    for (let group = 0; group < 8; group++) {
      scales[block * 8 + group] = d * (1 + 2 * nibbleAt(bytes, at + 106, group));
    }
    for (let k = 0; k < 64; k++) {
      const high = (bytes[at + 66 + (k >> 3)]! >> (k & 7)) & 1;
      const signs = nibbleAt(bytes, at + 74, k);
      signed(grid3S, (bytes[at + 2 + k]! | (high << 8)) * 4, 4, signs, codes, block * 256 + k * 4);
    }
  }
}

/** Writes eight IQ1 values: grid (−1, 0, 1) plus or minus ⅛, all times 8. */
function shifted(entry: number, isNegative: boolean, codes: Uint8Array, to: number): void {
  const base = isNegative ? 127 : 129;
  for (let j = 0; j < 8; j++) codes[to + j] = base + grid1[entry * 8 + j]!;
}

/** IQ1_S [d, low[32], 8 × u16 (4 × 3 high bits, 3-bit scale, sign of the shift)]: d · (2s + 1) · (grid ± ⅛). */
function unpackIQ1_S(bytes: Uint8Array, blocks: number, { codes, scales }: BlockParts): void {
  for (let group = 0; group < blocks * 8; group++) {
    const start = (group >> 3) * 50;
    const at = start + 34 + (group & 7) * 2;
    const word = bytes[at]! | (bytes[at + 1]! << 8);
    scales[group] = halfAt(bytes, start) * (2 * ((word >> 12) & 7) + 1) * 0.125;
    for (let k = 0; k < 4; k++) {
      const entry = bytes[start + 2 + (group & 7) * 4 + k]! | (((word >> (3 * k)) & 7) << 8);
      shifted(entry, word >= 0x8000, codes, group * 32 + k * 8);
    }
  }
}

/** IQ1_M [low[32], high[16], 4 × u16 scales]: as IQ1_S with a scale per 16 and a shift per 8; d is spread over the scales' top bits. */
function unpackIQ1_M(bytes: Uint8Array, blocks: number, { codes, scales }: BlockParts): void {
  for (let block = 0; block < blocks; block++) {
    const at = block * 56;
    let pattern = 0;
    for (let k = 0; k < 4; k++) pattern |= (bytes[at + 49 + 2 * k]! >> 4) << (4 * k);
    const d = halfValues[pattern]!;
    for (let group = 0; group < 16; group++) {
      const from = at + 48 + 2 * (group >> 2);
      const word = bytes[from]! | (bytes[from + 1]! << 8);
      scales[block * 16 + group] = d * (2 * ((word >> (3 * (group & 3))) & 7) + 1) * 0.125;
    }
    for (let k = 0; k < 32; k++) {
      const high = nibbleAt(bytes, at + 32, k);
      shifted(bytes[at + k]! | ((high & 7) << 8), high >= 8, codes, block * 256 + k * 8);
    }
  }
}

export const gridLayouts = {
  IQ2_XXS: { bits: 8, zero: 128, groupSize: 32, affine: false, unpack: unpackIQ2_XXS },
  IQ2_XS: { bits: 8, zero: 128, groupSize: 16, affine: false, unpack: unpackIQ2_XS },
  IQ2_S: { bits: 8, zero: 128, groupSize: 16, affine: false, unpack: unpackIQ2_S },
  IQ3_XXS: { bits: 8, zero: 128, groupSize: 32, affine: false, unpack: unpackIQ3_XXS },
  IQ3_S: { bits: 8, zero: 128, groupSize: 32, affine: false, unpack: unpackIQ3_S },
  IQ1_S: { bits: 8, zero: 128, groupSize: 32, affine: false, unpack: unpackIQ1_S },
  IQ1_M: { bits: 8, zero: 128, groupSize: 16, affine: false, unpack: unpackIQ1_M },
} as const satisfies Record<string, BlockLayout>;
