/**
 * ggml's block formats without sub-blocks: one scale (and offset) per block, layouts as in ggml's ggml-common.h.
 * d and m are float16; low nibbles hold the first half of a block, high nibbles the second.
 */
import type { BlockLayout, BlockParts } from './block-layout.ts';
import { halfAt } from './block-layout.ts';

/** Q4_0 [d, qs[16]]: d · (q − 8). */
function unpackQ4_0(bytes: Uint8Array, blocks: number, { codes, scales }: BlockParts): void {
  for (let block = 0; block < blocks; block++) {
    const at = block * 18;
    scales[block] = halfAt(bytes, at);
    nibbles(bytes, at + 2, codes, block * 32);
  }
}

/** 16 bytes into 32 codes: low nibbles, then high ones. */
function nibbles(bytes: Uint8Array, at: number, codes: Uint8Array, to: number): void {
  for (let j = 0; j < 16; j++) {
    const byte = bytes[at + j]!;
    codes[to + j] = byte & 15;
    codes[to + j + 16] = byte >> 4;
  }
}

/** Q4_1 [d, m, qs[16]]: d · q + m. */
function unpackQ4_1(bytes: Uint8Array, blocks: number, { codes, scales, offsets }: BlockParts): void {
  for (let block = 0; block < blocks; block++) {
    const at = block * 20;
    scales[block] = halfAt(bytes, at);
    offsets[block] = halfAt(bytes, at + 2);
    nibbles(bytes, at + 4, codes, block * 32);
  }
}

/** Adds bit j of the 32-bit word at `at` to code j with weight 16, and 112: five bits lie around the middle of eight. */
function fifthBits(bytes: Uint8Array, at: number, codes: Uint8Array, to: number): void {
  for (let j = 0; j < 32; j++) codes[to + j]! += 112 + (((bytes[at + (j >> 3)]! >> (j & 7)) & 1) << 4);
}

/** Q5_0 [d, qh[4], qs[16]]: d · (q − 16); codes are q + 112. */
function unpackQ5_0(bytes: Uint8Array, blocks: number, { codes, scales }: BlockParts): void {
  for (let block = 0; block < blocks; block++) {
    const at = block * 22;
    scales[block] = halfAt(bytes, at);
    nibbles(bytes, at + 6, codes, block * 32);
    fifthBits(bytes, at + 2, codes, block * 32);
  }
}

/** Q5_1 [d, m, qh[4], qs[16]]: d · q + m; codes are q + 112. */
function unpackQ5_1(bytes: Uint8Array, blocks: number, { codes, scales, offsets }: BlockParts): void {
  for (let block = 0; block < blocks; block++) {
    const at = block * 24;
    scales[block] = halfAt(bytes, at);
    offsets[block] = halfAt(bytes, at + 2);
    nibbles(bytes, at + 8, codes, block * 32);
    fifthBits(bytes, at + 4, codes, block * 32);
  }
}

/** Q8_0 [d, i8[32]]: d · q. A signed byte plus 128 is the byte with its top bit flipped. */
function unpackQ8_0(bytes: Uint8Array, blocks: number, { codes, scales }: BlockParts): void {
  for (let block = 0; block < blocks; block++) {
    const at = block * 34;
    scales[block] = halfAt(bytes, at);
    for (let j = 0; j < 32; j++) codes[block * 32 + j] = bytes[at + 2 + j]! ^ 128;
  }
}

/** Q8_1 [float32 d, float32 d·Σq, i8[32]]: d · q. The form gguf-py sizes (40 bytes); ggml itself uses the type for activations only. */
function unpackQ8_1(bytes: Uint8Array, blocks: number, { codes, scales }: BlockParts): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  for (let block = 0; block < blocks; block++) {
    const at = block * 40;
    scales[block] = view.getFloat32(at, true);
    for (let j = 0; j < 32; j++) codes[block * 32 + j] = bytes[at + 8 + j]! ^ 128;
  }
}

/** Q8_K [float32 d, i8[256], i16 sums[16]]: d · q. */
function unpackQ8_K(bytes: Uint8Array, blocks: number, { codes, scales }: BlockParts): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  for (let block = 0; block < blocks; block++) {
    const at = block * 292;
    scales[block] = view.getFloat32(at, true);
    for (let j = 0; j < 256; j++) codes[block * 256 + j] = bytes[at + 4 + j]! ^ 128;
  }
}

/** IQ4_NL's sixteen levels plus 128. */
export const nonLinearCodes = Uint8Array.from(
  [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113],
  (level) => level + 128,
);

/** IQ4_NL [d, qs[16]]: d · level[q]. */
function unpackIQ4_NL(bytes: Uint8Array, blocks: number, { codes, scales }: BlockParts): void {
  for (let block = 0; block < blocks; block++) {
    const at = block * 18;
    const to = block * 32;
    scales[block] = halfAt(bytes, at);
    for (let j = 0; j < 16; j++) {
      const byte = bytes[at + 2 + j]!;
      codes[to + j] = nonLinearCodes[byte & 15]!;
      codes[to + j + 16] = nonLinearCodes[byte >> 4]!;
    }
  }
}

/** The sixteen float4 (E2M1) values, doubled, plus 128. Scales are halved in return. */
const float4Codes = Uint8Array.from(
  [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12],
  (level) => level + 128,
);

