/** Reads weights of a ModelSource: stored bytes, parts of packed matrices, or any weight as float32. */
import { badFile } from '../contract/errors.ts';
import type { ModelSource, QuantizedMatrix, TensorInfo } from '../contract/model-source.ts';
import { dequantize } from './dequantize/index.ts';
import { dequantizeMatrix, type MatrixParts } from './dequantize/packed-matrix.ts';
import { openModelFile } from './model-file.ts';
import { typeTraits } from './tensor-types.ts';

/** What models/families calls a WeightRef. */
export interface ReadableWeight {
  readonly source:
    | { readonly kind: 'tensor'; readonly tensor: TensorInfo }
    | { readonly kind: 'matrix'; readonly matrix: QuantizedMatrix };
  readonly shape: readonly number[];
  readonly transposed: boolean;
  readonly rows: { readonly start: number; readonly count: number } | null;
}

interface ByteRange {
  readonly start: number;
  readonly length: number;
}

const product = (shape: readonly number[]) => shape.reduce((total, size) => total * size, 1);

/**
 * The stored bytes of a tensor, or a range of them. The file is opened again as when it was first checked. Throws bad-file where it
 * is no longer the same file or size, and what opening throws.
 */
export async function readWeightBytes(
  source: ModelSource,
  tensor: TensorInfo,
  range: ByteRange = { start: 0, length: tensor.bytes },
): Promise<Uint8Array> {
  const expected = source.files[tensor.file];
  if (!expected) throw badFile('the tensor names no file', { field: tensor.name });
  if (range.start < 0 || range.length < 0 || range.start + range.length > tensor.bytes) {
    throw badFile('the range leaves the tensor', { file: expected.name, field: tensor.name });
  }
  const file = await openModelFile(source.folder, expected.name);
  try {
    if (file.path !== expected.path || file.bytes !== expected.bytes) {
      throw badFile('the file changed since the model was opened', { file: expected.name });
    }
    return await file.read(tensor.offset + range.start, range.length);
  } finally {
    await file.close();
  }
}

/** The stored tensors of a packed matrix, floats as float32. Throws as readWeightBytes. */
export async function readMatrixParts(source: ModelSource, matrix: QuantizedMatrix): Promise<MatrixParts> {
  const { codes, groupIndex } = matrix;
  return {
    codes: await readWeightBytes(source, codes),
    ...(await readMatrixScales(source, matrix)),
    // Group numbers are small: float32 holds them exactly.
    groupIndex: groupIndex && Int32Array.from(await readFloats(source, groupIndex)),
  };
}

/** A packed matrix without its codes. Throws as readWeightBytes. */
export async function readMatrixScales(
  source: ModelSource,
  { scales, zeroPoints }: QuantizedMatrix,
): Promise<Pick<MatrixParts, 'scales' | 'zeroPoints'>> {
  const packed = zeroPoints && !isFloat(zeroPoints);
  return {
    scales: await readFloats(source, scales),
    zeroPoints:
      zeroPoints && (await (packed ? readWeightBytes(source, zeroPoints) : readFloats(source, zeroPoints))),
  };
}

const isFloat = ({ type }: TensorInfo) => type === 'F32' || type === 'F16' || type === 'BF16';

async function readFloats(source: ModelSource, tensor: TensorInfo): Promise<Float32Array> {
  return dequantize(tensor.type, await readWeightBytes(source, tensor), product(tensor.shape));
}

/**
 * One weight as float32 in its canonical shape: dequantized, transposed and cut to its rows. A tensor with more than two axes is
 * seen as one matrix whose rows are all of them but the last (with `transposed`, each inner matrix is transposed by itself).
 * Throws bad-file, unsupported-type and what opening throws.
 */
export async function readWeight(source: ModelSource, weight: ReadableWeight): Promise<Float32Array> {
  const values =
    weight.source.kind === 'matrix'
      ? await readMatrix(source, weight.source.matrix, weight)
      : await readTensor(source, weight.source.tensor, weight);
  if (values.length !== product(weight.shape)) {
    const name = weight.source.kind === 'matrix' ? weight.source.matrix.name : weight.source.tensor.name;
    throw badFile(`holds ${values.length} values, expected [${weight.shape.join(', ')}]`, { field: name });
  }
  return values;
}

async function readMatrix(
  source: ModelSource,
  matrix: QuantizedMatrix,
  { transposed, rows }: ReadableWeight,
): Promise<Float32Array> {
  const values = dequantizeMatrix(matrix, await readMatrixParts(source, matrix));
  const [height, width] = transposed ? [matrix.columns, matrix.rows] : [matrix.rows, matrix.columns];
  return cutRows(transposed ? transpose(values, width, height) : values, height, width, rows, matrix.name);
}

async function readTensor(
  source: ModelSource,
  tensor: TensorInfo,
  { transposed, rows }: ReadableWeight,
): Promise<Float32Array> {
  const { shape, type, name } = tensor;
  if (transposed && shape.length > 1) {
    const [width, height] = [shape.at(-2) ?? 1, product(shape) / (shape.at(-2) ?? 1)];
    return cutRows(transposeInner(await readFloats(source, tensor), shape), height, width, rows, name);
  }
  if (!rows) return readFloats(source, tensor);
  // A vector's rows are its elements.
  const columns = shape.length > 1 ? (shape.at(-1) ?? 1) : 1;
  checkRows(rows, product(shape) / columns, name);
  const { blockElements, blockBytes } = typeTraits(type);
  const [start, count] = [rows.start * columns, rows.count * columns];
  if (start % blockElements !== 0 || count % blockElements !== 0) {
    return (await readFloats(source, tensor)).slice(start, start + count);
  }
  const bytes = (elements: number) => (elements / blockElements) * blockBytes;
  const range = { start: bytes(start), length: bytes(count) };
  return dequantize(type, await readWeightBytes(source, tensor, range), count);
}

/** [..., height, width] → [..., width, height]. */
function transposeInner(values: Float32Array, shape: readonly number[]): Float32Array {
  const [height, width] = [shape.at(-2) ?? 1, shape.at(-1) ?? 1];
  const turned = new Float32Array(values.length);
  for (let from = 0; from < values.length; from += height * width) {
    turned.set(transpose(values.subarray(from, from + height * width), height, width), from);
  }
  return turned;
}

/** [height, width] → [width, height]. */
function transpose(values: Float32Array, height: number, width: number): Float32Array {
  const turned = new Float32Array(values.length);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      turned[column * height + row] = values[row * width + column]!;
    }
  }
  return turned;
}

function cutRows(
  values: Float32Array,
  height: number,
  width: number,
  rows: ReadableWeight['rows'],
  name: string,
): Float32Array {
  if (!rows) return values;
  checkRows(rows, height, name);
  return values.slice(rows.start * width, (rows.start + rows.count) * width);
}

function checkRows(
  { start, count }: NonNullable<ReadableWeight['rows']>,
  height: number,
  name: string,
): void {
  if (start < 0 || count < 0 || start + count > height) {
    throw badFile(`rows ${start} to ${start + count} of ${height}`, { field: name });
  }
}
