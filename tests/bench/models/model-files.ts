/** The benchmark's models, written where they are missing. */
import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { bundledModel, cacheFolder } from '../places.ts';
import type { RandomType } from './random-blocks.ts';
import { writeRandomGguf } from './random-gguf.ts';
import { writeRandomOnnx } from './random-onnx.ts';
import type { ModelShape } from './shapes.ts';

/** Changes when the writers do. */
const version = 1;
const folder = join(cacheFolder, `models-${version}`);

/** Under another name until it is complete. */
async function written(path: string, write: (path: string) => Promise<void>): Promise<string> {
  if (existsSync(path)) return path;
  const partial = `${path}.partial`;
  await mkdir(dirname(path), { recursive: true });
  await rm(partial, { recursive: true, force: true });
  await write(partial);
  await rename(partial, path);
  return path;
}

export const ggufFile = (shape: ModelShape, type: RandomType) =>
  written(join(folder, `${shape.name}.${type}.gguf`), (path) =>
    writeRandomGguf(path, shape, type, bundledModel),
  );

export const onnxFolder = (shape: ModelShape) =>
  written(join(folder, `${shape.name}.onnx-int4`), (path) => writeRandomOnnx(path, shape));
