/** A GGUF model, one file or split, as a ModelSource. Only headers are read. */
import { basename, dirname, resolve } from 'node:path';
import { badFile } from '../../contract/errors.ts';
import type { ModelSource, SourceFile, TensorInfo } from '../../contract/model-source.ts';
import { openModelFile } from '../model-file.ts';
import { describeGguf } from './describe.ts';
import type { GgufMetadata } from './metadata.ts';
import { readHeader, type GgufHeader } from './read-header.ts';

interface OpenedHeader extends GgufHeader {
  readonly file: SourceFile;
}

/**
 * Reads the header of a GGUF file, and of its siblings where it is one part of a split model (any part may be named).
 * Throws bad-file with file, field and offset; unsupported-type, unsupported-format; not-found for a missing part.
 */
export async function readGguf(path: string): Promise<ModelSource> {
  const folder = dirname(resolve(path));
  const named = basename(path);
  const split = splitName(named);
  const first = await openHeader(folder, split ? split.part(0) : named, 0);
  const headers = [first, ...(await otherParts(folder, first, split))];
  const { metadata } = first;
  const tensors = joinTensors(headers);
  return {
    format: 'gguf',
    path: resolve(path),
    folder,
    name: displayName(metadata, named),
    files: headers.map(({ file }) => file),
    ...describeGguf(metadata, tensors),
    tensors,
    matrices: new Map(),
    graphs: [],
  };
}

async function openHeader(folder: string, name: string, index: number): Promise<OpenedHeader> {
  const file = await openModelFile(folder, name);
  try {
    const header = await readHeader(file, index);
    const { path, bytes } = file;
    return { ...header, file: { name, path, bytes, headerBytes: header.headerBytes } };
  } finally {
    await file.close();
  }
}

interface SplitName {
  readonly count: number;
  /** The name of part `index`, counted from 0. */
  part(index: number): string;
}

/** `name-00001-of-00003.gguf`, or null. */
function splitName(name: string): SplitName | null {
  const match = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/.exec(name);
  if (!match) return null;
  const [, stem, number, total] = match;
  const count = Number(total);
  if (Number(number) < 1 || Number(number) > count) return null;
  return {
    count,
    part: (index) => `${stem}-${String(index + 1).padStart(5, '0')}-of-${total}.gguf`,
  };
}

/** Headers of the second to last part, checked against what the first says. */
async function otherParts(
  folder: string,
  first: OpenedHeader,
  split: SplitName | null,
): Promise<OpenedHeader[]> {
  const { metadata } = first;
  const countKey = 'split.count';
  const count = metadata.integer(countKey) ?? 1;
  if (count <= 1 && (split?.count ?? 1) <= 1) return [];
  if (split === null) {
    throw metadata.fail(
      countKey,
      `one of ${count} parts, but the file is not named like NAME-00001-of-0000N.gguf`,
    );
  }
  if (count !== split.count) {
    throw metadata.fail(countKey, `${count} parts, but the name says ${split.count}`);
  }
  checkPart(metadata, 0, count);
  const parts: OpenedHeader[] = [];
  for (let index = 1; index < count; index++) {
    const part = await openHeader(folder, split.part(index), index);
    checkPart(part.metadata, index, count);
    parts.push(part);
  }
  const total = [first, ...parts].reduce((sum, part) => sum + part.tensors.length, 0);
  const tensorsKey = 'split.tensors.count';
  const claimed = metadata.integer(tensorsKey);
  if (claimed !== null && claimed !== total) {
    throw metadata.fail(tensorsKey, `${claimed} tensors claimed, the parts hold ${total}`);
  }
  return parts;
}

function checkPart(metadata: GgufMetadata, index: number, count: number): void {
  const number = metadata.integer('split.no');
  if (number !== index) {
    throw metadata.fail(
      'split.no',
      `part ${index} was expected by the file's name, it says ${number ?? 'nothing'}`,
    );
  }
  const said = metadata.integer('split.count');
  if (said !== count)
    throw metadata.fail('split.count', `${count} parts were expected, it says ${said ?? 'nothing'}`);
}

function joinTensors(headers: readonly OpenedHeader[]): Map<string, TensorInfo> {
  const tensors = new Map<string, TensorInfo>();
  for (const { file, tensors: own } of headers) {
    for (const tensor of own) {
      if (tensors.has(tensor.name)) {
        throw badFile('an earlier part holds the tensor too', { file: file.name, field: tensor.name });
      }
      tensors.set(tensor.name, tensor);
    }
  }
  return tensors;
}

/** general.name, cut to what a list can show, or the file's name. */
function displayName(metadata: GgufMetadata, fileName: string): string {
  const name = metadata.text('general.name')?.trim().slice(0, 200);
  return name || fileName.replace(/\.gguf$/i, '');
}
