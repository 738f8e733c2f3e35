/** Makes variants of a model by a recipe: a pack for the native engine, a folder for onnxruntime. */
import { mkdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { QuantizeResult, QuantizeSettings } from '../../contract/lab-results.ts';
import { LabError, toLabError } from '../../contract/errors.ts';
import type { ModelSource } from '../../contract/model-source.ts';
import { modelIdentity } from '../../formats/identity.ts';
import { readModelSource } from '../../formats/open-source.ts';
import { readPack } from '../../formats/pack/read-pack.ts';
import { resolveModel } from '../../../models/families/index.ts';
import type { ResolvedModel, WeightRef } from '../../../models/families/model-spec.ts';
import {
  packModel,
  predictedBytes,
  requireSpace,
  type PackHooks,
  type PackOutcome,
} from '../pack/pack-model.ts';
import { checkTarget, keptIn, partialBytes, tidyAfterPublishing } from '../pack/pack-target.ts';
import { planPack } from '../pack/plan.ts';
import { finishedBytes } from './folder-origin.ts';
import { planFolder, removeLeftover, writeFolder, type FolderPlan } from './genai-folder.ts';
import { packVariant } from './pack-variant.ts';
import { describeRecipe, isQuantized, parseRecipe, recipeBytes, type Recipe } from './recipe.ts';

export interface QuantizeRequest extends QuantizeSettings {
  readonly path: string;
  /** What variants are called, with the recipe's name after it. */
  readonly name: string;
  /** Absolute folder; it is made where it is missing. */
  readonly out: string;
  readonly threads: number;
}

type Variant = QuantizeResult['variants'][number];

interface Plan {
  readonly source: ModelSource;
  readonly model: ResolvedModel;
  readonly recipe: Recipe;
  readonly pack: { readonly out: string; readonly bytes: number } | null;
  readonly folder: { readonly out: string; readonly plan: FolderPlan } | null;
}

/** What earlier runs of the same call finished; null: not that one, or it is not asked for. */
interface Finished {
  readonly pack: Variant | null;
  readonly folder: Variant | null;
}

/**
 * Throws what reading the model throws, bad-request for a recipe or target that cannot be, unsupported-feature for what a format cannot hold, disk-full with
 * `missingBytes` where the room does not suffice: all of it before anything is written. Cancelled and disk-full later keep an unfinished pack, with which the
 * same call goes on, and nothing of an unfinished folder. `durableBytes`: how much of a pack a crash may cost.
 */
export async function quantizeModel(
  request: QuantizeRequest,
  hooks: PackHooks,
  { durableBytes }: { durableBytes?: number } = {},
): Promise<QuantizeResult> {
  const plan = await planQuantization(request);
  if (request.isEstimate) return outcomeOf(plan, predicted(plan));
  await mkdir(request.out, { recursive: true });
  const done = {
    pack: plan.pack && (await finishedPack(plan.pack.out, plan)),
    folder: plan.folder && (await finishedFolder(plan.folder)),
  };
  if (plan.pack && !done.pack) await checkTarget(plan.pack.out);
  if (plan.folder && !done.folder) {
    await checkTarget(plan.folder.out, true);
    // It is written anew: its room counts as free.
    await removeLeftover(plan.folder.out);
  }
  await checkSpace(plan, done);
  const variants: Variant[] = [];
  if (plan.pack)
    variants.push(done.pack ?? (await writePack(plan.pack.out, plan, { request, hooks, durableBytes })));
  if (plan.folder) {
    const writing = done.folder ?? writeOnnx(plan.folder, hooks);
    variants.push(await withPackKept(writing, plan.pack?.out ?? null));
  }
  return outcomeOf(plan, variants);
}

async function planQuantization(request: QuantizeRequest): Promise<Plan> {
  const { path, name, out, formats, arithmetic } = request;
  const recipe = parseRecipe(request.recipe);
  const source = await readModelSource(path);
  const model = resolveModel(source);
  if (source.pack) {
    const message = `${source.name} is a pack: quantize the model it was made of, whose own weights are rounded once.`;
    throw new LabError('bad-request', message);
  }
  if (![...model.weights.keys()].some(isQuantized))
    throw new LabError('unsupported-feature', `${source.name} has no linear layers to quantize.`);
  const stem = join(out, `${name.replaceAll(/[^\w.-]+/g, '-').replace(/^\.+/, '')}-${recipe.name}`);
  const plan = planPack(model, packVariant(recipe).bytesOf);
  return {
    source,
    model,
    recipe,
    pack: formats.includes('pack')
      ? { out: `${stem}.retortpack`, bytes: predictedBytes(source, plan) }
      : null,
    folder: formats.includes('onnx')
      ? { out: stem, plan: planFolder(source, model, recipe, arithmetic) }
      : null,
  };
}

const predicted = ({ pack, folder }: Plan): Variant[] => [
  ...(pack ? [{ format: 'pack' as const, ...pack, resumedBytes: 0 }] : []),
  ...(folder
    ? [{ format: 'onnx' as const, out: folder.out, bytes: folder.plan.bytes, resumedBytes: 0 }]
    : []),
];

async function finishedPack(out: string, { source, recipe }: Plan): Promise<Variant | null> {
  await tidyAfterPublishing(out);
  if (!(await stat(out).catch(() => null))) return null;
  const { pack, files } = await readPack(out);
  const isSame =
    pack?.origin.recipe === recipe.name && pack.origin.identity === (await modelIdentity(source));
  const bytes = files[0]!.bytes;
  return isSame ? { format: 'pack', out, bytes, resumedBytes: bytes } : null;
}

async function finishedFolder({ out, plan }: NonNullable<Plan['folder']>): Promise<Variant | null> {
  if (!(await stat(out).catch(() => null))) return null;
  const { source, recipe, arithmetic } = plan;
  const origin = { identity: await modelIdentity(source), recipe: recipe.name, arithmetic };
  const bytes = await finishedBytes(out, origin);
  return bytes === null ? null : { format: 'onnx', out, bytes, resumedBytes: bytes };
}

async function checkSpace({ pack, folder }: Plan, done: Finished): Promise<void> {
  const kept = pack && !done.pack ? await partialBytes(pack.out) : 0;
  const ofPack = pack && !done.pack ? pack.bytes - kept : 0;
  const ofFolder = folder && !done.folder ? folder.plan.bytes : 0;
  const unfinished = pack && kept > 0 ? ` ${keptIn(pack.out)}.` : '';
  await requireSpace((ofFolder > 0 ? folder : (pack ?? folder))!.out, ofPack + ofFolder, unfinished);
}

interface Packing {
  readonly request: QuantizeRequest;
  readonly hooks: PackHooks;
  readonly durableBytes: number | undefined;
}

async function writePack(
  out: string,
  { recipe }: Plan,
  { request: { path, threads }, hooks, durableBytes }: Packing,
): Promise<Variant> {
  const packed: PackOutcome = await packModel({ path, out, threads }, hooks, {
    variant: packVariant(recipe),
    ...(durableBytes !== undefined && { durableBytes }),
  });
  return { format: 'pack', out, bytes: packed.bytes, resumedBytes: packed.resumedBytes };
}

async function writeOnnx({ out, plan }: NonNullable<Plan['folder']>, hooks: PackHooks): Promise<Variant> {
  const onProgress = (done: number, total: number) =>
    hooks.onProgress({ phase: 'write the ONNX folder', done, total });
  const bytes = await writeFolder(plan, out, { signal: hooks.signal, onProgress });
  return { format: 'onnx', out, bytes, resumedBytes: 0 };
}

/** Where the folder fails after the pack, its error says that the pack is whole. */
async function withPackKept(writing: Variant | Promise<Variant>, pack: string | null): Promise<Variant> {
  try {
    return await writing;
  } catch (error) {
    if (pack === null) throw error;
    const { code, message, detail } = toLabError(error);
    throw new LabError(code, `${message} The pack ${basename(pack)} is whole.`, detail, { cause: error });
  }
}

function outcomeOf({ model, recipe }: Plan, variants: Variant[]): QuantizeResult {
  const elements = ({ shape }: WeightRef) => shape.reduce((product, size) => product * size, 1);
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const quantized = [...model.weights].filter(([name]) => isQuantized(name)).map(([, ref]) => ref);
  const bytes = sum(quantized.map(({ shape }) => recipeBytes(recipe, shape[0]!, shape[1]!)));
  const quantizedWeights = sum(quantized.map(elements));
  return {
    recipe: recipe.name,
    description: describeRecipe(recipe),
    variants,
    bitsPerWeight: (8 * bytes) / quantizedWeights,
    quantizedWeights,
    weights: sum([...model.weights.values()].map(elements)),
    requantized: [...new Set(quantized.flatMap(codeType))],
  };
}

/** What codes a weight is kept as; empty for floats. */
function codeType({ source }: WeightRef): string[] {
  if (source.kind === 'matrix') return [`${source.matrix.layout} ${source.matrix.bits} bits`];
  return /^B?F\d+$/.test(source.tensor.type) ? [] : [source.tensor.type];
}
