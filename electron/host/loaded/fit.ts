/** What loading a model would take, before it is loaded, and what it took the last time. */
import { availableParallelism } from 'node:os';
import type { Estimate, StreamingEstimate } from '../../contract/estimate.ts';
import { toLabError } from '../../contract/errors.ts';
import type { Fit, LoadSettings, MemoryBudget } from '../../contract/machine.ts';
import type { ModelBudget } from '../memory/memory-reader.ts';
import type { Measurement } from '../memory/measurements.ts';
import { withoutPaths } from '../models/without-paths.ts';
import type { Services } from '../services.ts';
import { usualContext } from './loaded-model.ts';
import { heldBytes, type FreeMemory } from './memory-budget.ts';

/** Contexts are offered in blocks of the KV cache. */
const contextStep = 32;

type Shared = Pick<Services, 'models' | 'settings' | 'text' | 'measurements' | 'caches'> & FreeMemory;
type Ask = Parameters<Services['text']['estimate']>[0];

/** A model by its id. From headers alone. Throws what reading them throws, and unsupported-… where no engine runs the model. */
export async function estimateFit(
  services: Shared,
  id: string,
  settings: LoadSettings,
  signal: AbortSignal,
): Promise<Fit> {
  const { path, title } = await services.models.pathOf(id);
  const usual = await services.settings.read();
  const asked = {
    context: settings.context ?? usual.defaultContext,
    kvCodec: settings.kvCodec ?? usual.kvCodec,
    threads: settings.threads ?? usual.threads,
    memoryBudget: settings.memoryBudget ?? usual.memoryBudgets[id] ?? null,
  };
  return withoutPaths(title, [path], fitOf(services, path, asked, signal));
}

/**
 * A model by its path; null: Retort's choice, whatever the settings say. `ofRuns`: what was measured may be of a run: of another context, and
 * where no budget is chosen of one that held all weights in memory.
 */
export async function fitOf(
  services: Omit<Shared, 'models' | 'settings'>,
  path: string,
  settings: LoadSettings,
  signal: AbortSignal,
  { ofRuns = false } = {},
): Promise<Fit> {
  const threads = settings.threads ?? availableParallelism();
  const { kvCodec } = settings;
  const ask = (more: Partial<Ask>) =>
    services.text.estimate({ path, context: null, kvCodec, threads, ...more }, signal);
  const [estimate, free] = await Promise.all([
    ask({ context: settings.context ?? usualContext }),
    services.memory.freeForModels(),
  ]);
  const { context } = estimate;
  const memoryBudget = settings.memoryBudget ?? (estimate.canStream ? 'auto' : null);
  const key = {
    ...{ modelIdentity: estimate.identity, context, kvCodec: estimate.kvCodec, threads },
    memoryBudget: estimate.canStream ? memoryBudget : null,
  };
  const rate = await services.measurements.memoryRate(key);
  const facts = {
    freeBytes: free.freeBytes,
    memoryBytesPerSecond: rate,
    uses: await services.measurements.uses(estimate.identity),
    cacheFolder: services.caches.folder,
  };
  const streaming = await streamingWithin(estimate, memoryBudget, free, (budget) =>
    ask({ context, memoryBudget: budget, facts }),
  );
  const latestMeasured = async () => {
    const withoutBudget = ofRuns && settings.memoryBudget === null ? [{ ...key, memoryBudget: null }] : [];
    const found = [key, ...withoutBudget].map((each) =>
      services.measurements.latest(each, { anyContext: ofRuns }),
    );
    return latestOf(await Promise.all(found));
  };
  const needed = neededBytes(estimate, streaming);
  const touched = estimate.bytesTouchedPerToken;
  const resident = rate !== null && touched > 0 ? rate / touched : null;
  return {
    ...needed,
    kvBytesPerToken: estimate.kvBytesPerToken ?? estimate.kvBytes / context,
    context,
    modelContext: estimate.modelContext,
    largestContext: await largestContext(
      estimate,
      leastWeights(estimate, streaming),
      limitOf(free, memoryBudget),
      (longer) => ask({ context: longer }),
    ),
    kvCodec: estimate.kvCodec,
    freeBytes: free.freeBytes,
    reserveBytes: free.reserveBytes,
    memoryBytes: free.memoryBytes,
    fits: needed.totalBytes <= free.freeBytes,
    canStream: estimate.canStream,
    streaming,
    predictedTokensPerSecond: streaming ? streaming.tokensPerSecond : resident,
    measured: measuredOf(await latestMeasured()),
  };
}