/** MXFP4 [exponent, qs[16]]: 2^(exponent − 128) · level[q] (OCP Microscaling 1.0; 255 is not NaN in ggml). */
function unpackMXFP4(bytes: Uint8Array, blocks: number, { codes, scales }: BlockParts): void {
  for (let block = 0; block < blocks; block++) {
    const at = block * 17;
    const to = block * 32;
    scales[block] = 2 ** (bytes[at]! - 128);
    for (let j = 0; j < 16; j++) {
      const byte = bytes[at + 1 + j]!;
      codes[to + j] = float4Codes[byte & 15]!;
      codes[to + j + 16] = float4Codes[byte >> 4]!;
    }
  }
}

/** Unsigned E4M3 (bias 7), halved; 0x7F reads as 0 as in ggml, the top bit is no sign: it belongs to nothing and is dropped. */
function halvedE4M3(byte: number): number {
  const exponent = (byte >> 3) & 15;
  const fraction = byte & 7;
  if (byte === 0x7f) return 0;
  return exponent === 0 ? fraction * 2 ** -10 : (8 + fraction) * 2 ** (exponent - 11);
}

/** NVFP4 [four E4M3 scales, qs[32]]: scale/2 · level[q], 16 elements per scale. */
function unpackNVFP4(bytes: Uint8Array, blocks: number, { codes, scales }: BlockParts): void {
  for (let group = 0; group < blocks * 4; group++) {
    const at = (group >> 2) * 36;
    const from = at + 4 + (group & 3) * 8;
    scales[group] = halvedE4M3(bytes[at + (group & 3)]!);
    for (let j = 0; j < 8; j++) {
      const byte = bytes[from + j]!;
      codes[group * 16 + j] = float4Codes[byte & 15]!;
      codes[group * 16 + j + 8] = float4Codes[byte >> 4]!;
    }
  }
}

/** Q1_0 [d, 128 bits, low first]: +d or −d; codes are 3 and 1. */
function unpackQ1_0(bytes: Uint8Array, blocks: number, { codes, scales }: BlockParts): void {
  for (let block = 0; block < blocks; block++) {
    const at = block * 18;
    scales[block] = halfAt(bytes, at);
    for (let j = 0; j < 128; j++) {
      codes[block * 128 + j] = 1 + 2 * ((bytes[at + 2 + (j >> 3)]! >> (j & 7)) & 1);
    }
  }
}

/** Five (or four) base-3 digits per byte, stored as a fraction of 256: digit n is the top of byte · 3^n (mod 256) · 3. */
function ternary(
  bytes: Uint8Array,
  at: number,
  width: number,
  digits: number,
  codes: Uint8Array,
  to: number,
): void {
  for (let n = 0, power = 1; n < digits; n++, power *= 3) {
    for (let j = 0; j < width; j++) {
      codes[to + n * width + j] = ((((bytes[at + j]! * power) & 255) * 3) >> 8) + 1;
    }
  }
}

/** TQ1_0 [qs[48], qh[4], d]: d · (digit − 1); codes are digit + 1. */
function unpackTQ1_0(bytes: Uint8Array, blocks: number, { codes, scales }: BlockParts): void {
  for (let block = 0; block < blocks; block++) {
    const at = block * 54;
    const to = block * 256;
    ternary(bytes, at, 32, 5, codes, to);
    ternary(bytes, at + 32, 16, 5, codes, to + 160);
    ternary(bytes, at + 48, 4, 4, codes, to + 240);
    scales[block] = halfAt(bytes, at + 52);
  }
}

/** TQ2_0 [qs[64], d]: d · (q − 1), q = 0…3. */
function unpackTQ2_0(bytes: Uint8Array, blocks: number, { codes, scales }: BlockParts): void {
  for (let block = 0; block < blocks; block++) {
    const at = block * 66;
    for (let e = 0; e < 256; e++) {
      codes[block * 256 + e] = (bytes[at + ((e >> 7) << 5) + (e & 31)]! >> (2 * ((e >> 5) & 3))) & 3;
    }
    scales[block] = halfAt(bytes, at + 64);
  }
}

export const smallBlockLayouts = {
  Q4_0: { bits: 4, zero: 8, groupSize: 32, affine: false, unpack: unpackQ4_0 },
  Q4_1: { bits: 4, zero: 0, groupSize: 32, affine: true, unpack: unpackQ4_1 },
  Q5_0: { bits: 8, zero: 128, groupSize: 32, affine: false, unpack: unpackQ5_0 },
  Q5_1: { bits: 8, zero: 112, groupSize: 32, affine: true, unpack: unpackQ5_1 },
  Q8_0: { bits: 8, zero: 128, groupSize: 32, affine: false, unpack: unpackQ8_0 },
  Q8_1: { bits: 8, zero: 128, groupSize: 32, affine: false, unpack: unpackQ8_1 },
  Q8_K: { bits: 8, zero: 128, groupSize: 256, affine: false, unpack: unpackQ8_K },
  IQ4_NL: { bits: 8, zero: 128, groupSize: 32, affine: false, unpack: unpackIQ4_NL },
  MXFP4: { bits: 8, zero: 128, groupSize: 32, affine: false, unpack: unpackMXFP4 },
  NVFP4: { bits: 8, zero: 128, groupSize: 16, affine: false, unpack: unpackNVFP4 },
  Q1_0: { bits: 2, zero: 2, groupSize: 128, affine: false, unpack: unpackQ1_0 },
  TQ1_0: { bits: 2, zero: 2, groupSize: 256, affine: false, unpack: unpackTQ1_0 },
  TQ2_0: { bits: 2, zero: 1, groupSize: 256, affine: false, unpack: unpackTQ2_0 },
} as const satisfies Record<string, BlockLayout>;
