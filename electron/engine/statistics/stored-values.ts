/** The values of what lies in a model's files, some millions at a time, in no particular order. */
import { badFile, LabError } from '../../contract/errors.ts';
import type { ModelSource, QuantizedMatrix, TensorInfo } from '../../contract/model-source.ts';
import { dequantize } from '../../formats/dequantize/index.ts';
import { readWeightBytes } from '../../formats/read-weight.ts';
import { typeTraits } from '../../formats/tensor-types.ts';
import { matrixChunks } from './matrix-values.ts';
import { packValues } from './pack-values.ts';

/** A whole number of blocks of any type. */
const chunkElements = 4 * 1_048_576;

export interface StoredValues {
  readonly name: string;
  /** In the files. */
  readonly bytes: number;
  /** How many: of values, not of what they are packed into. */
  readonly values: number;
  /** Reads them, again with each call. Throws unsupported-type, bad-file and what opening a file throws. */
  readonly chunks: () => AsyncIterable<Float32Array>;
}

/** By name, in the order of the files: what a model's summary lists. */
export function storedValues(source: ModelSource): ReadonlyMap<string, StoredValues> {
  if (source.pack) return packValues(source, source.pack, chunkElements);
  const matrices = new Map([...source.matrices.values()].map((matrix) => [matrix.codes.name, matrix]));
  const points = new Map([...source.matrices.values()].map((matrix) => [matrix.zeroPoints?.name, matrix]));
  return new Map(
    [...source.tensors.values()].map((tensor) => {
      const { name, type, bytes } = tensor;
      const matrix = matrices.get(name);
      if (matrix) {
        const chunks = () => matrixChunks(source, matrix, chunkElements);
        return [name, { name, bytes, values: matrix.rows * matrix.columns, chunks }];
      }
      const { blockElements, blockBytes } = typeTraits(type);
      const chunks = () => tensorChunks(source, tensor, points.get(name));
      return [name, { name, bytes, values: (bytes / blockBytes) * blockElements, chunks }];
    }),
  );
}

async function* tensorChunks(
  source: ModelSource,
  tensor: TensorInfo,
  matrix: QuantizedMatrix | undefined,
): AsyncGenerator<Float32Array> {
  const { type, name, bytes } = tensor;
  if (matrix && type !== 'F32' && type !== 'F16' && type !== 'BF16') {
    const message = `These are packed zero points: the values are those of ${matrix.codes.name}.`;
    throw new LabError('unsupported-type', message, { field: name });
  }
  const { blockElements, blockBytes } = typeTraits(type);
  const elements = elementsOf(tensor);
  for (let start = 0; start < elements; start += chunkElements) {
    const count = Math.min(chunkElements, elements - start);
    const range = {
      start: (start / blockElements) * blockBytes,
      length: (count / blockElements) * blockBytes,
    };
    if (range.start + range.length > bytes) throw badFile('the tensor ends early', { field: name });
    yield dequantize(type, await readWeightBytes(source, tensor, range), count);
  }
}

/** Throws bad-file where the shape does not say what the bytes hold. */
function elementsOf({ name, type, shape, bytes }: TensorInfo): number {
  const { blockElements, blockBytes } = typeTraits(type);
  const elements = shape.includes(0) ? 0 : shape.reduce((product, size) => product * size, 1);
  if (elements === (bytes / blockBytes) * blockElements) return elements;
  throw badFile(`${bytes} bytes do not hold [${shape.join(', ')}] of ${type}`, { field: name });
}
