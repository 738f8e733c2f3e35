/** Model sources made from golden ones: the same weights under other names, in other layouts, with other hyper-parameters. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LabError } from '../../electron/contract/errors.ts';
import type {
  GgufValue,
  JsonObject,
  Metadata,
  ModelSource,
  TensorInfo,
} from '../../electron/contract/model-source.ts';
import { readHuggingFaceFolder } from '../../electron/formats/huggingface/read-folder.ts';
import { readWeight } from '../../electron/formats/read-weight.ts';
import { readSafetensorsFolder } from '../../electron/formats/safetensors/folder.ts';
import { writeSafetensors } from '../../electron/formats/safetensors/write.ts';
import { resolveModel } from '../../models/families/index.ts';
import { goldenFolder } from './golden.ts';

export interface PlainTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

export const tinyFolder = (name: string) => join(goldenFolder, 'tiny', name);
export const readTiny = (name: string) => readHuggingFaceFolder(tinyFolder(name));

/** Every tensor of a source as float32, by name. */
export async function readTensors(source: ModelSource): Promise<Map<string, PlainTensor>> {
  const tensors = new Map<string, PlainTensor>();
  for (const [name, tensor] of source.tensors) {
    const ref = {
      source: { kind: 'tensor', tensor } as const,
      shape: tensor.shape,
      transposed: false,
      rows: null,
    };
    tensors.set(name, { shape: tensor.shape, data: await readWeight(source, ref) });
  }
  return tensors;
}

/** A source whose tensors lie in a new file. `remove` deletes it. */
export async function writeSource(
  base: ModelSource,
  tensors: ReadonlyMap<string, PlainTensor>,
  changes: Partial<ModelSource>,
): Promise<{ source: ModelSource; remove: () => void }> {
  const folder = mkdtempSync(join(tmpdir(), 'retort-variant-'));
  const list = [...tensors].map(([name, { shape, data }]) => ({ name, type: 'F32' as const, shape, data }));
  await writeSafetensors(join(folder, 'model.safetensors'), list);
  const written = await readSafetensorsFolder(folder, 0);
  return {
    source: { ...base, folder, path: folder, ...written, ...changes },
    remove: () => rmSync(folder, { recursive: true }),
  };
}

/** GGUF metadata of one architecture: names below it without its prefix. */
export function ggufMetadata(architecture: string, values: Readonly<Record<string, GgufValue>>): Metadata {
  const entries = Object.entries(values).map(([name, value]) => [`${architecture}.${name}`, value] as const);
  return { kind: 'gguf', values: new Map(entries) };
}

/** The source with fields of config.json replaced; undefined takes one away. */
export function withConfig(source: ModelSource, changes: Readonly<Record<string, unknown>>): ModelSource {
  if (source.metadata.kind !== 'huggingface') throw new Error('not a Hugging Face source');
  const entries = Object.entries({ ...source.metadata.config, ...changes });
  const config = Object.fromEntries(entries.filter(([, value]) => value !== undefined)) as JsonObject;
  return { ...source, metadata: { kind: 'huggingface', config } };
}

/** The source with tensors renamed; a name mapped to null is taken away. */
export function renamed(source: ModelSource, rename: (name: string) => string | null): ModelSource {
  const tensors = new Map<string, TensorInfo>();
  for (const [old, tensor] of source.tensors) {
    const name = rename(old);
    if (name !== null) tensors.set(name, { ...tensor, name });
  }
  return { ...source, tensors };
}

/** The error that resolving ends in. */
export function refusal(source: ModelSource): LabError {
  try {
    resolveModel(source);
  } catch (error) {
    return error as LabError;
  }
  throw new Error('the source was taken');
}
