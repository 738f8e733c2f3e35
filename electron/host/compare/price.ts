/** What a comparison would take, and whether it fits beside what is loaded. */
import { besideLoaded } from '../loaded/memory-budget.ts';
import type { ComparePrice } from '../../contract/compare.ts';
import type { ModelSummary } from '../../contract/model-summary.ts';
import { LabError, toLabError } from '../../contract/errors.ts';
import type { Fit } from '../../contract/machine.ts';
import { fitOf } from '../loaded/fit.ts';
import { gibibytes } from '../loaded/load.ts';
import { withoutPaths } from '../models/without-paths.ts';
import type { Services } from '../services.ts';
import { encodeComparison, type EncodedComparison } from './encode.ts';
import { inspectModels, requireOneVocabulary, weightsOf, type KnownModels } from './inspect-models.ts';
import { labelsOf, type StoredRequest, type StoredVariant } from './stored-request.ts';

export type Pricing = Pick<Services, 'text' | 'memory' | 'measurements' | 'caches'>;
type Reading = Pricing & { readonly known: KnownModels };

/** Rows of logits of a chunk (electron/lab/lock-step.ts), of each model that reads. */
const chunkBytes = 48 * 2 ** 20;

export interface PricedComparison {
  readonly price: ComparePrice;
  readonly summaries: ModelSummary[];
  /** Null where the price names a problem. */
  readonly encoded: EncodedComparison | null;
}

/** Throws what reading the models throws; what is wrong with the request is the price's problem. */
export async function priceComparison(
  services: Reading,
  request: StoredRequest,
  signal: AbortSignal,
): Promise<PricedComparison> {
  const { variants, quality, maxTokens } = request;
  const summaries = await inspectModels(services, request, signal);
  const checked = await check(services, request, summaries, signal);
  const encoded = checked instanceof LabError ? null : checked;
  const promptTokens = encoded?.promptIds.length ?? 0;
  const context = Math.max(promptTokens + maxTokens, quality?.context ?? 0);
  const fits: (Fit | null)[] = [];
  for (const variant of variants) fits.push(await fitAlone(services, variant, context, signal));
  const free = services.memory.freeBeside();
  const { mode, peakBytes } = modeOf(fits, free.freeBytes);
  const tokens = encoded?.qualityIds?.length ?? null;
  const problem =
    (checked instanceof LabError ? checked : null) ??
    contextProblem(request, summaries, context) ??
    (mode === null ? memoryProblem(fits, free.freeBytes) : null);
  const price = {
    variants: labelsOf(variants).map((label, i) =>
      pricedVariant(label, summaries[i]!, fits[i]!, variants[i]!),
    ),
    ...{ freeBytes: free.freeBytes, reserveBytes: free.reserveBytes, peakBytes, mode, promptTokens },
    qualityTokens: tokens,
    windows: tokens === null || !quality ? null : Math.floor(tokens / quality.context),
    problem: problem && { code: problem.code, message: problem.message },
  };
  return { price, summaries, encoded: problem ? null : encoded };
}

async function check(
  services: Reading,
  request: StoredRequest,
  summaries: readonly ModelSummary[],
  signal: AbortSignal,
): Promise<EncodedComparison | LabError> {
  const { path, title } = request.variants[0]!.model;
  try {
    refuseUnsupported(request, summaries);
    refuseUnreadable(request, summaries);
    await requireOneVocabulary(services, request, summaries, signal);
    return await withoutPaths(title, [path], encodeComparison(services, request, signal));
  } catch (error) {
    const known = toLabError(error);
    if (known.code === 'cancelled') throw known;
    return known;
  }
}

function refuseUnsupported(request: StoredRequest, summaries: readonly ModelSummary[]): void {
  const index = summaries.findIndex(({ supported }) => !supported);
  const reason = summaries[index]?.unsupportedReason;
  if (index < 0) return;
  throw new LabError(
    'unsupported-architecture',
    `${labelsOf(request.variants)[index]}: ${reason ?? 'it cannot run'}`,
  );
}

