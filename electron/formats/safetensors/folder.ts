/** The safetensors files of a model folder: model.safetensors, shards under model.safetensors.index.json, or the only one there. */
import { readdir } from 'node:fs/promises';
import { badFile, LabError } from '../../contract/errors.ts';
import type { SourceFile, TensorInfo } from '../../contract/model-source.ts';
import { orNull, readOptionalJson, type JsonFile } from '../json.ts';
import { nameProblem, openModelFile, type OpenOptions } from '../model-file.ts';
import { readSafetensorsHeader } from './header.ts';

const indexName = 'model.safetensors.index.json';
const maximumIndexBytes = 128 * 1_048_576;
const maximumShards = 4096;

export interface SafetensorsFiles {
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly files: readonly SourceFile[];
}

/**
 * Reads headers only; TensorInfo.file counts from `firstIndex`. Throws not-found (with the missing names) where there is no
 * safetensors file or a shard is missing, bad-file, outside-folder or unsupported-type.
 */
export async function readSafetensorsFolder(folder: string, firstIndex: number): Promise<SafetensorsFiles> {
  const single = await orNull(readOne(folder, 'model.safetensors', firstIndex));
  if (single) return single;
  const index = await readOptionalJson(folder, indexName, maximumIndexBytes);
  if (index) return readShards(folder, index, firstIndex);
  const names = (await readdir(folder)).filter((name) => name.endsWith('.safetensors')).sort();
  const [only] = names;
  if (only === undefined) {
    throw new LabError('not-found', 'The folder holds no safetensors file.', { file: 'model.safetensors' });
  }
  if (names.length > 1) {
    throw badFile(`the file is needed to tell how ${names.slice(0, 8).join(', ')} belong together`, {
      file: indexName,
    });
  }
  return readOne(folder, only, firstIndex);
}

async function readOne(
  folder: string,
  name: string,
  fileIndex: number,
  options?: OpenOptions,
): Promise<SafetensorsFiles> {
  const file = await openModelFile(folder, name, options);
  try {
    const { tensors, headerBytes } = await readSafetensorsHeader(file, fileIndex);
    return { tensors, files: [{ name, path: file.path, bytes: file.bytes, headerBytes }] };
  } finally {
    await file.close();
  }
}

async function readShards(folder: string, index: JsonFile, firstIndex: number): Promise<SafetensorsFiles> {
  const places = readWeightMap(index);
  const names = [...new Set(places.values())].sort();
  if (names.length > maximumShards) throw badFile(`more than ${maximumShards} shards`, { file: indexName });
  const missing: string[] = [];
  const shards = new Map<string, ReadonlyMap<string, TensorInfo>>();
  const files: SourceFile[] = [index.file];
  for (const name of names) {
    // Names that stand inside a file: a hard link could lead out of the folder unseen.
    const shard = await orNull(readOne(folder, name, firstIndex + files.length, { refuseHardLinks: true }));
    if (!shard) {
      missing.push(name);
      continue;
    }
    shards.set(name, shard.tensors);
    files.push(...shard.files);
  }
  if (missing.length > 0) {
    const message = `${indexName} names files that are missing: ${missing.join(', ')}.`;
    throw new LabError('not-found', message, { file: missing[0] ?? indexName });
  }
  return { tensors: tensorsInPlace(places, shards), files };
}

function readWeightMap(index: JsonFile): Map<string, string> {
  const map = index.value['weight_map'];
  const detail = { file: indexName, field: 'weight_map' };
  if (typeof map !== 'object' || map === null || Array.isArray(map)) {
    throw badFile('expected an object of tensor names and file names', detail);
  }
  const places = new Map<string, string>();
  for (const [tensor, file] of Object.entries(map)) {
    const field = `weight_map.${tensor.slice(0, 200)}`;
    if (typeof file !== 'string') throw badFile('expected a file name', { file: indexName, field });
    const problem = nameProblem(file) ?? (file.includes('/') ? 'the name is not a plain file name' : null);
    if (problem) {
      const message = `${indexName}, ${field}: ${JSON.stringify(file.slice(0, 200))}: ${problem}.`;
      throw new LabError('outside-folder', message, { file: indexName, field });
    }
    places.set(tensor, file);
  }
  return places;
}

/** Each tensor from the shard the index names; what the index does not name is not part of the model. */
function tensorsInPlace(
  places: ReadonlyMap<string, string>,
  shards: ReadonlyMap<string, ReadonlyMap<string, TensorInfo>>,
): Map<string, TensorInfo> {
  const tensors = new Map<string, TensorInfo>();
  for (const [name, file] of places) {
    const tensor = shards.get(file)?.get(name);
    if (!tensor) {
      const actual = [...shards].find(([, held]) => held.has(name))?.[0];
      const where = actual === undefined ? 'no shard holds it' : `it lies in ${actual}`;
      throw badFile(`${file} does not hold this tensor, ${where}`, {
        file: indexName,
        field: `weight_map.${name.slice(0, 200)}`,
      });
    }
    tensors.set(name, tensor);
  }
  return tensors;
}
