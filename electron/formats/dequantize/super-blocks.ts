/**
 * ggml's K formats and IQ4_XS: 256 elements per block, sub-blocks of 16 or 32 whose small integer scales multiply one
 * float16 (layouts as in ggml's ggml-common.h). e counts the elements of a block, group its sub-blocks.
 */
import type { BlockLayout, BlockParts } from './block-layout.ts';
import { halfAt } from './block-layout.ts';
import { nonLinearCodes } from './small-blocks.ts';

/** Element e = 128n + 32j + l lies in bits 2j, 2j+1 of byte 32n + l: Q2_K's and Q3_K's quants. */
function twoBits(bytes: Uint8Array, at: number, e: number): number {
  return (bytes[at + ((e >> 7) << 5) + (e & 31)]! >> (2 * ((e >> 5) & 3))) & 3;
}

/** Q2_K [scales[16], qs[64], d, dmin]: d · (s & 15) · q − dmin · (s >> 4). */
function unpackQ2_K(bytes: Uint8Array, blocks: number, { codes, scales, offsets }: BlockParts): void {
  for (let block = 0; block < blocks; block++) {
    const at = block * 84;
    const d = halfAt(bytes, at + 80);
    const dmin = halfAt(bytes, at + 82);
    for (let group = 0; group < 16; group++) {
      const packed = bytes[at + group]!;
      scales[block * 16 + group] = d * (packed & 15);
      offsets[block * 16 + group] = -(dmin * (packed >> 4));
    }
    for (let e = 0; e < 256; e++) codes[block * 256 + e] = twoBits(bytes, at + 16, e);
  }
}

/** Q3_K [high[32], qs[64], scales[12], d]: d · (s − 32) · (q − 4), the high bit of q apart; codes are q + 4. */
function unpackQ3_K(bytes: Uint8Array, blocks: number, { codes, scales }: BlockParts): void {
  for (let block = 0; block < blocks; block++) {
    const at = block * 110;
    const d = halfAt(bytes, at + 108);
    for (let group = 0; group < 16; group++) {
      const low = bytes[at + 96 + (group & 7)]! >> (group < 8 ? 0 : 4);
      const high = bytes[at + 104 + (group & 3)]! >> (2 * (group >> 2));
      scales[block * 16 + group] = d * (((low & 15) | ((high & 3) << 4)) - 32);
    }
    for (let e = 0; e < 256; e++) {
      const high = (bytes[at + (e & 31)]! >> (e >> 5)) & 1;
      codes[block * 256 + e] = (twoBits(bytes, at + 32, e) | (high << 2)) + 4;
    }
  }
}

/** The twelve bytes of 6-bit scales and minima that Q4_K and Q5_K share. */
function sixBitScales(bytes: Uint8Array, at: number, block: number, { scales, offsets }: BlockParts): void {
  const d = halfAt(bytes, at);
  const dmin = halfAt(bytes, at + 2);
  const from = at + 4;
  for (let group = 0; group < 8; group++) {
    const first = bytes[from + (group & 3)]!;
    const second = bytes[from + 4 + (group & 3)]!;
    const third = bytes[from + 8 + (group & 3)]!;
    const scale = group < 4 ? first & 63 : (third & 15) | ((first >> 6) << 4);
    const minimum = group < 4 ? second & 63 : (third >> 4) | ((second >> 6) << 4);
    scales[block * 8 + group] = d * scale;
    offsets[block * 8 + group] = -(dmin * minimum);
  }
}

/** Q4_K [d, dmin, scales[12], qs[128]]: d · s · q − dmin · m; sub-blocks 2i and 2i+1 are low and high nibbles of 32 bytes. */
function unpackQ4_K(bytes: Uint8Array, blocks: number, parts: BlockParts): void {
  const { codes } = parts;
  for (let block = 0; block < blocks; block++) {
    const at = block * 144;
    sixBitScales(bytes, at, block, parts);
    for (let e = 0; e < 256; e++) {
      codes[block * 256 + e] = (bytes[at + 16 + ((e >> 6) << 5) + (e & 31)]! >> (4 * ((e >> 5) & 1))) & 15;
    }
  }
}

