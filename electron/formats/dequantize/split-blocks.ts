/** Takes block-quantized weights apart into integer codes, scales and offsets: what MatMulNBits graphs are built from. */
import { LabError } from '../../contract/errors.ts';
import type { TensorType } from '../../contract/model-source.ts';
import { typeTraits } from '../tensor-types.ts';
import { blockLayout } from './layouts.ts';

/** value[row, column] = scale · (code − zero) + offset; scale and offset are those of the column's block. */
export interface BlockMatrix {
  /** The smallest of these widths that holds every code; the middle of the codes in use lies at 2^(bits − 1). */
  readonly bits: 2 | 4 | 8;
  /** Columns that share a scale. */
  readonly blockSize: 16 | 32 | 64 | 128 | 256;
  /** [rows, columns], one code per byte. */
  readonly codes: Uint8Array;
  /** Where there are no offsets, 2^(bits − 1): MatMulNBits' own default. */
  readonly zero: number;
  /** [rows, columns / blockSize], may be negative, zero or (hostile files) not finite. */
  readonly scales: Float32Array;
  /** As scales, or null where the type has none. */
  readonly offsets: Float32Array | null;
}

/**
 * Splits a matrix of a block type; null for types without blocks. The formula gives the values of `dequantize`
 * exactly (a zero may change its sign). Throws bad-file where `bytes` is not rows × columns of the type.
 */
export function splitBlocks(
  type: TensorType,
  bytes: Uint8Array,
  rows: number,
  columns: number,
): BlockMatrix | null {
  const layout = blockLayout(type);
  if (layout === null) return null;
  const { blockElements, blockBytes } = typeTraits(type);
  const blocks = (rows * columns) / blockElements;
  if (columns % blockElements !== 0 || bytes.length !== blocks * blockBytes) {
    throw new LabError(
      'bad-file',
      `${bytes.length} bytes are not ${rows} × ${columns} elements of ${type}, ${blockElements} to a block of ${blockBytes} bytes.`,
    );
  }
  const groups = (rows * columns) / layout.groupSize;
  const codes = new Uint8Array(rows * columns);
  const scales = new Float32Array(groups);
  const offsets = new Float32Array(layout.affine ? groups : 0);
  layout.unpack(bytes, blocks, { codes, scales, offsets });
  const zero = layout.affine ? layout.zero : 1 << (layout.bits - 1);
  if (layout.zero !== zero) mirror(codes, scales, layout.zero + zero);
  return {
    bits: layout.bits,
    blockSize: layout.groupSize,
    codes,
    zero,
    scales,
    offsets: layout.affine ? offsets : null,
  };
}

/** TQ2_0's codes 0…3 around 1 do not fit around the default 2: scale · (q − 1) = −scale · ((3 − q) − 2). */
function mirror(codes: Uint8Array, scales: Float32Array, sum: number): void {
  for (let i = 0; i < codes.length; i++) codes[i] = sum - codes[i]!;
  for (let i = 0; i < scales.length; i++) scales[i] = -scales[i]!;
}
