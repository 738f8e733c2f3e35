/** Any GGUF tensor to float32: the readable reference that faster kernels are compared with. */
import { LabError } from '../../contract/errors.ts';
import type { TensorType } from '../../contract/model-source.ts';
import { typeTraits } from '../tensor-types.ts';
import { halfValues, type BlockLayout } from './block-layout.ts';
import { blockLayout } from './layouts.ts';

/** Elements unpacked at a time: codes and values of a slice stay in the processor's cache. */
const sliceElements = 4096;

/**
 * The `count` elements of a tensor as float32: what ggml's dequantize_row functions give (products and scales are exact
 * in float64, so that storing is the only rounding). Integers beyond 2^24 and F64 are rounded to the nearest float32.
 * Throws bad-file where `bytes` is not exactly `count` elements, unsupported-type for types that no GGUF file holds.
 */
export function dequantize(type: TensorType, bytes: Uint8Array, count: number): Float32Array {
  const { blockElements, blockBytes } = typeTraits(type);
  if (count % blockElements !== 0 || bytes.length !== (count / blockElements) * blockBytes) {
    throw new LabError(
      'bad-file',
      `${bytes.length} bytes are not ${count} elements of ${type}, ${blockElements} to a block of ${blockBytes} bytes.`,
    );
  }
  const layout = blockLayout(type);
  return layout === null ? plainValues(type, bytes, count) : blockValues(layout, type, bytes, count);
}

function blockValues(layout: BlockLayout, type: TensorType, bytes: Uint8Array, count: number): Float32Array {
  const { blockElements, blockBytes } = typeTraits(type);
  const { groupSize, zero, affine } = layout;
  const values = new Float32Array(count);
  const codes = new Uint8Array(sliceElements);
  const scales = new Float32Array(sliceElements / groupSize);
  const offsets = new Float32Array(sliceElements / groupSize);
  for (let start = 0; start < count; start += sliceElements) {
    const elements = Math.min(sliceElements, count - start);
    const from = (start / blockElements) * blockBytes;
    const blocks = elements / blockElements;
    layout.unpack(bytes.subarray(from, from + blocks * blockBytes), blocks, { codes, scales, offsets });
    for (let group = 0; group < elements / groupSize; group++) {
      const scale = scales[group]!;
      const at = group * groupSize;
      if (affine) {
        const offset = offsets[group]!;
        for (let j = at; j < at + groupSize; j++) values[start + j] = scale * (codes[j]! - zero) + offset;
      } else {
        for (let j = at; j < at + groupSize; j++) values[start + j] = scale * (codes[j]! - zero);
      }
    }
  }
  return values;
}

/** The bytes in a buffer of their own: typed arrays need aligned starts. */
function aligned(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}

function plainValues(type: TensorType, bytes: Uint8Array, count: number): Float32Array {
  switch (type) {
    case 'F32':
      return new Float32Array(aligned(bytes));
    case 'F16':
      return halfFloats(bytes, count);
    case 'BF16':
      return brainFloats(bytes, count);
    case 'F64':
      return Float32Array.from(new Float64Array(aligned(bytes)));
    case 'I8':
      return Float32Array.from(new Int8Array(aligned(bytes)));
    case 'I16':
      return Float32Array.from(new Int16Array(aligned(bytes)));
    case 'I32':
      return Float32Array.from(new Int32Array(aligned(bytes)));
    case 'I64':
      return Float32Array.from(new BigInt64Array(aligned(bytes)), Number);
    default:
      throw new LabError('unsupported-type', `Tensors of type ${type} cannot be turned into float32.`);
  }
}

function halfFloats(bytes: Uint8Array, count: number): Float32Array {
  const values = new Float32Array(count);
  for (let i = 0; i < count; i++) values[i] = halfValues[bytes[2 * i]! | (bytes[2 * i + 1]! << 8)]!;
  return values;
}

/** bfloat16 is the upper half of a float32. */
function brainFloats(bytes: Uint8Array, count: number): Float32Array {
  const words = new Uint32Array(count);
  for (let i = 0; i < count; i++) words[i] = ((bytes[2 * i]! << 16) | (bytes[2 * i + 1]! << 24)) >>> 0;
  return new Float32Array(words.buffer);
}
