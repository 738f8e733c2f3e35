/** How far the weights of a model are from those of its reference: one matrix at a time, as float32. */
import {
  type ComparedTensor,
  type CompareWeights,
  type WeightHistogram,
} from '../../contract/compare-figures.ts';
import { histogramBins } from '../../contract/tensor-statistics.ts';
import { LabError, toLabError } from '../../contract/errors.ts';
import { openWeights, type ReadableWeights } from '../../engine/statistics/read-weights.ts';
import type { LabHooks } from '../bench.ts';

/** Throws what reading throws; of a variant whose weights have no names (a graph that runs as it was exported) there is no error. */
export async function weightErrors(
  referencePath: string,
  variantPaths: readonly string[],
  hooks: LabHooks,
): Promise<CompareWeights> {
  const reference = await openWeights(referencePath);
  // What lies in the same file is the same.
  const opened = new Map([[referencePath, reference]]);
  for (const path of new Set(variantPaths)) {
    const weights = path === referencePath ? reference : await namedWeights(path);
    if (weights) opened.set(path, weights);
  }
  const tensors = reference.matrices.map(comparedTensor);
  const total = tensors.reduce((sum, { elements }) => sum + elements, 0);
  const byTensor: (number | null)[][] = [];
  let done = 0;
  for (const { name, elements } of tensors) {
    hooks.signal.throwIfAborted();
    hooks.onProgress({ phase: 'weights', done, total });
    const errors = await errorsOf(name, reference, [...opened.values()].slice(1));
    byTensor.push(
      variantPaths.map((path) => (path === referencePath ? 0 : errorOf(opened.get(path), errors))),
    );
    done += elements;
  }
  return {
    tensors,
    errors: variantPaths.map((_, variant) => byTensor.map((errors) => errors[variant] ?? null)),
  };
}

async function namedWeights(path: string): Promise<ReadableWeights | null> {
  try {
    return await openWeights(path);
  } catch (error) {
    if (toLabError(error).code.startsWith('unsupported')) return null;
    throw error;
  }
}

type Errors = ReadonlyMap<ReadableWeights, number | null>;

const errorOf = (variant: ReadableWeights | undefined, errors: Errors): number | null =>
  (variant && errors.get(variant)) ?? null;

async function errorsOf(
  name: string,
  reference: ReadableWeights,
  variants: readonly ReadableWeights[],
): Promise<Errors> {
  const errors = new Map<ReadableWeights, number | null>();
  const own = variants.length > 0 ? await reference.read(name) : null;
  for (const variant of variants) {
    const other = own && variant.has(name, own.length) ? await variant.read(name) : null;
    errors.set(variant, own && other && relativeError(own, other));
  }
  return errors;
}

/** Root mean square of the difference over that of the reference; 0 where both are 0 throughout. */
export function relativeError(reference: Float32Array, variant: Float32Array): number {
  let [difference, size] = [0, 0];
  for (let i = 0; i < reference.length; i++) {
    const [own, other] = [reference[i]!, variant[i]!];
    difference += (other - own) * (other - own);
    size += own * own;
  }
  if (difference === 0) return 0;
  return Math.sqrt(difference / (size || Number.MIN_VALUE));
}

/** Throws bad-request where one of the two has no such matrix of the same shape, and what reading throws. */
export async function weightHistogram(
  referencePath: string,
  variantPath: string,
  tensor: string,
): Promise<WeightHistogram> {
  const [own, other] = [await readOne(referencePath, tensor), await readOne(variantPath, tensor)];
  if (own.length !== other.length) {
    throw new LabError('bad-request', `${tensor} has another shape in the reference.`, { field: tensor });
  }
  const { low, high } = rangeOf(own);
  return {
    ...{ low, high },
    reference: binned(own, low, high),
    variant: binned(other, low, high),
    error: relativeError(own, other),
  };
}

async function readOne(path: string, tensor: string): Promise<Float32Array> {
  const weights = await openWeights(path);
  if (weights.matrices.some(({ name }) => name === tensor)) return weights.read(tensor);
  throw new LabError('bad-request', `There is no matrix ${tensor} in ${weights.name}.`, { field: tensor });
}

function rangeOf(values: Float32Array): { low: number; high: number } {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low <= high ? { low, high } : { low: 0, high: 0 };
}

function binned(values: Float32Array, low: number, high: number): number[] {
  const bins = new Float64Array(histogramBins);
  const scale = high > low ? histogramBins / (high - low) : 0;
  for (const value of values) {
    const bin = Math.floor((value - low) * scale);
    bins[Math.min(histogramBins - 1, Math.max(0, bin))]!++;
  }
  return [...bins];
}

function comparedTensor({ name, elements }: ReadableWeights['matrices'][number]): ComparedTensor {
  const [, layer, part] = /^layers\.(\d+)\.(.+)$/.exec(name) ?? [];
  return { name, layer: layer === undefined ? null : Number(layer), part: part ?? name, elements };
}
