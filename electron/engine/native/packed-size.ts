/**
 * How many bytes the native engine holds of a weight, from its header alone: the branches of matrix-source.ts with the layouts of
 * native/src/matrix/layout.h. Exact where scales are kept as their type suggests: the engine looks at their values (float32 scales that
 * happen to be float16 numbers take less).
 */
import type { QuantizedMatrix, TensorType } from '../../contract/model-source.ts';
import type { PackContents } from '../../contract/pack.ts';
import { blockLayout } from '../../formats/dequantize/layouts.ts';
import { groupBytes, groupCount } from '../../formats/pack/layout.ts';
import { typeTraits } from '../../formats/tensor-types.ts';
import type { ResolvedModel, WeightRef } from '../../../models/families/model-spec.ts';
import { commonBlock, liesAsNBits } from '../packed-blocks.ts';

/** Of a group of eight rows: steps of columns, and a header of scales before every so many of them. */
interface Packing {
  readonly stepColumns: number;
  readonly stepBytes: number;
  readonly headerBytes: number;
  readonly stepsPerHeader: number;
}

const groupRows = 8;
const floats = (bytes: number): Packing => ({
  stepColumns: 1,
  stepBytes: groupRows * bytes,
  headerBytes: 0,
  stepsPerHeader: 1,
});
const blocks = (stepColumns: number, stepBytes: number, headerBytes: number, stepsPerHeader = 1): Packing => ({
  stepColumns,
  stepBytes,
  headerBytes,
  stepsPerHeader,
});

/** Types that are packed as they lie in the file. */
const packings: Partial<Record<TensorType, Packing>> = {
  F32: floats(4), F16: floats(2), BF16: floats(2),
  Q4_0: blocks(32, 128, 16), Q4_1: blocks(32, 128, 32), Q5_0: blocks(32, 160, 16), Q8_0: blocks(32, 256, 16),
  Q4_K: blocks(32, 128, 160, 8), Q6_K: blocks(16, 96, 144, 16),
}; // prettier-ignore

/** Block types whose scales are float16 numbers, or as simple; those of the others are products that float32 alone holds. */
const halfScales = new Set<TensorType>(['Q5_1', 'IQ4_NL', 'MXFP4', 'NVFP4', 'Q1_0', 'TQ1_0', 'TQ2_0']);

/** none: no offsets; points: whole multiples of the scale, kept as bytes. */
type Offsets = 'none' | 'points' | 'numbers';
const headerBytes: Record<Offsets, { half: number; float: number }> = {
  none: { half: 16, float: 32 },
  points: { half: 24, float: 40 },
  numbers: { half: 32, float: 64 },
};

/** Codes of two bits, four bits or bytes, with a scale for each `block` columns. */
function codes(bits: number, block: number, isHalf: boolean, offsets: Offsets): Packing {
  const stepColumns = Math.min(block, 32);
  const header = headerBytes[offsets][isHalf ? 'half' : 'float'];
  const width = bits === 2 || bits === 4 ? bits : 8;
  return blocks(stepColumns, width * stepColumns, header, block / stepColumns);
}

const sizeOf = ({ shape }: WeightRef) => ({ rows: shape[0]!, columns: shape[1] ?? 1 });

/** Bytes of a matrix, padding included. */
export function packedBytes(ref: WeightRef): number {
  const { rows, columns } = sizeOf(ref);
  return bytesIn(packingOf(ref, columns) ?? floats(4), rows, columns);
}

/** The same of codes in blocks with float16 scales, and zero points or none. */
export function blocksBytes(matrix: {
  readonly rows: number;
  readonly columns: number;
  readonly bits: 2 | 4 | 8;
  readonly block: number;
  readonly hasPoints: boolean;
}): number {
  const { rows, columns, bits, block, hasPoints } = matrix;
  return bytesIn(codes(bits, block, true, hasPoints ? 'points' : 'none'), rows, columns);
}

function bytesIn(packing: Packing, rows: number, columns: number): number {
  const steps = Math.ceil(columns / packing.stepColumns);
  const headers = Math.ceil(steps / packing.stepsPerHeader);
  return Math.ceil(rows / groupRows) * (headers * packing.headerBytes + steps * packing.stepBytes);
}

/** Null: it is expanded to float32. */
function packingOf(ref: WeightRef, columns: number): Packing | null {
  if (ref.transposed || ref.shape.length !== 2) return null;
  if (ref.source.kind === 'matrix') return matrixPacking(ref.source.matrix, columns);
  const { type } = ref.source.tensor;
  if (columns % typeTraits(type).blockElements !== 0) return null;
  const layout = blockLayout(type);
  if (packings[type] || !layout) return packings[type] ?? null;
  const offsets = layout.affine ? 'numbers' : 'none';
  return codes(layout.bits, layout.groupSize, halfScales.has(type), offsets);
}

function matrixPacking(matrix: QuantizedMatrix, columns: number): Packing | null {
  const { bits, blockSize, scales, zeroPoints } = matrix;
  const isHalf = scales.type === 'F16' || scales.type === 'BF16';
  const areFloats = zeroPoints !== null && zeroPoints.type.includes('F');
  const offsets = areFloats ? 'numbers' : zeroPoints ? 'points' : 'none';
  if (liesAsNBits(matrix)) return codes(bits, blockSize, isHalf && !areFloats, offsets);
  const block = commonBlock(blockSize, columns);
  return block === null ? null : codes(bits, block, isHalf && !areFloats, offsets);
}

const matrixName =
  /(^|\.)(embedding|embedding_in|embedding_out|head|query|key|value|output|gate|up|down|router|in|out|x|time_step)\.weight$/;

/** Whether a canonical weight is a matrix to multiply by; the others are kept as float32 numbers. */
export const isMatrixName = (name: string): boolean => matrixName.test(name);

export interface HeldWeight {
  readonly name: string;
  readonly elements: number;
  readonly bytes: number;
  readonly isMatrix: boolean;
}

/** Every weight as the engine holds it. `pack`: where the weights lie packed already, maybe in another form than the model's own. */
export function heldWeights({ weights }: ResolvedModel, pack?: PackContents): HeldWeight[] {
  const bytesOf = (name: string, ref: WeightRef) => {
    const packed = pack?.matrices.get(name);
    return packed ? groupCount(packed.rows) * groupBytes(packed.layout, packed.columns) : packedBytes(ref);
  };
  return [...weights]
    .filter(([name]) => !name.startsWith('rope_factors'))
    .map(([name, ref]) => {
      const isMatrix = isMatrixName(name);
      const elements = ref.shape.reduce((product, size) => product * size, 1);
      return { name, elements, bytes: isMatrix ? bytesOf(name, ref) : 4 * elements, isMatrix };
    });
}
