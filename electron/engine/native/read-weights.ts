/** The weights of a model as float32, one at a time, whatever they lie in: also a pack, whose matrices have the engine's own layout. */
import { availableParallelism } from 'node:os';
import { readWeight } from '../../formats/read-weight.ts';
import { readModelSource } from '../../formats/open-source.ts';
import { resolveModel } from '../../../models/families/index.ts';
import { nativeAddon, withCodes } from './addon.ts';
import { packWeights } from './open-pack.ts';
import { named } from './weights.ts';

export interface ReadableWeights {
  /** Of the model. */
  readonly name: string;
  /** Matrices by their canonical names (models/families/model-spec.ts), as the model is resolved. */
  readonly matrices: readonly { readonly name: string; readonly elements: number }[];
  has(name: string, elements: number): boolean;
  /** Rows one after the other. Throws what reading throws. */
  read(name: string): Promise<Float32Array>;
  close(): void;
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
  if (!source.pack) {
    return { ...opened, read: (name) => readWeight(source, model.weights.get(name)!), close: () => undefined };
  }
  const { NativeEngine } = nativeAddon();
  const engine = withCodes(
    () => new NativeEngine({ arithmetic: 'reference', threads: availableParallelism(), kernels: '' }),
  );
  const weights = packWeights(source, model, engine, null);
  return {
    ...opened,
    async read(name) {
      const { packed, columnOrder } = await weights.matrix(name, model.weights.get(name)!);
      const values = await named(name, () => engine.readMatrix(packed.number));
      withCodes(() => engine.release(packed.number));
      return columnOrder ? inOrder(values, columnOrder) : values;
    },
    close: () => engine.close(),
  };
}

/** Column j of the matrix as it lies is column order[j] of the weight. */
function inOrder(values: Float32Array, order: Int32Array): Float32Array {
  const columns = order.length;
  const ordered = new Float32Array(values.length);
  for (let start = 0; start < values.length; start += columns) {
    for (let column = 0; column < columns; column++) ordered[start + order[column]!] = values[start + column]!;
  }
  return ordered;
}
