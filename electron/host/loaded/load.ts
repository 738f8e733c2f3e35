/** Loading with a look at memory first: what would not fit is not begun. */
import { LabError, toLabError } from '../../contract/errors.ts';
import type { Fit, LoadSettings } from '../../contract/machine.ts';
import type { Services } from '../services.ts';
import { estimateFit } from './fit.ts';
import type { ReadyModel, Wanted } from './loaded-model.ts';
import { firstModel, wantedModel } from './wanted-model.ts';

type Shared = Omit<Services, 'replies' | 'comparisons'>;

const usualSettings: LoadSettings = {
  context: null,
  kvCodec: null,
  threads: null,
  memoryBudget: null,
};

/**
 * What a person chose: begins to load in place of what is there, and returns. Unless it is forced, throws out-of-memory where the model does
 * not fit; nothing has changed then. Throws cancelled where they chose otherwise before it was known.
 */
export async function beginLoading(
  services: Shared,
  id: string,
  settings: LoadSettings,
  { signal, force }: { readonly signal: AbortSignal; readonly force: boolean },
): Promise<void> {
  const choice = services.loaded.choose();
  const wanted = await wantedModel(services, id, settings);
  if (!force) requireFit(wanted.title, await fitOf(services, id, settings, signal));
  if (services.loaded.latestChoice !== choice) throw chosenOtherwise();
  // The state tells how it goes, also where it fails.
  services.loaded.load(wanted).catch(() => undefined);
}

/**
 * For a reply: the model as it is or is being loaded, else loaded with the usual settings. Throws out-of-memory and what loading throws, and
 * cancelled where it was unloaded before it began to load; where no other model is there or announced, the state says too why this one is not.
 */
export async function loadForReply(services: Shared, id: string, signal: AbortSignal): Promise<ReadyModel> {
  const { loaded } = services;
  const before = loaded.opening(id);
  if (before) return before;
  const choice = loaded.latestChoice;
  const wanted = await wantedModel(services, id);
  const refusal = await refusalOf(services, wanted, signal);
  // Another may have begun to load it meanwhile.
  const meanwhile = loaded.opening(id);
  if (meanwhile) return meanwhile;
  if (loaded.latestChoice !== choice && loaded.state.state === 'none') throw chosenOtherwise();
  if (!refusal) return loaded.load(wanted);
  if (refusal.code !== 'cancelled' && loaded.isFreeFor(wanted)) loaded.refuse(wanted, refusal);
  throw refusal;
}

/** When the first page opens: the model of the last time, or the one that comes with Retort. Once, and not where a person was faster. */
export async function loadFirst(services: Shared): Promise<void> {
  const { loaded } = services;
  if (!loaded.takeFirst()) return;
  const choice = loaded.latestChoice;
  const wanted = await firstModel(services);
  if (!wanted || loaded.latestChoice !== choice || loaded.state.state !== 'none') return;
  loaded.announce(wanted);
  const refusal = await refusalOf(services, wanted, new AbortController().signal);
  if (!loaded.isAnnounced(wanted)) return;
  if (refusal) return loaded.refuse(wanted, refusal);
  await loaded.load(wanted);
}

const chosenOtherwise = () => new LabError('cancelled', 'Another model was chosen, or this one unloaded.');

/** Why the model is not loaded with the usual settings; null: it fits. */
async function refusalOf(services: Shared, wanted: Wanted, signal: AbortSignal): Promise<LabError | null> {
  try {
    requireFit(wanted.title, await fitOf(services, wanted.id, usualSettings, signal));
    return null;
  } catch (error) {
    return toLabError(error);
  }
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

const number = (value: number) => value.toLocaleString('en-GB');
export const gibibytes = (bytes: number) => `${(bytes / 1024 ** 3).toFixed(2)} GiB`;

function requireFit(title: string, fit: Fit | null): void {
  if (!fit || fit.fits) return;
  const budget = excessiveBudget(fit);
  const free = `${gibibytes(fit.freeBytes)} is free for it`;
  const need =
    budget === null
      ? `${title} would need ${gibibytes(fit.totalBytes)} and ${free}.`
      : `${title} would take ${gibibytes(fit.totalBytes)}, as its memory budget of ${gibibytes(budget)} allows, and ${free}.`;
  const { way, ...detail } = budget === null ? wayOf(fit) : wayOfBudget(fit);
  throw new LabError('out-of-memory', `${need} ${way} Nothing was loaded.`, detail);
}

interface Way {
  readonly way: string;
  readonly field?: string;
  readonly largestContext?: number;
}

/** A budget that a person chose when more was free: a smaller context takes nothing off it. Auto is never above both what is free and the least. */
function excessiveBudget({ streaming, freeBytes }: Fit): number | null {
  if (!streaming) return null;
  const { memoryBudgetBytes, minimumMemoryBudgetBytes } = streaming;
  return memoryBudgetBytes > Math.max(freeBytes, minimumMemoryBudgetBytes) ? memoryBudgetBytes : null;
}

function wayOf({ largestContext }: Fit): Way {
  if (largestContext === 0) return { largestContext, way: 'Its weights alone do not fit.' };
  return { largestContext, way: `With a context of ${number(largestContext)} tokens it would fit.` };
}

function wayOfBudget(fit: Fit): Way {
  const { streaming, freeBytes, largestContext } = fit;
  if (streaming && streaming.minimumMemoryBudgetBytes <= freeBytes) {
    return { field: 'memoryBudget', way: 'With an automatic budget it would fit.' };
  }
  if (largestContext === 0) return wayOf(fit);
  const way = `With an automatic budget and a context of ${number(largestContext)} tokens it would fit.`;
  return { field: 'memoryBudget', largestContext, way };
}
