/** The weights of a model as float32, one at a time, whatever they lie in: also a pack, whose matrices have the engine's own layout. */
import { badFile } from '../../contract/errors.ts';
import { readWeight } from '../../formats/read-weight.ts';
import { readModelSource } from '../../formats/open-source.ts';
import { resolveModel } from '../../../models/families/index.ts';
import type { PackContents } from '../../contract/pack.ts';
import type { ModelSource } from '../../contract/model-source.ts';
import { packValues } from './pack-values.ts';
import type { StoredValues } from './stored-values.ts';

/** Of a pack's matrix, read at once. */
const chunkElements = 4 * 1_048_576;

export interface ReadableWeights {
  /** Of the model. */
  readonly name: string;
  /** Matrices by their canonical names (models/families/model-spec.ts), as the model is resolved. */
  readonly matrices: readonly { readonly name: string; readonly elements: number }[];
  has(name: string, elements: number): boolean;
  /** Rows one after the other. Throws what reading throws. */
  read(name: string): Promise<Float32Array>;
}

/** Throws what the readers throw, and unsupported-… where no family takes the model. */
export async function openWeights(path: string): Promise<ReadableWeights> {
  const source = await readModelSource(path);
  const model = resolveModel(source);
  const matrices = [...model.weights]
    .filter(([, { shape }]) => shape.length === 2)
    .map(([name, { shape }]) => ({ name, elements: shape[0]! * shape[1]! }));
  const sizes = new Map(matrices.map(({ name, elements }) => [name, elements]));
  const opened = {
    name: source.name,
    matrices,
    has: (name: string, elements: number) => sizes.get(name) === elements,
  };
  const { pack } = source;
  if (!pack) return { ...opened, read: (name) => readWeight(source, model.weights.get(name)!) };
  const values = packValues(source, pack, chunkElements);
  return { ...opened, read: (name) => readPacked(name, source, pack, values) };
}

async function readPacked(
  name: string,
  source: ModelSource,
  { matrices }: PackContents,
  stored: ReadonlyMap<string, StoredValues>,
): Promise<Float32Array> {
  const matrix = matrices.get(name);
  if (!matrix) throw badFile('the pack lacks a matrix', { file: source.name, field: name });
  const values = await whole(stored.get(name)!);
  if (matrix.columnOrder === null) return values;
  return inOrder(values, await whole(stored.get(matrix.columnOrder)!));
}

async function whole({ values, chunks }: StoredValues): Promise<Float32Array> {
  const all = new Float32Array(values);
  let end = 0;
  for await (const chunk of chunks()) {
    all.set(chunk, end);
    end += chunk.length;
  }
  return all;
}

/** Column j of the matrix as it lies is column order[j] of the weight. */
function inOrder(values: Float32Array, order: Float32Array): Float32Array {
  const columns = order.length;
  const ordered = new Float32Array(values.length);
  for (let start = 0; start < values.length; start += columns) {
    for (let column = 0; column < columns; column++)
      ordered[start + order[column]!] = values[start + column]!;
  }
  return ordered;
}
