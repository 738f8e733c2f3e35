import type { PageContract } from '../../contract/page-contract.ts';
import type { Handlers } from '../../contract/rpc.ts';
import type { Services } from '../services.ts';
import { estimateFit } from './fit.ts';
import { beginLoading } from './load.ts';
import { engineBudget, keepBudget } from './memory-budget.ts';
import { wantedModel } from './wanted-model.ts';

type Loading = 'estimateFit' | 'loadModel' | 'unloadModel' | 'readFlash' | 'setMemoryBudget';

export function loadHandlers(services: Services): Pick<Handlers<PageContract>, Loading> {
  return {
    estimateFit: ({ id, settings }, { signal }) => estimateFit(services, id, settings, signal),

    async loadModel({ id, settings, force }, { signal }) {
      if (!force) await beginLoading(services, id, settings, signal);
      else services.loaded.load(await wantedModel(services, id, settings)).catch(() => undefined);
      await services.settings.change({ lastModel: id });
      if (settings.memoryBudget !== null) await keepBudget(services, id, settings.memoryBudget);
      return null;
    },

    unloadModel() {
      services.loaded.unload();
      return Promise.resolve(null);
    },

    readFlash: () => services.loaded.readFlash(),

    async setMemoryBudget({ memoryBudget }) {
      const { loaded } = services;
      const id = loaded.wanted?.id;
      const budget = await engineBudget(services, memoryBudget);
      const streaming = await loaded.setMemoryBudget(budget);
      if (id !== undefined) await keepBudget(services, id, memoryBudget ?? 'auto');
      return streaming;
    },
  };
}
