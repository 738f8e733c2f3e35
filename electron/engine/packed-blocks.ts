/** Packed checkpoints (GPTQ, AWQ, MatMulNBits) as equal blocks of codes, and matrices rounded to codes here: what both executors take. */
import type { QuantizedMatrix } from '../contract/model-source.ts';
import type { SplitMatrix } from '../formats/dequantize/packed-matrix.ts';

/** w[row, column] = scale·(code − zero) + offset, one code of `bits` bits per byte, scale and offset per block of columns. */
export interface Blocks {
  readonly bits: number;
  readonly blockSize: number;
  readonly codes: Uint8Array;
  readonly zero: number;
  readonly scales: Float32Array;
  readonly offsets: Float32Array | null;
}

export interface OrderedBlocks {
  readonly blocks: Blocks;
  /** Column j of the codes multiplies input columnOrder[j] (GPTQ act-order); null where they are in order. */
  readonly columnOrder: Uint32Array | null;
}

const largestBlock = 256;

/** Whether the addon takes the codes as they lie in the file. */
export function liesAsNBits({ layout, bits, blockSize, groupIndex }: QuantizedMatrix): boolean {
  const isPowerOfTwo = Number.isInteger(Math.log2(blockSize));
  const isPackedWidth = bits === 2 || bits === 4 || bits === 8;
  return layout === 'matmulnbits' && isPackedWidth && blockSize >= 16 && isPowerOfTwo && !groupIndex;
}

/**
 * Rows `start` to `start + rows` of a matrix of `columns` columns. Groups of any size become equal blocks of a power of two
 * with repeated scales; zero points become offsets. Null where no block size of 16 or more divides groups and rows.
 */
export function packedBlocks(
  matrix: SplitMatrix,
  start: number,
  rows: number,
  columns: number,
): OrderedBlocks | null {
  const groups = Math.ceil(columns / matrix.blockSize);
  const blockSize = commonBlock(matrix.blockSize, columns);
  if (blockSize === null) return null;
  const blocks = columns / blockSize;
  const zero = 2 ** (matrix.bits - 1);
  const scales = new Float32Array(rows * blocks);
  const offsets = matrix.zeroPoints && new Float32Array(rows * blocks);
  for (let row = 0; row < rows; row++) {
    for (let block = 0; block < blocks; block++) {
      const group = (start + row) * groups + Math.floor((block * blockSize) / matrix.blockSize);
      scales[row * blocks + block] = matrix.scales[group]!;
      if (offsets) offsets[row * blocks + block] = matrix.scales[group]! * (zero - matrix.zeroPoints[group]!);
    }
  }
  const codes = matrix.codes.subarray(start * columns, (start + rows) * columns);
  return {
    blocks: { bits: matrix.bits, blockSize, codes, zero, scales, offsets },
    columnOrder: matrix.columnOrder,
  };
}

/** The largest power of two, 16 to 256, that divides the group size (or spans the whole row) and the columns. */
export function commonBlock(groupSize: number, columns: number): number | null {
  const grouped = groupSize >= columns ? columns : groupSize;
  for (let block = largestBlock; block >= 16; block /= 2) {
    if (grouped % block === 0 && columns % block === 0) return block;
  }
  return null;
}

/** A matrix rounded to codes: w[row, column] ≈ scale · (code − zero point). */
export interface RoundedMatrix {
  readonly rows: number;
  readonly columns: number;
  readonly bits: 2 | 4 | 8;
  /** Columns that share a scale; a row's last block may be shorter. */
  readonly block: number;
  /** [rows, columns], one to a byte. */
  readonly codes: Uint8Array;
  /** float16 numbers, [rows, blocks]. */
  readonly scales: Float32Array;
  /** [rows, blocks]; null: 2^(bits − 1). */
  readonly zeroPoints: Uint8Array | null;
}

/** Codes [rows, columns] as MatMulNBits lays them out: [rows, blocks, block · bits / 8], low bits first, zeros after a row's end. */
export function packCodes(
  codes: Uint8Array,
  { rows, columns, block }: Pick<RoundedMatrix, 'rows' | 'columns' | 'block'>,
  bits: 2 | 4 | 8,
): Uint8Array {
  const rowBytes = (Math.ceil(columns / block) * block * bits) / 8;
  const packed = new Uint8Array(rows * rowBytes);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const bit = column * bits;
      packed[row * rowBytes + (bit >>> 3)]! |= codes[row * columns + column]! << (bit & 7);
    }
  }
  return packed;
}
