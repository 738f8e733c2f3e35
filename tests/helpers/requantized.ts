/** The bundled model with matrices in other block types, as the golden ladder has them: quantized from its float32 weights. */
import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ModelSource, TensorInfo } from '../../electron/contract/model-source.ts';
import { dequantize } from '../../electron/formats/dequantize/index.ts';
import { readWeightBytes } from '../../electron/formats/read-weight.ts';
import { typeTraits } from '../../electron/formats/tensor-types.ts';

const block = 32;

/** Blocks of 32 numbers to bytes, by ggml's own rules. */
const quantizers = {
  /** d = largest/127 as f16, then round(x/d). */
  Q8_0(values: Float32Array, to: DataView, at: number): void {
    const scale = Math.max(...values.map(Math.abs)) / 127;
    writeHalf(to, at, scale);
    values.forEach((value, i) => to.setInt8(at + 2 + i, scale === 0 ? 0 : Math.round(value / scale)));
  },
};

function writeHalf(to: DataView, at: number, value: number): void {
  (to as unknown as { setFloat16(at: number, value: number, little: boolean): void }).setFloat16(
    at,
    value,
    true,
  );
}

/** `base` with the chosen tensors in a file of their own in `folder`, as `type`. */
export async function requantized(
  base: ModelSource,
  type: keyof typeof quantizers,
  folder: string,
  chosen: (name: string) => boolean,
): Promise<ModelSource> {
  const path = join(folder, `${type}.bin`);
  writeFileSync(path, '');
  const tensors = new Map<string, TensorInfo>(base.tensors);
  let offset = 0;
  for (const [name, tensor] of base.tensors) {
    if (tensor.shape.length !== 2 || !chosen(name)) continue;
    const elements = tensor.shape.reduce((product, size) => product * size, 1);
    const values = dequantize(tensor.type, await readWeightBytes(base, tensor), elements);
    const bytes = quantizedBytes(type, values);
    appendFileSync(path, bytes);
    tensors.set(name, { ...tensor, type, file: base.files.length, offset, bytes: bytes.length });
    offset += bytes.length;
  }
  // Named from the source's own folder, where files are opened again.
  return {
    ...base,
    folder,
    path,
    files: [...base.files, { name: `${type}.bin`, path, bytes: offset, headerBytes: 0 }],
    tensors,
  };
}

function quantizedBytes(type: keyof typeof quantizers, values: Float32Array): Uint8Array {
  const { blockBytes } = typeTraits(type);
  const bytes = new Uint8Array((values.length / block) * blockBytes);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < values.length / block; i++) {
    quantizers[type](values.subarray(i * block, (i + 1) * block), view, i * blockBytes);
  }
  return bytes;
}
