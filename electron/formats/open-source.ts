/** Finds out what a path holds, by content, and reads it as a ModelSource. */
import { readdir, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { LabError, toLabError } from '../contract/errors.ts';
import type { ModelSource } from '../contract/model-source.ts';
import { readGguf } from './gguf/read-gguf.ts';
import { readHuggingFaceFolder } from './huggingface/read-folder.ts';
import { openModelFile } from './model-file.ts';
import { readOnnxFolder } from './onnx/read-folder.ts';
import { readPack } from './pack/read-pack.ts';
import { packMagic } from './pack/schema.ts';

/**
 * Opens a model file or folder; headers only. A folder is, in this order: genai_config.json; graphs with config.json; safetensors with
 * config.json; the one GGUF model in it. Throws not-found, unsupported-format with what was found, bad-request where several models
 * leave a choice, and what the readers throw.
 */
export async function readModelSource(path: string): Promise<ModelSource> {
  const absolute = resolve(path);
  const status = await stat(absolute).catch((error: unknown) => {
    const known = toLabError(error);
    const message = known.code === 'not-found' ? `${path} does not exist.` : known.message;
    throw new LabError(known.code, message, { file: basename(absolute) }, { cause: error });
  });
  return status.isDirectory() ? readFolder(absolute) : readFile(absolute);
}

async function readFolder(folder: string): Promise<ModelSource> {
  const names = await namesIn(folder);
  const has = (name: string) => names.includes(name);
  const graphs = [...names, ...(has('onnx') ? await namesIn(join(folder, 'onnx')) : [])].filter(isGraph);
  if (has('genai_config.json')) return readOnnxFolder(folder);
  const weights = names.filter((name) => /\.safetensors(\.index\.json)?$/.test(name));
  if (has('config.json')) {
    if (graphs.length > 0) return readOnnxFolder(folder);
    if (weights.length > 0) return readHuggingFaceFolder(folder);
  }
  const models = ggufModels(names);
  const [only] = models;
  if (only !== undefined) {
    if (models.length === 1) return readGguf(join(folder, only));
    const message = `${basename(folder)} holds ${models.length} models; name one: ${some(models)}.`;
    throw new LabError('bad-request', message, { file: only });
  }
  throw nothingReadable(folder, names, [...graphs, ...weights]);
}

const isGraph = (name: string) => name.endsWith('.onnx');
const isPickle = (name: string) => /\.(bin|pt|pth|ckpt)$/i.test(name);
const some = (names: readonly string[]) =>
  names.length > 8 ? `${names.slice(0, 8).join(', ')} and ${names.length - 8} more` : names.join(', ');

async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (error) {
    // A file named `onnx` holds no graphs.
    if ((error as NodeJS.ErrnoException).code === 'ENOTDIR') return [];
    throw toLabError(error);
  }
}

/** One name per model: the first part of a split one; image encoders (mmproj) belong to a model beside them. */
function ggufModels(names: readonly string[]): string[] {
  const files = names.filter((name) => /\.gguf$/i.test(name));
  const models = files.filter((name) => !/^mmproj/i.test(name));
  const part = /-\d{5}(-of-\d{5}\.gguf)$/;
  const seen = new Set<string>();
  return (models.length > 0 ? models : files).filter((name) => {
    const stem = name.replace(part, '$1');
    return !seen.has(stem) && seen.add(stem);
  });
}

function nothingReadable(folder: string, names: readonly string[], needConfig: readonly string[]): LabError {
  const [first] = needConfig;
  if (first !== undefined) {
    const message = `${first} needs the config.json of its model in the same folder.`;
    return new LabError('not-found', message, { file: 'config.json' });
  }
  const pickles = names.filter(isPickle);
  if (pickles.length > 0) return pickleRefused(pickles);
  const found = names.length === 0 ? 'nothing' : some(names);
  const message = `${basename(folder)} holds no model that can be read (GGUF, safetensors, ONNX); found ${found}.`;
  return new LabError('unsupported-format', message);
}

function pickleRefused(names: readonly string[]): LabError {
  const message =
    `${some(names)}: Python pickle files can run code when they are opened, so they are never read. ` +
    'Use a safetensors or GGUF file of the model.';
  return new LabError('unsupported-format', message, { file: names[0] ?? '' });
}

async function readFile(named: string): Promise<ModelSource> {
  const { path, start } = await readStart(named);
  const folder = dirname(path);
  const name = basename(path);
  if (start.toString('latin1', 0, 4) === 'GGUF') return readGguf(path);
  if (start.toString('latin1', 0, packMagic.length) === packMagic) return readPack(path);
  if (start[8] === 0x7b && start.readUInt32LE(4) === 0) {
    return requireFile(await readHuggingFaceFolder(folder), name);
  }
  if (isGraph(name)) {
    const inSubfolder = basename(folder) === 'onnx' && !(await namesIn(folder)).includes('config.json');
    const source = await readOnnxFolder(inSubfolder ? dirname(folder) : folder);
    return requireFile(source, inSubfolder ? `onnx/${name}` : name);
  }
  const isZip = start.readUInt32BE(0) === 0x504b0304;
  if (isPickle(name) || isZip || start[0] === 0x80) throw pickleRefused([name]);
  const shown = start.subarray(0, 4).toString('hex');
  const message = `${name} is neither GGUF, safetensors, ONNX nor a pack (it begins with the bytes ${shown}).`;
  throw new LabError('unsupported-format', message, { file: name, offset: 0 });
}

/** The first 9 bytes, zeros past the end; a link that leads elsewhere is followed because a person named it. */
async function readStart(path: string): Promise<{ path: string; start: Buffer }> {
  const file = await openModelFile(dirname(path), basename(path)).catch((error: unknown) => {
    if (error instanceof LabError && error.code === 'outside-folder') return null;
    throw error;
  });
  if (file === null) {
    const real = await realpath(path);
    if (real === path)
      throw new LabError('file-unreadable', `${basename(path)} cannot be opened by this name.`);
    return readStart(real);
  }
  try {
    const start = Buffer.alloc(9);
    (await file.read(0, Math.min(9, file.bytes))).copy(start);
    return { path, start };
  } finally {
    await file.close();
  }
}

/** Naming one file of a folder opens the folder's model, so the file must be part of it. */
function requireFile(source: ModelSource, name: string): ModelSource {
  if (source.files.some((file) => file.name === name)) return source;
  const message = `${name} is not part of the model that its folder holds; name the folder instead.`;
  throw new LabError('bad-request', message, { file: name });
}
