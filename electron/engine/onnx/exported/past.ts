/** The cache of an exported decoder: tensors [1, heads, positions, dimension] that are replaced, never written, so that forks share them. */
import { Tensor } from '../runtime.ts';
import type { PastSlot } from './decoder-inputs.ts';

export type FloatType = 'F32' | 'F16';

export interface PastTensor {
  readonly shape: readonly number[];
  /** float32 values, or float16 bit patterns. */
  readonly data: Float32Array | Uint16Array;
}

interface HalfArray {
  readonly buffer: ArrayBuffer;
}
/** Node 24 has it, TypeScript's ES2023 library does not know it. */
const { Float16Array: HalfArray } = globalThis as unknown as {
  Float16Array: new (values: Float32Array) => HalfArray;
};

/** Nothing cached yet. */
export function emptyPast(slots: readonly PastSlot[]): PastTensor[] {
  return slots.map(({ type, heads, dimension }) => ({
    shape: [1, heads, 0, dimension],
    data: type === 'F32' ? new Float32Array(0) : new Uint16Array(0),
  }));
}

/** The first `length` positions, copied. */
export function slicePast({ shape, data }: PastTensor, length: number): PastTensor {
  const [, heads = 0, positions = 0, dimension = 0] = shape;
  const kept = length * dimension;
  const sliced =
    data instanceof Float32Array ? new Float32Array(heads * kept) : new Uint16Array(heads * kept);
  for (let head = 0; head < heads; head++) {
    const start = head * positions * dimension;
    sliced.set(data.subarray(start, start + kept), head * kept);
  }
  return { shape: [1, heads, length, dimension], data: sliced };
}

/** Values of float32 or float16 rows as a tensor of the wanted type. */
export function floatTensor(type: FloatType, values: Float32Array, shape: readonly number[]): Tensor {
  const data = type === 'F32' ? values : new Uint16Array(new HalfArray(values).buffer);
  return feedTensor({ shape, data });
}

/**
 * onnxruntime-node 1.30 cannot be fed a Float16Array ("not enough space: expected n, got 0"), which onnxruntime-common makes of any
 * float16 data where the platform has that class: the bit patterns must be put back in its place.
 */
export function feedTensor({ shape, data }: PastTensor): Tensor {
  if (data instanceof Float32Array) return new Tensor('float32', data, shape);
  const tensor = new Tensor('float16', data, shape);
  return Object.defineProperty(tensor, 'data', { value: data });
}

/** An output as a cached tensor, without a copy. */
export function fromOutput(tensor: Tensor): PastTensor {
  const data = tensor.data as Float32Array;
  if (tensor.type === 'float32') return { shape: tensor.dims, data };
  return { shape: tensor.dims, data: new Uint16Array(data.buffer, data.byteOffset, data.length) };
}

/** float32 values of an output of either type. */
export function outputFloats(tensor: Tensor): Float32Array {
  const data = tensor.data as Float32Array;
  return tensor.type === 'float32' ? data : new Float32Array(data);
}

/** float32 values, exact for both types. */
export function pastFloats(past: PastTensor): Float32Array {
  return past.data instanceof Float32Array
    ? past.data
    : outputFloats(new Tensor('float16', past.data, past.shape));
}

/** The inverse of pastFloats. */
export function pastFromFloats(type: FloatType, shape: readonly number[], values: Float32Array): PastTensor {
  return { shape, data: type === 'F32' ? values : new Uint16Array(new HalfArray(values).buffer) };
}

export function pastBytes(past: readonly PastTensor[]): number {
  return past.reduce((sum, { data }) => sum + data.byteLength, 0);
}
