/** The cache of built graphs: one folder per model identity, arithmetic and format version, made under a temporary name and renamed. */
import { mkdir, rename, rm, statfs, writeFile, readFile } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { LabError, toLabError } from '../../../contract/errors.ts';
import type { ModelSource } from '../../../contract/model-source.ts';
import type { ResolvedModel } from '../../../../models/families/model-spec.ts';
import type { Arithmetic } from '../../engine.ts';
import { decoderGraph, type GraphVariant } from './decoder-graph.ts';
import { WeightFile, weightFileName } from './weight-file.ts';
import { estimateWeightBytes, writeWeights, type BuildProgress } from './write-weights.ts';

/** Raised whenever a graph built from the same model would differ. */
const formatVersion = 3;
const manifestName = 'manifest.json';

export interface BuiltGraph {
  readonly folder: string;
  readonly weightsBytes: number;
}

export interface BuildOptions extends BuildProgress {
  readonly arithmetic: Arithmetic;
  readonly identity: string;
  readonly cacheFolder: string;
}

export function graphFileName(variant: GraphVariant): string {
  return `decoder${variant.hidden ? '-hidden' : ''}${variant.tree ? '-tree' : ''}.onnx`;
}

const variants: readonly GraphVariant[] = [
  { hidden: false, tree: false },
  { hidden: true, tree: false },
  { hidden: false, tree: true },
  { hidden: true, tree: true },
];

/** Finds the graph in the cache or builds it. Two processes building one both succeed: the first rename wins. */
export async function findOrBuildGraph(
  source: ModelSource,
  model: ResolvedModel,
  options: BuildOptions,
): Promise<BuiltGraph> {
  const name = `onnx-${options.identity.slice(0, 32)}-${options.arithmetic}-v${formatVersion}`;
  const folder = join(options.cacheFolder, name);
  const found = await readManifest(folder);
  if (found) return { folder, weightsBytes: found.weightsBytes };
  await mkdir(options.cacheFolder, { recursive: true });
  await checkFreeSpace(options.cacheFolder, estimateWeightBytes(model));
  const partial = join(
    options.cacheFolder,
    `${name}.partial-${process.pid}-${randomBytes(4).toString('hex')}`,
  );
  await mkdir(partial);
  try {
    const weightsBytes = await buildInto(partial, source, model, options);
    await rename(partial, folder).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
      if (!(await readManifest(folder))) throw error;
    });
    return { folder, weightsBytes };
  } catch (error) {
    throw toLabError(error);
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

async function buildInto(
  folder: string,
  source: ModelSource,
  model: ResolvedModel,
  options: BuildOptions,
): Promise<number> {
  const file = await WeightFile.create(join(folder, weightFileName));
  try {
    const weights = await writeWeights(source, model, file, options.arithmetic, options);
    for (const variant of variants) {
      const graph = decoderGraph(model.spec, weights, options.arithmetic, variant);
      await writeFile(join(folder, graphFileName(variant)), graph, { flush: true });
    }
    const manifest: Manifest = {
      formatVersion,
      kind: 'onnx-graph',
      model: source.name,
      identity: options.identity,
      arithmetic: options.arithmetic,
      weightsBytes: file.bytes,
    };
    await file.finish();
    await writeFile(join(folder, manifestName), JSON.stringify(manifest, null, 2), { flush: true });
    return file.bytes;
  } catch (error) {
    await file.abandon();
    throw error;
  }
}

interface Manifest {
  readonly formatVersion: number;
  readonly kind: 'onnx-graph';
  readonly model: string;
  readonly identity: string;
  readonly arithmetic: Arithmetic;
  readonly weightsBytes: number;
}

/** A folder under its final name is complete; one without a manifest was damaged by hand and is built anew. */
async function readManifest(folder: string): Promise<Manifest | null> {
  const text = await readFile(join(folder, manifestName), 'utf8').catch(() => null);
  return text === null ? null : (JSON.parse(text) as Manifest);
}

async function checkFreeSpace(folder: string, needed: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  if (free >= needed) return;
  const mebibytes = (bytes: number) => `${Math.ceil(bytes / 2 ** 20)} MiB`;
  throw new LabError(
    'disk-full',
    `The graph cache needs up to ${mebibytes(needed)} but ${mebibytes(free)} are free. Free some space or remove old caches (retort caches).`,
    { neededBytes: needed, freeBytes: free },
  );
}
