/**
 * Packed matrices (MatMulNBits, GPTQ, AWQ) taken apart in readable TypeScript: the reference the fast paths are compared with.
 * w[row, column] = (code − zero) · scale, row = output, column = input, one scale and zero point per row and group of columns.
 */
import { badFile } from '../../contract/errors.ts';
import type { QuantizedMatrix } from '../../contract/model-source.ts';

/** What a QuantizedMatrix says about its packing; the tensors are passed beside it. */
export type MatrixLayout = Pick<
  QuantizedMatrix,
  'name' | 'layout' | 'rows' | 'columns' | 'bits' | 'blockSize' | 'zeroPointOffset'
>;

/** The stored tensors: bytes as in the file; floats converted to float32. */
export interface MatrixParts {
  readonly codes: Uint8Array;
  readonly scales: Float32Array;
  /** Packed bytes, or floats (matmulnbits only), or null for 2^(bits−1). */
  readonly zeroPoints: Uint8Array | Float32Array | null;
  readonly groupIndex: Int32Array | null;
}

/** One code per byte, row by row; groups of blockSize columns (the last may be short), their scales and zeros row by row. */
export interface SplitMatrix {
  readonly bits: number;
  readonly blockSize: number;
  readonly codes: Uint8Array;
  readonly scales: Float32Array;
  /** Null: 2^(bits−1) everywhere. */
  readonly zeroPoints: Uint8Array | Float32Array | null;
  /** Act-order: column j of `codes` multiplies input columnOrder[j]; null where they are in order. */
  readonly columnOrder: Uint32Array | null;
}

const groupsOf = ({ columns, blockSize }: MatrixLayout) => Math.ceil(columns / blockSize);

/** Weights as float32 [rows, columns], rounded once from float64. Throws bad-file where a part's size or a group index does not fit the layout. */
export function dequantizeMatrix(matrix: MatrixLayout, parts: MatrixParts): Float32Array {
  const { rows, columns, bits } = matrix;
  const groups = groupsOf(matrix);
  const { codes, scales, zeroPoints } = unpack(matrix, parts);
  const groupOf = columnGroups(matrix, parts.groupIndex);
  const values = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const group = row * groups + groupOf[column]!;
      const zero = zeroPoints ? zeroPoints[group]! : 1 << (bits - 1);
      const at = row * columns + column;
      values[at] = (codes[at]! - zero) * scales[group]!;
    }
  }
  return values;
}

/** The matrix with columns of one group side by side. Throws bad-file; with act-order, also where a group has too many columns. */
export function splitMatrix(matrix: MatrixLayout, parts: MatrixParts): SplitMatrix {
  const { bits, blockSize } = matrix;
  const unpacked = unpack(matrix, parts);
  const columnOrder = orderByGroup(matrix, columnGroups(matrix, parts.groupIndex));
  const codes = columnOrder ? permuteColumns(matrix, unpacked.codes, columnOrder) : unpacked.codes;
  return { bits, blockSize, ...unpacked, codes, columnOrder };
}

function permuteColumns({ rows, columns }: MatrixLayout, codes: Uint8Array, order: Uint32Array): Uint8Array {
  const permuted = new Uint8Array(codes.length);
  for (let row = 0; row < rows; row++) {
    for (let j = 0; j < columns; j++) permuted[row * columns + j] = codes[row * columns + order[j]!]!;
  }
  return permuted;
}

function columnGroups(matrix: MatrixLayout, groupIndex: Int32Array | null): Int32Array {
  const { name, columns, blockSize } = matrix;
  if (!groupIndex) return Int32Array.from({ length: columns }, (_, column) => Math.floor(column / blockSize));
  requireLength(matrix, 'g_idx', groupIndex.length, columns);
  const groups = groupsOf(matrix);
  const bad = groupIndex.findIndex((group) => group < 0 || group >= groups);
  if (bad >= 0)
    throw badFile(`g_idx[${bad}] is ${groupIndex[bad]}, there are ${groups} groups`, { field: name });
  return groupIndex;
}

/** Null where the groups already lie in order. */
function orderByGroup(matrix: MatrixLayout, groupOf: Int32Array): Uint32Array | null {
  const { name, columns, blockSize } = matrix;
  if (groupOf.every((group, column) => group === Math.floor(column / blockSize))) return null;
  const next = Uint32Array.from({ length: groupsOf(matrix) }, (_, group) => group * blockSize);
  const order = new Uint32Array(columns);
  for (let column = 0; column < columns; column++) {
    const group = groupOf[column]!;
    const place = next[group]!++;
    if (place >= Math.min(columns, (group + 1) * blockSize)) {
      throw badFile(`g_idx puts more than ${blockSize} columns into group ${group}`, { field: name });
    }
    order[place] = column;
  }
  return order;
}

type Unpacked = Pick<SplitMatrix, 'codes' | 'scales' | 'zeroPoints'>;

function unpack(matrix: MatrixLayout, parts: MatrixParts): Unpacked {
  return matrix.layout === 'matmulnbits' ? unpackBlocks(matrix, parts) : unpackWords(matrix, parts);
}

function requireLength({ name }: MatrixLayout, part: string, actual: number, expected: number): void {
  if (actual !== expected)
    throw badFile(`${part} holds ${actual} items, expected ${expected}`, { field: name });
}

/** The field of `bits` bits at bit `at` of a little-endian stream. */
function field(bytes: Uint8Array, at: number, bits: number): number {
  const byte = Math.floor(at / 8); // `at` may exceed 2^31
  return ((bytes[byte]! | ((bytes[byte + 1] ?? 0) << 8)) >> (at % 8)) & ((1 << bits) - 1);
}

