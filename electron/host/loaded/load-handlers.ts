import { LabError, toLabError } from '../../contract/errors.ts';
import type { Fit, LoadSettings } from '../../contract/machine.ts';
import type { PageContract } from '../../contract/page-contract.ts';
import type { Handlers } from '../../contract/rpc.ts';
import type { Services } from '../services.ts';
import { estimateFit } from './fit.ts';
import { wantedModel } from './wanted-model.ts';

type Loading = 'estimateFit' | 'loadModel' | 'unloadModel';

export function loadHandlers(services: Services): Pick<Handlers<PageContract>, Loading> {
  return {
    estimateFit: ({ id, settings }, { signal }) => estimateFit(services, id, settings, signal),

    async loadModel({ id, settings, force }, { signal }) {
      const wanted = await wantedModel(services, id, settings);
      if (!force) requireFit(wanted.title, await fitOf(services, id, settings, signal));
      // The state tells how it goes, also where it fails.
      services.loaded.load(wanted).catch(() => undefined);
      await services.settings.change({ lastModel: id });
      return null;
    },

    unloadModel() {
      services.loaded.unload();
      return Promise.resolve(null);
    },
  };
}

/** Null where it cannot be told beforehand: an exported graph needs no architecture that is known. Loading says what cannot run. */
async function fitOf(
  services: Services,
  id: string,
  settings: LoadSettings,
  signal: AbortSignal,
): Promise<Fit | null> {
  try {
    return await estimateFit(services, id, settings, signal);
  } catch (error) {
    if (toLabError(error).code.startsWith('unsupported')) return null;
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
