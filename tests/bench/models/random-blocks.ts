/**
 * Random blocks of GGUF's types. Codes are uniform random bits; scales are such that the values have mean 0 and variance 1/columns, so that activations
 * of any depth stay finite. A pool of a prime number of blocks is filled once and repeated, so that no two rows are equal and a gigabyte takes seconds.
 */
import { typeTraits } from '../../../electron/formats/tensor-types.ts';

export const randomTypes = ['Q4_0', 'Q4_1', 'Q5_0', 'Q8_0', 'Q4_K', 'Q6_K'] as const;
export type RandomType = (typeof randomTypes)[number];

/** 32 random bits at a time, the same for one seed (xorshift). */
export function randomWords(words: Uint32Array, seed: number): void {
  let state = seed | 1;
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state;
  }
}

/** Of a finite number of ordinary size or below, rounded toward zero. */
export function halfBits(value: number): number {
  const sign = value < 0 ? 0x8000 : 0;
  const magnitude = Math.abs(value);
  if (magnitude < 2 ** -14) return sign | Math.floor(magnitude * 2 ** 24);
  const exponent = Math.floor(Math.log2(magnitude));
  return sign | ((exponent + 15) << 10) | Math.floor((magnitude / 2 ** exponent - 1) * 1024);
}

interface Kind {
  readonly ggufId: number;
  /** A prime. */
  readonly poolBlocks: number;
  /** Standard deviation of a block's values where its scale is 1. */
  readonly deviation: number;
  /** Where a block has halves, and how many times the scale each is. All else is random bits. */
  readonly halves: readonly (readonly [offset: number, factor: number])[];
}

const kinds: Record<RandomType, Kind> = {
  // scale · (0…15 − 8)
  Q4_0: { ggufId: 2, poolBlocks: 499_979, deviation: 4.61, halves: [[0, 1]] },
  // scale · 0…15 + minimum
  Q4_1: { ggufId: 3, poolBlocks: 499_979, deviation: 4.61, halves: [[0, 1], [2, -7.5]] },
  // scale · (0…31 − 16)
  Q5_0: { ggufId: 6, poolBlocks: 499_979, deviation: 9.23, halves: [[0, 1]] },
  // scale · −128…127
  Q8_0: { ggufId: 8, poolBlocks: 299_993, deviation: 73.9, halves: [[0, 1]] },
  // scale · 0…63 · 0…15 − minimum · 0…63
  Q4_K: { ggufId: 12, poolBlocks: 79_999, deviation: 258, halves: [[0, 1], [2, 7.5]] },
  // scale · −128…127 · (0…63 − 32)
  Q6_K: { ggufId: 14, poolBlocks: 59_999, deviation: 1365, halves: [[208, 1]] },
}; // prettier-ignore

export const ggufIdOf = (type: RandomType) => kinds[type].ggufId;

/** Blocks for rows of `columns` values: half of them with a negative scale, so that the values have mean 0 whatever the codes' mean is. */
export function randomPool(type: RandomType, columns: number, seed: number): Uint8Array {
  const { blockBytes } = typeTraits(type);
  const { poolBlocks: count, deviation, halves } = kinds[type];
  const bytes = new Uint8Array(Math.ceil((count * blockBytes) / 4) * 4);
  randomWords(new Uint32Array(bytes.buffer), seed);
  const view = new DataView(bytes.buffer);
  const scale = 1 / (deviation * Math.sqrt(columns));
  for (const [offset, factor] of halves) {
    const bits = halfBits(factor * scale);
    for (let block = 0; block < count; block++) {
      view.setUint16(block * blockBytes + offset, block % 2 === 0 ? bits : bits ^ 0x8000, true);
    }
  }
  return bytes.subarray(0, count * blockBytes);
}

/** Values as Q8_0, whose blocks are a half and 32 codes: the largest of a block becomes 127. */
export function quantizeQ8(values: Float32Array): Uint8Array {
  const { blockElements, blockBytes } = typeTraits('Q8_0');
  const blocks = values.length / blockElements;
  const bytes = new Uint8Array(blocks * blockBytes);
  const view = new DataView(bytes.buffer);
  for (let block = 0; block < blocks; block++) {
    const from = values.subarray(block * blockElements, (block + 1) * blockElements);
    const scale = from.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / 127;
    const place = block * blockBytes;
    view.setUint16(place, halfBits(scale), true);
    if (scale === 0) continue;
    for (let i = 0; i < blockElements; i++) view.setInt8(place + 2 + i, Math.round(from[i]! / scale));
  }
  return bytes;
}
