/** Makes variants of a model by a recipe: a pack for the native engine, a folder for onnxruntime. */
import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { QuantizeResult, QuantizeSettings } from '../../contract/engine-contract.ts';
import { LabError } from '../../contract/errors.ts';
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
import { checkTarget, partialBytes } from '../pack/pack-target.ts';
import { planPack } from '../pack/plan.ts';
import { planFolder, writeFolder, type FolderPlan } from './genai-folder.ts';
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

/**
 * Throws what reading the model throws, bad-request for a recipe or target that cannot be, unsupported-feature for what a format cannot hold, disk-full with
 * `missingBytes` where the room does not suffice: all of it before anything is written. Cancelled and disk-full later keep an unfinished pack, with which the
 * same call goes on, and nothing of an unfinished folder.
 */
export async function quantizeModel(request: QuantizeRequest, hooks: PackHooks): Promise<QuantizeResult> {
  const plan = await planQuantization(request);
  if (request.isEstimate) return outcomeOf(plan, predicted(plan));
  await mkdir(request.out, { recursive: true });
  const done = plan.pack && (await finishedPack(plan.pack.out, plan));
  if (plan.pack && !done) await checkTarget(plan.pack.out);
  if (plan.folder) await checkTarget(plan.folder.out, true);
  await checkSpace(plan, done !== null);
  const variants: Variant[] = [];
  if (plan.pack) variants.push(done ?? (await writePack(plan.pack.out, plan, request, hooks)));
  if (plan.folder) variants.push(await writeOnnx(plan.folder, hooks));
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

/** The pack that an earlier run of the same call finished; null: there is none of that name. */
async function finishedPack(out: string, { source, recipe }: Plan): Promise<Variant | null> {
  if (!(await stat(out).catch(() => null))) return null;
  const { pack, files } = await readPack(out);
  const isSame =
    pack?.origin.recipe === recipe.name && pack.origin.identity === (await modelIdentity(source));
  const bytes = files[0]!.bytes;
  return isSame ? { format: 'pack', out, bytes, resumedBytes: bytes } : null;
}

async function checkSpace({ pack, folder }: Plan, isPacked: boolean): Promise<void> {
  const packed = pack && !isPacked ? pack.bytes - (await partialBytes(pack.out)) : 0;
  await requireSpace((folder ?? pack)!.out, packed + (folder?.plan.bytes ?? 0));
}

async function writePack(
  out: string,
  { recipe }: Plan,
  { path, threads }: QuantizeRequest,
  hooks: PackHooks,
): Promise<Variant> {
  const packed: PackOutcome = await packModel({ path, out, threads }, hooks, {
    variant: packVariant(recipe),
  });
  return { format: 'pack', out, bytes: packed.bytes, resumedBytes: packed.resumedBytes };
}

async function writeOnnx({ out, plan }: NonNullable<Plan['folder']>, hooks: PackHooks): Promise<Variant> {
  const onProgress = (done: number, total: number) =>
    hooks.onProgress({ phase: 'write the ONNX folder', done, total });
  const bytes = await writeFolder(plan, out, { signal: hooks.signal, onProgress });
  return { format: 'onnx', out, bytes, resumedBytes: 0 };
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
