/**
 * The value of one element of one block, written out from the block tables of the format notes and nothing else: slow,
 * direct, in float64; the caller rounds to float32.
 */
export type ReferenceType = keyof typeof formulas;

type Formula = (block: DataView, e: number) => number;

function half(block: DataView, at: number): number {
  const bits = block.getUint16(at, true);
  const sign = bits >= 0x8000 ? -1 : 1;
  const exponent = Math.floor((bits % 0x8000) / 1024);
  const fraction = bits % 1024;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -14 * (fraction / 1024));
}

const bit = (block: DataView, at: number, index: number) =>
  Math.floor(block.getUint8(at + Math.floor(index / 8)) / 2 ** (index % 8)) % 2;
/** Nibble e of 16 bytes: first all low ones, then all high ones. */
const nibble = (block: DataView, at: number, e: number) =>
  e < 16 ? block.getUint8(at + e) % 16 : Math.floor(block.getUint8(at + e - 16) / 16);
const crumb = (block: DataView, at: number, e: number) => {
  const byte = block.getUint8(at + 32 * Math.floor(e / 128) + (e % 32));
  return Math.floor(byte / 4 ** (Math.floor(e / 32) % 4)) % 4;
};
const levels = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];
const floats = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12];

/** Scale and minimum k of Q4_K and Q5_K, whose twelve bytes begin at 4. */
function scaleAndMinimum(block: DataView, k: number): [number, number] {
  const s = (i: number) => block.getUint8(4 + i);
  if (k < 4) return [s(k) % 64, s(k + 4) % 64];
  return [
    (s(k + 4) % 16) + 16 * Math.floor(s(k - 4) / 64),
    Math.floor(s(k + 4) / 16) + 16 * Math.floor(s(k) / 64),
  ];
}

function affine(block: DataView, k: number, q: number): number {
  const [scale, minimum] = scaleAndMinimum(block, k);
  return half(block, 0) * scale * q - half(block, 2) * minimum;
}

/** Nibble of element e where sub-blocks 2i and 2i+1 share 32 bytes. */
const pairedNibble = (block: DataView, at: number, e: number) => {
  const byte = block.getUint8(at + 32 * Math.floor(e / 64) + (e % 32));
  return Math.floor(e / 32) % 2 ? Math.floor(byte / 16) : byte % 16;
};

function q3kScale(block: DataView, i: number): number {
  const s = (index: number) => block.getUint8(96 + index);
  const low = i < 8 ? s(i) % 16 : Math.floor(s(i - 8) / 16);
  return low + 16 * (Math.floor(s(8 + (i % 4)) / 4 ** Math.floor(i / 4)) % 4) - 32;
}

function q6kCode(block: DataView, e: number): number {
  const n = Math.floor(e / 128);
  const j = Math.floor(e / 32) % 4;
  const byte = block.getUint8(64 * n + 32 * (j % 2) + (e % 32));
  const low = j < 2 ? byte % 16 : Math.floor(byte / 16);
  return low + 16 * (Math.floor(block.getUint8(128 + 32 * n + (e % 32)) / 4 ** j) % 4) - 32;
}

const formulas = {
  Q4_0: (b, e) => half(b, 0) * (nibble(b, 2, e) - 8),
  Q4_1: (b, e) => half(b, 0) * nibble(b, 4, e) + half(b, 2),
  Q5_0: (b, e) => half(b, 0) * (nibble(b, 6, e) + 16 * bit(b, 2, e) - 16),
  Q5_1: (b, e) => half(b, 0) * (nibble(b, 8, e) + 16 * bit(b, 4, e)) + half(b, 2),
  Q8_0: (b, e) => half(b, 0) * b.getInt8(2 + e),
  Q2_K: (b, e) => {
    const packed = b.getUint8(Math.floor(e / 16));
    return half(b, 80) * (packed % 16) * crumb(b, 16, e) - half(b, 82) * Math.floor(packed / 16);
  },
  Q3_K: (b, e) => {
    const isHigh = Math.floor(b.getUint8(e % 32) / 2 ** Math.floor(e / 32)) % 2 === 1;
    return half(b, 108) * q3kScale(b, Math.floor(e / 16)) * (crumb(b, 32, e) - (isHigh ? 0 : 4));
  },
  Q4_K: (b, e) => affine(b, Math.floor(e / 32), pairedNibble(b, 16, e)),
  Q5_K: (b, e) => {
    const k = Math.floor(e / 32);
    const high = Math.floor(b.getUint8(16 + (e % 32)) / 2 ** k) % 2;
    return affine(b, k, pairedNibble(b, 48, e) + 16 * high);
  },
  Q6_K: (b, e) => half(b, 208) * b.getInt8(192 + Math.floor(e / 16)) * q6kCode(b, e),
  IQ4_NL: (b, e) => half(b, 0) * levels[nibble(b, 2, e)]!,
  IQ4_XS: (b, e) => {
    const i = Math.floor(e / 32);
    const packed = b.getUint8(4 + Math.floor(i / 2));
    const low = i % 2 ? Math.floor(packed / 16) : packed % 16;
    const high = Math.floor(b.getUint16(2, true) / 4 ** i) % 4;
    return half(b, 0) * (low + 16 * high - 32) * levels[nibble(b, 8 + 16 * i, e % 32)]!;
  },
  MXFP4: (b, e) => 2 ** (b.getUint8(0) - 128) * floats[nibble(b, 1, e)]!,
} satisfies Record<string, Formula>;

export function referenceValue(type: ReferenceType, block: DataView, e: number): number {
  return formulas[type](block, e);
}
