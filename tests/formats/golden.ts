/** Golden tensors for tests, read by the reader under test (its own tests compare it with independent ones). */
import { dirname, basename, join } from 'node:path';
import { openModelFile } from '../../electron/formats/model-file.ts';
import { readSafetensorsHeader } from '../../electron/formats/safetensors/header.ts';

export const golden = join(import.meta.dirname, '../golden');

export interface GoldenTensors {
  has(name: string): boolean;
  shape(name: string): readonly number[];
  bytes(name: string): Uint8Array;
  /** F32 or F16 as float32. */
  floats(name: string): Float32Array;
  /** I32 or I64. */
  integers(name: string): Int32Array;
}

/** Reads every tensor of a .safetensors file below tests/golden. */
export async function goldenTensors(path: string): Promise<GoldenTensors> {
  const file = await openModelFile(join(golden, dirname(path)), basename(path));
  const { tensors } = await readSafetensorsHeader(file, 0);
  const data = await file.read(0, file.bytes);
  await file.close();
  const find = (name: string) => {
    const tensor = tensors.get(name);
    if (!tensor) throw new Error(`${path} has no ${name}`);
    return tensor;
  };
  const bytes = (name: string) => {
    const { offset, bytes: length } = find(name);
    return Uint8Array.from(data.subarray(offset, offset + length));
  };
  return {
    has: (name) => tensors.has(name),
    shape: (name) => find(name).shape,
    bytes,
    floats(name) {
      const { type } = find(name);
      if (type === 'F32') return new Float32Array(bytes(name).buffer);
      if (type !== 'F16') throw new Error(`${name} is ${type}`);
      const view = new DataView(bytes(name).buffer);
      return Float32Array.from({ length: view.byteLength / 2 }, (_, i) => half(view.getUint16(2 * i, true)));
    },
    integers(name) {
      const { type } = find(name);
      if (type === 'I64') return Int32Array.from(new BigInt64Array(bytes(name).buffer), Number);
      if (type !== 'I32') throw new Error(`${name} is ${type}`);
      return new Int32Array(bytes(name).buffer);
    },
  };
}

function half(bits: number): number {
  const exponent = (bits >> 10) & 31;
  const size = exponent === 0 ? (bits & 1023) * 2 ** -24 : (1024 + (bits & 1023)) * 2 ** (exponent - 25);
  return bits & 0x8000 ? -size : size;
}
