/** What a block format must say about itself; dequantize and split-blocks do the rest. */

/** Arrays that one call of `unpack` fills from index 0. */
export interface BlockParts {
  /** One code per element. */
  readonly codes: Uint8Array;
  /** One scale per group. */
  readonly scales: Float32Array;
  /** One offset per group; untouched by formats that are not affine. */
  readonly offsets: Float32Array;
}

/** value = scale · (code − zero) + offset, with one scale (and offset) per group of elements. Every product and scale is exact in float32. */
export interface BlockLayout {
  /** The smallest of the widths MatMulNBits knows that holds every code. */
  readonly bits: 2 | 4 | 8;
  readonly zero: number;
  readonly groupSize: 16 | 32 | 64 | 128 | 256;
  readonly affine: boolean;
  readonly unpack: (bytes: Uint8Array, blocks: number, parts: BlockParts) => void;
}

const halves = new Float32Array(65536);
for (let bits = 0; bits < 65536; bits++) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) halves[bits] = fraction === 0 ? sign * Infinity : NaN;
  else if (exponent === 0) halves[bits] = sign * fraction * 2 ** -24;
  else halves[bits] = sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/** float16 bit pattern → its value. */
export const halfValues: Readonly<Float32Array> = halves;

/** The float16 at a byte offset, little-endian. */
export function halfAt(bytes: Uint8Array, at: number): number {
  return halves[bytes[at]! | (bytes[at + 1]! << 8)]!;
}
