/** Loading with a look at memory first: what would not fit is not begun. */
import { LabError, toLabError } from '../../contract/errors.ts';
import type { Fit, LoadSettings } from '../../contract/machine.ts';
import type { Services } from '../services.ts';
import { estimateFit } from './fit.ts';
import type { ReadyModel } from './loaded-model.ts';
import { firstModel, wantedModel } from './wanted-model.ts';

type Shared = Omit<Services, 'replies'>;

const usualSettings: LoadSettings = {
  context: null,
  kvCodec: null,
  threads: null,
  memoryBudget: null,
};

/** Begins to load in place of what is there, and returns. Throws out-of-memory where the model does not fit; nothing has changed then. */
export async function beginLoading(
  services: Shared,
  id: string,
  settings: LoadSettings,
  signal: AbortSignal,
): Promise<void> {
  const wanted = await wantedModel(services, id, settings);
  requireFit(wanted.title, await fitOf(services, id, settings, signal));
  // The state tells how it goes, also where it fails.
  services.loaded.load(wanted).catch(() => undefined);
}

/**
 * For a reply: the model as it is or is being loaded, else loaded with the usual settings. Throws out-of-memory and what loading throws; where
 * no other model is there, the state says too why this one is not.
 */
export async function loadForReply(services: Shared, id: string, signal: AbortSignal): Promise<ReadyModel> {
  const { loaded } = services;
  const before = loaded.opening(id);
  if (before) return before;
  const wanted = await wantedModel(services, id);
  const fit = await fitOf(services, id, usualSettings, signal);
  // Another may have begun to load it meanwhile.
  const meanwhile = loaded.opening(id);
  if (meanwhile) return meanwhile;
  try {
    requireFit(wanted.title, fit);
  } catch (error) {
    if (loaded.wanted === null) loaded.refuse(wanted, toLabError(error));
    throw error;
  }
  return loaded.load(wanted);
}

/** When the first page opens: the model of the last time, or the one that comes with Retort. Once, and not where a person was faster. */
export async function loadFirst(services: Shared): Promise<void> {
  const { loaded } = services;
  if (!loaded.takeFirst()) return;
  const wanted = await firstModel(services);
  if (!wanted || loaded.state.state !== 'none') return;
  loaded.announce(wanted);
  let refusal: LabError | null = null;
  try {
    const never = new AbortController().signal;
    requireFit(wanted.title, await fitOf(services, wanted.id, usualSettings, never));
  } catch (error) {
    refusal = toLabError(error);
  }
  if (!loaded.isAnnounced(wanted)) return;
  if (refusal) return loaded.refuse(wanted, refusal);
  await loaded.load(wanted);
}

/** Null where it cannot be told beforehand: an exported graph needs no architecture that is known. Loading says what cannot run. */
async function fitOf(
  services: Shared,
  id: string,
  settings: LoadSettings,
  signal: AbortSignal,
): Promise<Fit | null> {
  try {
    return await estimateFit(services, id, settings, signal);
  } catch (error) {
    const { code, detail } = toLabError(error);
    if (code.startsWith('unsupported') && detail.field !== 'memoryBudget') return null;
    throw error;
  }
}

const gibibytes = (bytes: number) => `${(bytes / 1024 ** 3).toFixed(2)} GiB`;

function requireFit(title: string, fit: Fit | null): void {
  if (!fit || fit.fits) return;
  const way =
    fit.largestContext > 0
      ? `With a context of ${fit.largestContext.toLocaleString('en-GB')} tokens it would fit.`
      : 'Its weights alone do not fit.';
  throw new LabError(
    'out-of-memory',
    `${title} would need ${gibibytes(fit.totalBytes)} and ${gibibytes(fit.freeBytes)} is free for it. ${way} Nothing was loaded.`,
    { largestContext: fit.largestContext },
  );
}
