/** How the addon gets a weight matrix: types it knows as they lie in the file, every other as codes with its block scales, else as float32. */
import { badFile } from '../../contract/errors.ts';
import type { ModelSource, QuantizedMatrix, TensorInfo, TensorType } from '../../contract/model-source.ts';
import { blockZeroPoints, splitMatrix } from '../../formats/dequantize/packed-matrix.ts';
import { splitBlocks } from '../../formats/dequantize/split-blocks.ts';
import { readMatrixParts, readMatrixScales, readWeight, readWeightBytes } from '../../formats/read-weight.ts';
import { typeTraits } from '../../formats/tensor-types.ts';
import type { WeightRef } from '../../../models/families/model-spec.ts';
import { liesAsNBits, packCodes, packedBlocks, type Blocks, type RoundedMatrix } from '../packed-blocks.ts';
import type { NativeFileRange, NativeMatrixSource, NativeMatrixType } from './addon.ts';

export interface OrderedMatrix {
  readonly matrix: NativeMatrixSource;
  /** Column j of the matrix multiplies input columnOrder[j]; null where they are in order. */
  readonly columnOrder: Int32Array | null;
}

const typesAsTheyLie: Partial<Record<TensorType, NativeMatrixType>> = {
  F32: 'f32', F16: 'f16', BF16: 'bf16',
  Q4_0: 'q4_0', Q4_1: 'q4_1', Q5_0: 'q5_0', Q8_0: 'q8_0', Q4_K: 'q4_k', Q6_K: 'q6_k',
}; // prettier-ignore

/** A weight of two axes as the addon packs it. Throws bad-file and what reading throws. */
export async function matrixSource(source: ModelSource, ref: WeightRef): Promise<OrderedMatrix> {
  const found =
    ref.transposed || ref.shape.length !== 2
      ? null
      : ref.source.kind === 'matrix'
        ? await ofPackedMatrix(source, ref.source.matrix, ref)
        : await ofTensor(source, ref.source.tensor, ref);
  return found ?? { matrix: floatMatrix(await readWeight(source, ref), ref), columnOrder: null };
}

const sizeOf = ({ shape }: WeightRef) => ({ rows: shape[0]!, columns: shape[1] ?? 1 });

function floatMatrix(values: Float32Array, ref: WeightRef): NativeMatrixSource {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return { type: 'f32', ...sizeOf(ref), bytes };
}

async function ofTensor(
  source: ModelSource,
  tensor: TensorInfo,
  ref: WeightRef,
): Promise<OrderedMatrix | null> {
  const { rows, columns } = sizeOf(ref);
  const { blockElements, blockBytes } = typeTraits(tensor.type);
  if (columns % blockElements !== 0) return null;
  const rowBytes = (columns / blockElements) * blockBytes;
  const range = { start: (ref.rows?.start ?? 0) * rowBytes, length: rows * rowBytes };
  const type = typesAsTheyLie[tensor.type];
  if (type) {
    return {
      matrix: { type, rows, columns, file: fileRange(source, tensor, range.start, range.length) },
      columnOrder: null,
    };
  }
  const blocks = splitBlocks(tensor.type, await readWeightBytes(source, tensor, range), rows, columns);
  return blocks && { matrix: blockMatrix(blocks, ref), columnOrder: null };
}

function fileRange(source: ModelSource, tensor: TensorInfo, start: number, bytes: number): NativeFileRange {
  const file = source.files[tensor.file];
  if (!file) throw badFile('the tensor names no file', { field: tensor.name });
  if (start + bytes > tensor.bytes) {
    throw badFile('the range leaves the tensor', { file: file.name, field: tensor.name });
  }
  return { path: file.path, fileBytes: file.bytes, offset: tensor.offset + start, bytes };
}

async function ofPackedMatrix(
  source: ModelSource,
  matrix: QuantizedMatrix,
  ref: WeightRef,
): Promise<OrderedMatrix | null> {
  if (liesAsNBits(matrix)) return { matrix: await nBitsMatrix(source, matrix, ref), columnOrder: null };
  const { rows, columns } = sizeOf(ref);
  const split = splitMatrix(matrix, await readMatrixParts(source, matrix));
  const packed = packedBlocks(split, ref.rows?.start ?? 0, rows, columns);
  if (!packed) return null;
  return {
    matrix: blockMatrix(packed.blocks, ref),
    columnOrder: packed.columnOrder && Int32Array.from(packed.columnOrder),
  };
}

/** Codes stay in the file; zero points become offsets. */
async function nBitsMatrix(
  source: ModelSource,
  matrix: QuantizedMatrix,
  ref: WeightRef,
): Promise<NativeMatrixSource> {
  const { rows, columns } = sizeOf(ref);
  const { bits, blockSize } = matrix;
  const groups = Math.ceil(columns / blockSize);
  const rowBytes = (groups * blockSize * bits) / 8;
  const start = ref.rows?.start ?? 0;
  const own = [start * groups, (start + rows) * groups] as const;
  const stored = await readMatrixScales(source, matrix);
  const zeroPoints = blockZeroPoints(matrix, stored.zeroPoints)?.subarray(...own);
  const scales = stored.scales.subarray(...own);
  const zero = 2 ** (bits - 1);
  return {
    type: nBitsType(bits),
    rows,
    columns,
    file: fileRange(source, matrix.codes, start * rowBytes, rows * rowBytes),
    block: blockSize,
    zero,
    scales,
    offsets: zeroPoints ? scales.map((scale, i) => scale * (zero - zeroPoints[i]!)) : null,
  };
}

const nBitsType = (bits: number): NativeMatrixType => (bits === 2 ? 'nbits2' : bits === 4 ? 'nbits4' : 'nbits8');

function blockMatrix({ blockSize, ...blocks }: Blocks, ref: WeightRef): NativeMatrixSource {
  return codedMatrix({ ...blocks, ...sizeOf(ref), block: blockSize });
}

/** A matrix that was rounded here. Zero points become offsets, which the engine keeps as bytes. */
export function roundedSource(matrix: RoundedMatrix): NativeMatrixSource {
  const { bits, scales, zeroPoints } = matrix;
  const zero = 2 ** (bits - 1);
  return codedMatrix({
    ...matrix,
    zero,
    offsets: zeroPoints && scales.map((scale, i) => scale * (zero - zeroPoints[i]!)),
  });
}

type CodedMatrix = Omit<Blocks, 'blockSize'> & Pick<RoundedMatrix, 'rows' | 'columns' | 'block'>;

/** Codes of two and of four bits lie as in MatMulNBits; those of another width one to a byte. */
function codedMatrix(matrix: CodedMatrix): NativeMatrixSource {
  const { rows, columns, block, bits, codes, zero, scales, offsets } = matrix;
  const shared = { rows, columns, block, zero, scales, offsets };
  if (bits !== 2 && bits !== 4) return { ...shared, type: 'blocks8', bytes: codes };
  return { ...shared, type: nBitsType(bits), bytes: packCodes(codes, matrix, bits) };
}
