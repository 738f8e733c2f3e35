/** Where the native engine gets a model's weights from. */
import type { ModelSource } from '../../contract/model-source.ts';
import { readWeight } from '../../formats/read-weight.ts';
import type { WeightRef } from '../../../models/families/model-spec.ts';
import { toCodedError, type NativeEngine, type NativePackedMatrix } from './addon.ts';
import { matrixSource } from './matrix-source.ts';

export interface LoadedMatrix {
  readonly packed: NativePackedMatrix;
  /** Column j multiplies input columnOrder[j]; null where they are in order. */
  readonly columnOrder: Int32Array | null;
}

/** By canonical names. Both throw bad-file and what reading throws. */
export interface Weights {
  /** A weight of two axes, in the engine. */
  matrix(name: string, ref: WeightRef): Promise<LoadedMatrix>;
  /** Any other, as float32. */
  vector(name: string, ref: WeightRef): Promise<Float32Array>;
}

/** Matrices of a model's own files, packed one by one. */
export function sourceWeights(source: ModelSource, engine: NativeEngine): Weights {
  return {
    async matrix(name, ref) {
      const { matrix, columnOrder } = await matrixSource(source, ref);
      return { packed: await named(name, () => engine.pack(matrix)), columnOrder };
    },
    vector: (_name, ref) => readWeight(source, ref),
  };
}

/** Runs a call of the addon; what it throws begins with the weight's name. */
export async function named<T>(name: string, body: () => T | Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    const known = toCodedError(error);
    if (known instanceof Error) known.message = `${name}: ${known.message}`;
    throw known;
  }
}