/** Q5_K [d, dmin, scales[12], high[32], qs[128]]: as Q4_K, bit `group` of high[l] is worth 16; codes are q + 112. */
function unpackQ5_K(bytes: Uint8Array, blocks: number, parts: BlockParts): void {
  const { codes } = parts;
  for (let block = 0; block < blocks; block++) {
    const at = block * 176;
    sixBitScales(bytes, at, block, parts);
    for (let e = 0; e < 256; e++) {
      const low = (bytes[at + 48 + ((e >> 6) << 5) + (e & 31)]! >> (4 * ((e >> 5) & 1))) & 15;
      const high = (bytes[at + 16 + (e & 31)]! >> (e >> 5)) & 1;
      codes[block * 256 + e] = (low | (high << 4)) + 112;
    }
  }
}

/** Q6_K [low[128], high[64], i8 scales[16], d]: d · s · (q − 32); codes are q + 96. */
function unpackQ6_K(bytes: Uint8Array, blocks: number, { codes, scales }: BlockParts): void {
  for (let block = 0; block < blocks; block++) {
    const at = block * 210;
    const d = halfAt(bytes, at + 208);
    for (let group = 0; group < 16; group++) {
      scales[block * 16 + group] = d * ((bytes[at + 192 + group]! << 24) >> 24);
    }
    for (let e = 0; e < 256; e++) {
      const n = e >> 7;
      const j = (e >> 5) & 3;
      const l = e & 31;
      const low = (bytes[at + 64 * n + 32 * (j & 1) + l]! >> (4 * (j >> 1))) & 15;
      const high = (bytes[at + 128 + 32 * n + l]! >> (2 * j)) & 3;
      codes[block * 256 + e] = (low | (high << 4)) + 96;
    }
  }
}

/** IQ4_XS [d, u16 high, low[4], qs[128]]: d · (s − 32) · level[q], sub-blocks of 32 laid out as in IQ4_NL. */
function unpackIQ4_XS(bytes: Uint8Array, blocks: number, { codes, scales }: BlockParts): void {
  for (let block = 0; block < blocks; block++) {
    const at = block * 136;
    const d = halfAt(bytes, at);
    const high = bytes[at + 2]! | (bytes[at + 3]! << 8);
    for (let group = 0; group < 8; group++) {
      const low = (bytes[at + 4 + (group >> 1)]! >> (4 * (group & 1))) & 15;
      scales[block * 8 + group] = d * ((low | (((high >> (2 * group)) & 3) << 4)) - 32);
      const to = block * 256 + group * 32;
      for (let j = 0; j < 16; j++) {
        const byte = bytes[at + 8 + group * 16 + j]!;
        codes[to + j] = nonLinearCodes[byte & 15]!;
        codes[to + j + 16] = nonLinearCodes[byte >> 4]!;
      }
    }
  }
}

export const superBlockLayouts = {
  Q2_K: { bits: 2, zero: 0, groupSize: 16, affine: true, unpack: unpackQ2_K },
  Q3_K: { bits: 4, zero: 8, groupSize: 16, affine: false, unpack: unpackQ3_K },
  Q4_K: { bits: 4, zero: 0, groupSize: 32, affine: true, unpack: unpackQ4_K },
  Q5_K: { bits: 8, zero: 112, groupSize: 32, affine: true, unpack: unpackQ5_K },
  Q6_K: { bits: 8, zero: 128, groupSize: 16, affine: false, unpack: unpackQ6_K },
  IQ4_XS: { bits: 8, zero: 128, groupSize: 32, affine: false, unpack: unpackIQ4_XS },
} as const satisfies Record<string, BlockLayout>;