/** A variant whose weights cannot be read has no errors; without the reference's there are none at all. */
function refuseUnreadable(request: StoredRequest, [reference]: readonly ModelSummary[]): void {
  const problem = reference?.weightsProblem;
  if (!request.weightErrors || problem === undefined) return;
  const [label] = labelsOf(request.variants);
  const message = `${label}: ${problem} Weights are compared with the first model's: put another one first, or compare without weights.`;
  throw new LabError('unsupported-feature', message, { field: 'weightErrors' });
}

function contextProblem(
  { variants }: StoredRequest,
  summaries: readonly ModelSummary[],
  context: number,
): LabError | null {
  const index = summaries.findIndex(({ contextLength }) => contextLength !== null && contextLength < context);
  if (index < 0) return null;
  const message = `${labelsOf(variants)[index]} holds ${summaries[index]!.contextLength} tokens; the prompt with its reply or a window of the text has ${context}.`;
  return new LabError('context-full', message);
}

function memoryProblem(fits: readonly (Fit | null)[], freeBytes: number): LabError {
  const message =
    `The comparison would need ${gibibytes(needOfPairs(fits) ?? 0)} at once and ${gibibytes(freeBytes)} is free for it beside what is loaded: ` +
    'unload the model that chats use, take smaller models, or packs with a memory budget. Nothing was started.';
  return new LabError('out-of-memory', message);
}

/** Null where it cannot be told beforehand: an exported graph needs no architecture that is known. */
async function fitAlone(
  services: Pricing,
  { model, compute, kvCodec }: StoredVariant,
  context: number,
  signal: AbortSignal,
): Promise<Fit | null> {
  const { threads, memoryBudget, arithmetic, engine } = compute;
  const isFloat = arithmetic === 'reference' || engine === 'onnx';
  const settings = { context, kvCodec: kvCodec ?? (isFloat ? 'f32' : null), threads, memoryBudget } as const;
  const fitting = fitOf({ ...services, ...besideLoaded(services.memory) }, model.path, settings, signal, {
    ofRuns: true,
  });
  try {
    return await withoutPaths(model.title, [model.path], fitting);
  } catch (error) {
    const { code, detail } = toLabError(error);
    if (code.startsWith('unsupported') && detail.field !== 'memoryBudget') return null;
    throw error;
  }
}

const needOf = (fits: readonly (Fit | null)[]): number | null =>
  fits.includes(null) ? null : fits.reduce((sum, fit) => sum + fit!.totalBytes + chunkBytes, 0);

/** Of the reference with the largest of the others. */
function needOfPairs([reference, ...others]: readonly (Fit | null)[]): number | null {
  const pairs = others.map((other) => needOf([reference!, other]));
  return pairs.includes(null) ? null : Math.max(...pairs.map((need) => need!));
}

/** Where it is not known what they need they are taken in pairs: the least that can be done. */
function modeOf(fits: readonly (Fit | null)[], freeBytes: number): Pick<ComparePrice, 'mode' | 'peakBytes'> {
  const [together, pairs] = [needOf(fits), needOfPairs(fits)];
  if (together !== null && together <= freeBytes) return { mode: 'together', peakBytes: together };
  if (pairs === null) return { mode: 'pairs', peakBytes: null };
  return { mode: pairs <= freeBytes ? 'pairs' : null, peakBytes: pairs };
}

/** Speeds were measured on replies of fast arithmetic on the native engine, and say nothing of others. */
function pricedVariant(label: string, summary: ModelSummary, fit: Fit | null, { compute }: StoredVariant) {
  const isAsReplies =
    compute.arithmetic !== 'reference' && compute.engine !== 'onnx' && compute.device === 'cpu';
  return {
    label,
    ...weightsOf(summary),
    memoryBytes: fit && fit.totalBytes,
    predictedTokensPerSecond: isAsReplies
      ? (fit?.measured?.tokensPerSecond ?? fit?.predictedTokensPerSecond ?? null)
      : null,
    fits: fit?.fits ?? true,
  };
}
