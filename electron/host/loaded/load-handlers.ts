import type { Progress } from '../../contract/progress.ts';
import type { PageContract } from '../../contract/page-contract.ts';
import type { Handlers } from '../../contract/rpc.ts';
import { withoutPaths } from '../models/without-paths.ts';
import type { Services } from '../services.ts';
import { measureDisk } from '../work/disk.ts';
import { estimateFit } from './fit.ts';
import { beginLoading } from './load.ts';
import { keepBudget } from './memory-budget.ts';

type Loading = 'estimateFit' | 'loadModel' | 'unloadModel' | 'readFlash' | 'setMemoryBudget' | 'measureDisk';

export function loadHandlers(services: Services): Pick<Handlers<PageContract>, Loading> {
  return {
    estimateFit: ({ id, settings }, { signal }) => estimateFit(services, id, settings, signal),

    async loadModel({ id, settings, force }, { signal }) {
      await beginLoading(services, id, settings, { signal, force });
      await services.settings.change({ lastModel: id });
      if (settings.memoryBudget !== null) await keepBudget(services, id, settings.memoryBudget);
      return null;
    },

    unloadModel() {
      services.loaded.choose();
      services.loaded.unload();
      return Promise.resolve(null);
    },

    readFlash: () => services.loaded.readFlash(),

    async measureDisk({ id }, { signal, emit }) {
      const { path, title } = await services.models.pathOf(id);
      const hooks = { signal, progress: (progress: Progress) => emit(progress) };
      return withoutPaths(title, [path], measureDisk(services, path, hooks));
    },

    async setMemoryBudget({ memoryBudget }, { signal }) {
      const { loaded } = services;
      const id = loaded.wanted?.id;
      const streaming = await loaded.setMemoryBudget(memoryBudget, signal);
      if (id !== undefined) await keepBudget(services, id, memoryBudget ?? 'auto');
      return streaming;
    },
  };
}