/** onnxruntime's MatMulNBits: codes [rows, groups, blockSize·bits/8], the last block padded; zero points [rows, ⌈groups·bits/8⌉] or floats. */
function unpackBlocks(matrix: MatrixLayout, parts: MatrixParts): Unpacked {
  const { rows, columns, bits, blockSize } = matrix;
  const groups = groupsOf(matrix);
  const rowBytes = (groups * blockSize * bits) / 8;
  requireLength(matrix, 'codes', parts.codes.length, rows * rowBytes);
  requireLength(matrix, 'scales', parts.scales.length, rows * groups);
  const codes = new Uint8Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    const bytes = parts.codes.subarray(row * rowBytes, (row + 1) * rowBytes);
    // Blocks are whole bytes without gaps, so that a row is one stream.
    for (let column = 0; column < columns; column++) {
      codes[row * columns + column] = field(bytes, column * bits, bits);
    }
  }
  return { codes, scales: parts.scales, zeroPoints: blockZeroPoints(matrix, parts.zeroPoints) };
}

/** Zero points of a MatMulNBits matrix [rows, groups]. Throws bad-file where there are not as many as its layout asks for. */
export function blockZeroPoints(
  matrix: MatrixLayout,
  stored: MatrixParts['zeroPoints'],
): SplitMatrix['zeroPoints'] {
  const { rows, bits } = matrix;
  const groups = groupsOf(matrix);
  if (!stored) return null;
  if (stored instanceof Float32Array) {
    requireLength(matrix, 'zero points', stored.length, rows * groups);
    return stored;
  }
  const rowBytes = Math.ceil((groups * bits) / 8);
  requireLength(matrix, 'zero points', stored.length, rows * rowBytes);
  const zeroPoints = new Uint8Array(rows * groups);
  for (let row = 0; row < rows; row++) {
    const bytes = stored.subarray(row * rowBytes, (row + 1) * rowBytes);
    for (let group = 0; group < groups; group++) {
      zeroPoints[row * groups + group] = field(bytes, group * bits, bits);
    }
  }
  return zeroPoints;
}

/** Place of output r inside AutoAWQ's word of 8: nibbles hold outputs 0, 2, 4, 6, 1, 3, 5, 7. */
const awqNibble = [0, 4, 1, 5, 2, 6, 3, 7];

/**
 * GPTQ: int32 [columns·bits/32, rows], one little-endian stream of codes along the inputs per output (3-bit codes cross words).
 * AWQ: int32 [columns, rows/8], eight outputs per word. Scales [groups, rows]; zero points packed along the outputs in both.
 */
function unpackWords(matrix: MatrixLayout, parts: MatrixParts): Unpacked {
  const { layout, rows, columns, bits } = matrix;
  const groups = groupsOf(matrix);
  requireLength(matrix, 'codes', parts.codes.length, (rows * columns * bits) / 8);
  requireLength(matrix, 'scales', parts.scales.length, rows * groups);
  const codes = new Uint8Array(rows * columns);
  const awq = layout === 'awq';
  const stream = awq ? null : wordStreams(parts.codes, (columns * bits) / 32, rows);
  const streamBytes = (columns * bits) / 8;
  for (let row = 0; row < rows; row++) {
    const place = awq ? 8 * Math.floor(row / 8) + awqNibble[row % 8]! : 0;
    const own = stream?.subarray(row * streamBytes, (row + 1) * streamBytes);
    for (let column = 0; column < columns; column++) {
      codes[row * columns + column] = own
        ? field(own, column * bits, bits)
        : field(parts.codes, (column * rows + place) * bits, bits);
    }
  }
  const scales = new Float32Array(rows * groups);
  for (let group = 0; group < groups; group++) {
    for (let row = 0; row < rows; row++) scales[row * groups + group] = parts.scales[group * rows + row]!;
  }
  return { codes, scales, zeroPoints: wordZeroPoints(matrix, parts.zeroPoints) };
}

/** [words, rows] of 32 bits → one byte stream per row. */
function wordStreams(bytes: Uint8Array, words: number, rows: number): Uint8Array {
  const streams = new Uint8Array(bytes.length);
  for (let word = 0; word < words; word++) {
    for (let row = 0; row < rows; row++) {
      const from = (word * rows + row) * 4;
      const to = (row * words + word) * 4;
      for (let byte = 0; byte < 4; byte++) streams[to + byte] = bytes[from + byte]!;
    }
  }
  return streams;
}

function wordZeroPoints(matrix: MatrixLayout, stored: MatrixParts['zeroPoints']): Unpacked['zeroPoints'] {
  const { name, layout, rows, bits, zeroPointOffset } = matrix;
  if (!stored) return null;
  if (stored instanceof Float32Array) throw badFile('float zero points are not known here', { field: name });
  const groups = groupsOf(matrix);
  requireLength(matrix, 'zero points', stored.length, (groups * rows * bits) / 8);
  const zeroPoints = new Uint8Array(rows * groups);
  const mask = (1 << bits) - 1;
  for (let row = 0; row < rows; row++) {
    const place = layout === 'awq' ? 8 * Math.floor(row / 8) + awqNibble[row % 8]! : row;
    for (let group = 0; group < groups; group++) {
      // GPTQ's first format stores zero − 1 and wraps.
      const zero = field(stored, (group * rows + place) * bits, bits) + zeroPointOffset;
      zeroPoints[row * groups + group] = zero & mask;
    }
  }
  return zeroPoints;
}