/** Auto is what is free, and never less than the least: that it does not fit is then said by its size. A chosen budget is refused below it. */
async function streamingWithin(
  { canStream }: Estimate,
  memoryBudget: MemoryBudget | null,
  { freeBytes }: ModelBudget,
  ask: (budget: number) => Promise<Estimate>,
): Promise<StreamingEstimate | null> {
  if (memoryBudget === null || (memoryBudget === 'auto' && !canStream)) return null;
  if (memoryBudget !== 'auto') return (await ask(memoryBudget)).streaming;
  try {
    return (await ask(Math.floor(freeBytes))).streaming;
  } catch (error) {
    const { minimumBytes } = toLabError(error).detail;
    if (typeof minimumBytes !== 'number') throw error;
    return (await ask(Math.ceil(minimumBytes))).streaming;
  }
}

/** In memory. Vectors are always there, beside what the budget leaves for weights in records. */
function neededBytes({ weightsBytes, kvBytes, scratchBytes }: Estimate, streaming: StreamingEstimate | null) {
  const held =
    streaming === null ? weightsBytes : vectorBytes(streaming, kvBytes + scratchBytes) + heldBytes(streaming);
  return { weightsBytes: held, kvBytes, scratchBytes, totalBytes: held + kvBytes + scratchBytes };
}

const vectorBytes = ({ minimumMemoryBudgetBytes, minimumBytes }: StreamingEstimate, besideBytes: number) =>
  minimumMemoryBudgetBytes - minimumBytes - besideBytes;

/** What weights take at the least, so that the rest can be context. */
function leastWeights(
  { weightsBytes, kvBytes, scratchBytes }: Estimate,
  streaming: StreamingEstimate | null,
): number {
  return streaming ? streaming.minimumMemoryBudgetBytes - kvBytes - scratchBytes : weightsBytes;
}

function limitOf({ freeBytes }: ModelBudget, memoryBudget: MemoryBudget | null): number {
  return typeof memoryBudget === 'number' ? Math.min(freeBytes, memoryBudget) : freeBytes;
}

/** By halves: the cache grows in slabs, and with windows not in proportion. 0: the weights alone do not fit. */
async function largestContext(
  { modelContext }: Estimate,
  weightsBytes: number,
  limitBytes: number,
  estimateAt: (context: number) => Promise<Estimate>,
): Promise<number> {
  const fits = async (context: number) => {
    const { kvBytes, scratchBytes } = await estimateAt(context);
    return weightsBytes + kvBytes + scratchBytes <= limitBytes;
  };
  if (await fits(modelContext)) return modelContext;
  let [fitting, tooLarge] = [0, Math.ceil(modelContext / contextStep)];
  while (tooLarge - fitting > 1) {
    const middle = Math.floor((fitting + tooLarge) / 2);
    if (await fits(middle * contextStep)) fitting = middle;
    else tooLarge = middle;
  }
  return fitting * contextStep;
}

function latestOf(measured: readonly (Measurement | null)[]): Measurement | null {
  const found = measured.filter((each) => each !== null);
  return found.sort((left, right) => right.at - left.at)[0] ?? null;
}

function measuredOf(measured: Measurement | null): Fit['measured'] {
  if (!measured) return null;
  const { totalBytes, context, usedContext, tokensPerSecond, readBytesPerToken, hitRate, at } = measured;
  return { totalBytes, context, usedContext, tokensPerSecond, readBytesPerToken, hitRate, at };
}
