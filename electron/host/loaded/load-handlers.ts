import type { PageContract } from '../../contract/page-contract.ts';
import type { Handlers } from '../../contract/rpc.ts';
import type { Services } from '../services.ts';
import { wantedModel } from './wanted-model.ts';

type Loading = 'loadModel' | 'unloadModel';

export function loadHandlers(services: Services): Pick<Handlers<PageContract>, Loading> {
  return {
    async loadModel({ id, settings }) {
      const wanted = await wantedModel(services, id, settings);
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
