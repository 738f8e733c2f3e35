/** Reads the golden data under tests/golden. */
import { readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openModelFile } from '../../electron/formats/model-file.ts';
import { readSafetensorsHeader } from '../../electron/formats/safetensors/header.ts';

export const goldenFolder = fileURLToPath(new URL('../golden', import.meta.url));
export const bundledModel = fileURLToPath(
  new URL('../../models/smollm2-135m-instruct/SmolLM2-135M-Instruct.Q4_1.gguf', import.meta.url),
);

export interface GoldenTensor {
  readonly type: string;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
  floats(): Float32Array;
  integers(): Int32Array;
}

/** A whole safetensors file in memory. */
export async function readGoldenTensors(path: string): Promise<ReadonlyMap<string, GoldenTensor>> {
  const file = await openModelFile(dirname(path), basename(path));
  try {
    const { tensors } = await readSafetensorsHeader(file, 0);
    const read = new Map<string, GoldenTensor>();
    for (const { name, type, shape, offset, bytes: length } of tensors.values()) {
      const bytes = new Uint8Array(length);
      bytes.set(await file.read(offset, length));
      read.set(name, {
        type,
        shape,
        bytes,
        floats: () => new Float32Array(bytes.buffer),
        integers: () =>
          type === 'I64'
            ? Int32Array.from(new BigInt64Array(bytes.buffer), Number)
            : new Int32Array(bytes.buffer),
      });
    }
    return read;
  } finally {
    await file.close();
  }
}

export function readGoldenJson<T>(...parts: string[]): T {
  return JSON.parse(readFileSync(join(goldenFolder, ...parts), 'utf8')) as T;
}

/** Expected values of one tiny case (tests/golden/README.md). */
export interface TinyExpectation {
  readonly input_ids: number[];
  readonly greedy: number[];
  readonly q8_0?: { readonly greedy: number[] };
}

export function maximumDifference(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length)
    throw new Error(`${actual.length} values, expected ${expected.length}`);
  let worst = 0;
  for (let i = 0; i < actual.length; i++) {
    const difference = Math.abs(actual[i]! - expected[i]!);
    if (!(difference <= worst)) worst = difference;
  }
  return worst;
}

/** Index of the highest value, the lowest among equals. */
export function argmax(values: Float32Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}
