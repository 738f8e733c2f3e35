/** A variant of a model as a folder in onnxruntime-genai's layout: a graph that runs as it is, its weights beside it, tokenizer and chat template. */
import { mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { LabError, toLabError } from '../../contract/errors.ts';
import type { ModelSource } from '../../contract/model-source.ts';
import { modelIdentity } from '../../formats/identity.ts';
import { maximumMessages } from '../../formats/onnx/wire.ts';
import { readWeight } from '../../formats/read-weight.ts';
import type { ResolvedModel, WeightRef } from '../../../models/families/model-spec.ts';
import type { Arithmetic } from '../engine.ts';
import { decoderGraph } from '../onnx/graph/decoder-graph.ts';
import { graphSize, roundedBytes, roundedMessages } from '../onnx/graph/graph-size.ts';
import { WeightFile } from '../onnx/graph/weight-file.ts';
import { estimateWeightBytes, writeWeights, type BuildProgress } from '../onnx/graph/write-weights.ts';
import { createRopeTable } from '../onnx/rope-table.ts';
import { isStill } from '../pack/pack-model.ts';
import { syncFolder } from '../pack/partial-files.ts';
import { tokenizerFiles } from '../text/tokenizer-json.ts';
import type { TokenizerFiles } from '../text/tokenizer-parts.ts';
import { originFile } from './folder-origin.ts';
import { genaiConfig, graphName } from './genai-config.ts';
import { isQuantized, type Recipe } from './recipe.ts';
import { roundWeight } from './round-matrix.ts';

export interface FolderPlan {
  readonly source: ModelSource;
  readonly model: ResolvedModel;
  readonly recipe: Recipe;
  /** In which the graph computes: it is written into it. */
  readonly arithmetic: Arithmetic;
  readonly tokenizer: TokenizerFiles;
  /** Most bytes that the folder takes. */
  readonly bytes: number;
}

/** Throws unsupported-feature for what such a folder cannot hold, before anything is read but headers. */
export function planFolder(
  source: ModelSource,
  model: ResolvedModel,
  recipe: Recipe,
  arithmetic: Arithmetic,
): FolderPlan {
  const refuse = (why: string): never => {
    const message = `${source.name} cannot be written as an ONNX folder: ${why}. A pack can hold it (--format pack).`;
    throw new LabError('unsupported-feature', message, { field: 'format' });
  };
  refuseUnsupported(model, refuse);
  const { bits, zeroPoints: hasPoints } = recipe;
  const messages = roundedMessages({ bits, hasPoints }, arithmetic);
  const graph = graphSize(model, (name) => (isQuantized(name) ? messages : null));
  if (graph.isTooLarge) refuse(tooLarge(model, graph.messages));
  const tokenizer = tokenizerFiles(source);
  const bytes =
    weightBytes(model, recipe, arithmetic) + ropeBytes(model) + graph.bytes + otherBytes(tokenizer);
  return { source, model, recipe, arithmetic, tokenizer, bytes };
}

function refuseUnsupported({ spec }: ResolvedModel, refuse: (why: string) => never): void {
  const { length } = spec.layers.filter(({ kind }) => kind === 'stateSpace');
  if (length > 0)
    refuse(
      `onnxruntime has no operator for state-space layers, and ${length} of its ${spec.layers.length} layers are such`,
    );
  for (const { frequencies } of spec.ropes) {
    if (frequencies.kind === 'fixed') continue;
    const how = frequencies.kind === 'dynamic' ? 'dynamic NTK' : 'longrope';
    const where = `beyond ${frequencies.original} positions`;
    refuse(
      `its rope changes ${where} with how long a conversation will be (${how}), which a graph is not told`,
    );
  }
}

/** Matrices are counted by their names: experts are what makes them many. */
function tooLarge({ weights }: ResolvedModel, messages: number): string {
  const rounded = [...weights.keys()].filter(isQuantized).length;
  const count = (value: number) => value.toLocaleString('en');
  return `its ${count(rounded)} matrices would make a graph of up to ${count(messages)} parts, and Retort reads ${count(maximumMessages)}`;
}

function weightBytes(
  model: ResolvedModel,
  { bits, group, zeroPoints }: Recipe,
  arithmetic: Arithmetic,
): number {
  return estimateWeightBytes(model, (name, { shape: [rows = 1, columns = 1] }) =>
    isQuantized(name)
      ? roundedBytes({ rows, columns, bits, block: group, hasPoints: zeroPoints }, arithmetic)
      : null,
  );
}

function ropeBytes({ spec }: ResolvedModel): number {
  return spec.ropes.reduce((sum, { dimensions }) => sum + spec.contextLength * dimensions * 4 + 2 * 4096, 0);
}

/** The configurations; a vocabulary's JSON is the larger part. */
function otherBytes({ tokenizer, config }: TokenizerFiles): number {
  return 65_536 + Buffer.byteLength(JSON.stringify([tokenizer, config]));
}

const partialFolder = (out: string): string => join(dirname(out), `.partial-${basename(out)}`);

/** What a run left behind that was killed. */
export const removeLeftover = (out: string): Promise<void> =>
  rm(partialFolder(out), { recursive: true, force: true });

/**
 * Writes the folder under a temporary name, which is left behind only where the process was killed; then it gets its own. Throws bad-file where the model
 * changed meanwhile, bad-request where another process writes the same folder by now.
 */
export async function writeFolder(plan: FolderPlan, out: string, progress: BuildProgress): Promise<number> {
  const partial = partialFolder(out);
  const identity = await modelIdentity(plan.source);
  await removeLeftover(out);
  const own = await makeFolder(partial).catch((error: unknown) => {
    throw withNothingKept(error, out);
  });
  try {
    const bytes = await writeParts(plan, identity, partial, progress);
    await refuseChanged(plan.source, identity);
    if ((await inodeOf(partial)) !== own) throw takenOver(out);
    await rename(partial, out);
    await syncFolder(dirname(out));
    return bytes;
  } catch (error) {
    throw withNothingKept(error, out);
  } finally {
    if ((await inodeOf(partial)) === own) await removeLeftover(out);
  }
}

const inodeOf = async (folder: string): Promise<bigint | null> =>
  (await stat(folder, { bigint: true }).catch(() => null))?.ino ?? null;

async function makeFolder(folder: string): Promise<bigint | null> {
  await mkdir(folder);
  return inodeOf(folder);
}

async function refuseChanged(source: ModelSource, identity: string): Promise<void> {
  if (await isStill(source, identity)) return;
  throw new LabError('bad-file', `${source.name} changed while it was quantized: quantize it again.`);
}

/** The command that this process belongs to was killed, and begun again before this process ended. */
function takenOver(out: string): LabError {
  const message = `Another process is writing the folder ${basename(out)} now: wait for it, or stop it.`;
  return new LabError('bad-request', message, { file: basename(out) });
}

function withNothingKept(error: unknown, out: string): LabError {
  const known = toLabError(error);
  const file = basename(out);
  const nothing = `Nothing is left of the folder ${file}`;
  const anew = 'the same command writes it anew';
  if (known.code === 'cancelled')
    return new LabError('cancelled', `Cancelled. ${nothing}; ${anew}.`, { file });
  if (known.code !== 'disk-full') return known;
  const message = `${file}: the disk takes no more. ${nothing}; make room, and ${anew}.`;
  return new LabError('disk-full', message, { file }, { cause: error });
}

async function writeParts(
  plan: FolderPlan,
  identity: string,
  folder: string,
  progress: BuildProgress,
): Promise<number> {
  const { source, model, recipe, arithmetic, tokenizer } = plan;
  const file = await WeightFile.create(join(folder, `${graphName}.data`));
  let bytes = 0;
  const write = async (name: string, data: string | Uint8Array) => {
    await writeFile(join(folder, name), data, { flush: true });
    bytes += Buffer.byteLength(data);
  };
  try {
    await writeRopeTables(source, model, file);
    const rounded = async (name: string, ref: WeightRef) =>
      isQuantized(name) ? roundWeight(source, name, ref, recipe) : null;
    const weights = await writeWeights(source, model, file, arithmetic, progress, { rounded });
    const variant = { hidden: false, tree: false, exported: true };
    await write(graphName, decoderGraph(model.spec, weights, arithmetic, variant));
  } catch (error) {
    await file.abandon();
    throw error;
  }
  await file.finish();
  progress.signal?.throwIfAborted();
  await write('tokenizer.json', JSON.stringify(tokenizer.tokenizer));
  await write('tokenizer_config.json', JSON.stringify(tokenizer.config, null, 2));
  await write('genai_config.json', JSON.stringify(genaiConfig(source, model.spec), null, 2));
  const origin = originFile({ identity, recipe: recipe.name, arithmetic });
  await write(origin.name, origin.text);
  await syncFolder(folder);
  return bytes + file.bytes;
}

/** A row for each position the model was trained for. */
async function writeRopeTables(source: ModelSource, { spec, weights }: ResolvedModel, file: WeightFile) {
  const factors = new Map<string, Float32Array>();
  for (const [name, ref] of weights) {
    if (name.startsWith('rope_factors')) factors.set(name, await readWeight(source, ref));
  }
  for (const [index, rope] of spec.ropes.entries()) {
    const table = createRopeTable(rope, spec.contextLength, (name) => factors.get(name)!);
    for (let slot = 0; slot < spec.contextLength; slot++) table.write(slot, () => slot);
    const shape = [spec.contextLength, table.half];
    const rows = (values: Float32Array) => values.subarray(0, spec.contextLength * table.half);
    await file.write(`rope${index}.cos`, shape, rows(table.cos));
    await file.write(`rope${index}.sin`, shape, rows(table.sin));
  }
}
