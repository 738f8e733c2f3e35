/** Ollama's store: manifests (JSON, one a tag) name the blob that holds a model; a blob's name is its digest. */
import { readFile, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { ModelFinder } from './model-finder.ts';

const mebibyte = 1_048_576;
const largestManifest = mebibyte;
const modelLayer = 'application/vnd.ollama.image.model';
/** registry, namespace, model, tag. */
const manifestDepth = 4;

const Manifest = z.object({
  layers: z.array(z.object({ mediaType: z.string(), digest: z.string() })).max(1000),
});
const Digest = z.string().regex(/^sha256:[0-9a-f]{64}$/);

/** Models whose only weights are one GGUF blob. Throws where the folder is not there. */
export async function searchOllama(folder: string, finder: ModelFinder): Promise<void> {
  const manifests = await manifestsBelow(join(folder, 'manifests'), [], finder);
  await Promise.all(manifests.map((below) => addModel(folder, below, finder)));
}

/** Paths of manifests below `folder`, in parts. */
async function manifestsBelow(
  folder: string,
  below: readonly string[],
  finder: ModelFinder,
): Promise<string[][]> {
  const { files, folders } = await finder.list(join(folder, ...below));
  if (below.length === manifestDepth - 1) return files.map((name) => [...below, name]);
  const inside = await Promise.all(folders.map((name) => manifestsBelow(folder, [...below, name], finder)));
  return inside.flat();
}

async function addModel(folder: string, below: readonly string[], finder: ModelFinder): Promise<void> {
  try {
    const digest = await modelDigest(join(folder, 'manifests', ...below));
    if (digest === null) return;
    const path = join(folder, 'blobs', digest.replace(':', '-'));
    const size = await stat(path).then(
      (status) => status.size,
      () => null,
    );
    const realPath = await realpath(path).catch(() => path);
    const found = { bytes: size ?? 0, isWhole: size !== null };
    finder.add({ path, realPath, title: titleOf(below), format: 'gguf', ...found });
  } catch {
    finder.report(`holds ${titleOf(below)}, whose manifest cannot be read: it is not listed`);
  }
}

/** Null: not one GGUF file (a model in several layers, or one that runs elsewhere). Throws for what is no manifest. */
async function modelDigest(file: string): Promise<string | null> {
  const status = await stat(file);
  if (!status.isFile() || status.size > largestManifest) throw new Error('no manifest');
  const { layers } = Manifest.parse(JSON.parse(await readFile(file, 'utf8')));
  const models = layers.filter((layer) => layer.mediaType === modelLayer);
  const [only] = models;
  return only === undefined || models.length > 1 ? null : Digest.parse(only.digest);
}

/** As Ollama itself names it: `llama3.2:3b`, `owner/model:tag`, `hf.co/owner/model:tag`. */
function titleOf([registry = '', namespace = '', model = '', tag = '']: readonly string[]): string {
  const isOwn = registry === 'registry.ollama.ai';
  const isLibrary = isOwn && namespace === 'library';
  const owner = isLibrary ? [] : isOwn ? [namespace] : [registry, namespace];
  return `${[...owner, model].join('/')}:${tag}`;
}
