/** The benchmark's models, written where they are missing. */
import { existsSync } from 'node:fs';
import { mkdir, rename, rm, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { bundledModel, cacheFolder } from '../places.ts';
import type { RandomType } from './random-blocks.ts';
import { weightBytes, writeRandomGguf } from './random-gguf.ts';
import { mixtureBytes, writeRandomMixture, type MixtureShape } from './random-mixture.ts';
import { onnxWeightBytes, writeRandomOnnx } from './random-onnx.ts';
import type { ModelShape } from './shapes.ts';

/** Changes when the writers do. */
const version = 1;
const folder = join(cacheFolder, `models-${version}`);

/** Left free beside what is written. */
const reserve = 2 * 2 ** 30;

/** Throws where the folder's disk has no room for a file of `bytes` and a reserve. */
async function needSpace(folder: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const missing = bytes + reserve - bavail * bsize;
  if (missing <= 0) return;
  const gigabytes = (value: number) => (value / 1e9).toFixed(1);
  throw new Error(
    `${folder} has no room for a file of ${gigabytes(bytes)} GB and 2 GiB to spare: free ${gigabytes(missing)} GB.`,
  );
}

/** Under another name until it is complete. */
async function written(path: string, bytes: number, write: (path: string) => Promise<void>): Promise<string> {
  if (existsSync(path)) return path;
  const partial = `${path}.partial`;
  await mkdir(dirname(path), { recursive: true });
  await rm(partial, { recursive: true, force: true });
  await needSpace(dirname(path), bytes);
  await write(partial);
  await rename(partial, path);
  return path;
}

export const ggufFile = (shape: ModelShape, type: RandomType) =>
  written(join(folder, `${shape.name}.${type}.gguf`), weightBytes(shape, type), (path) =>
    writeRandomGguf(path, shape, type, bundledModel),
  );

export const mixtureFile = (shape: MixtureShape, type: RandomType) =>
  written(join(folder, `${shape.name}.${type}.gguf`), mixtureBytes(shape, type).all, (path) =>
    writeRandomMixture(path, shape, type, bundledModel),
  );

export const onnxFolder = (shape: ModelShape) =>
  written(join(folder, `${shape.name}.onnx-int4`), onnxWeightBytes(shape), (path) =>
    writeRandomOnnx(path, shape),
  );
