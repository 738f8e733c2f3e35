/** What loading a model would take, before it is loaded, and what it took the last time. */
import { availableParallelism } from 'node:os';
import type { Estimate } from '../../contract/engine-contract.ts';
import type { Fit, LoadSettings } from '../../contract/machine.ts';
import { withoutPaths } from '../models/without-paths.ts';
import type { Services } from '../services.ts';
import { usualContext } from './loaded-model.ts';

/** Contexts are offered in blocks of the KV cache. */
const contextStep = 32;

type Shared = Pick<Services, 'models' | 'settings' | 'text' | 'memory' | 'measurements'>;

/** From headers alone. Throws what reading them throws, and unsupported-… where no engine runs the model. */
export async function estimateFit(
  services: Shared,
  id: string,
  settings: LoadSettings,
  signal: AbortSignal,
): Promise<Fit> {
  const { path, title } = await services.models.pathOf(id);
  const usual = await services.settings.read();
  const threads = settings.threads ?? usual.threads ?? availableParallelism();
  const kvCodec = settings.kvCodec ?? usual.kvCodec;
  // Auto takes nothing from a model that is not streamed.
  const memoryBudget = typeof settings.memoryBudget === 'number' ? settings.memoryBudget : null;
  const estimateAt = (context: number) =>
    withoutPaths(
      title,
      [path],
      services.text.estimate({ path, context, kvCodec, threads, memoryBudget }, signal),
    );
  const [estimate, budget] = await Promise.all([
    estimateAt(settings.context ?? usual.defaultContext ?? usualContext),
    services.memory.freeForModels(),
  ]);
  const { weightsBytes, kvBytes, scratchBytes, context, modelContext } = estimate;
  const totalBytes = weightsBytes + kvBytes + scratchBytes;
  const key = { modelIdentity: estimate.identity, context, kvCodec: estimate.kvCodec, threads };
  const measured = await services.measurements.latest(key);
  return {
    weightsBytes,
    kvBytes,
    scratchBytes,
    totalBytes,
    kvBytesPerToken: estimate.kvBytesPerToken ?? kvBytes / context,
    context,
    modelContext,
    largestContext: await largestContext(estimate, budget.freeBytes, estimateAt),
    kvCodec: estimate.kvCodec,
    freeBytes: budget.freeBytes,
    reserveBytes: budget.reserveBytes,
    memoryBytes: budget.memoryBytes,
    fits: totalBytes <= budget.freeBytes,
    canStream: estimate.canStream,
    streaming: estimate.streaming,
    predictedTokensPerSecond: await services.measurements.predict(estimate.bytesTouchedPerToken, key),
    measured: measured && {
      totalBytes: measured.totalBytes,
      context: measured.context,
      usedContext: measured.usedContext,
      tokensPerSecond: measured.tokensPerSecond,
      at: measured.at,
    },
  };
}

const totalOf = ({ weightsBytes, kvBytes, scratchBytes }: Estimate) => weightsBytes + kvBytes + scratchBytes;

/** By halves: the cache grows in slabs, and with windows not in proportion. 0: the weights alone do not fit. */
async function largestContext(
  estimate: Estimate,
  freeBytes: number,
  estimateAt: (context: number) => Promise<Estimate>,
): Promise<number> {
  const { modelContext } = estimate;
  const fits = async (context: number) => totalOf(await estimateAt(context)) <= freeBytes;
  if (await fits(modelContext)) return modelContext;
  let [fitting, tooLarge] = [0, Math.ceil(modelContext / contextStep)];
  while (tooLarge - fitting > 1) {
    const middle = Math.floor((fitting + tooLarge) / 2);
    if (await fits(middle * contextStep)) fitting = middle;
    else tooLarge = middle;
  }
  return fitting * contextStep;
}
