import type { HostContract } from '../../contract/host-contract.ts';
import type { Handlers } from '../../contract/rpc.ts';
import { fitOf } from '../loaded/fit.ts';
import type { Services } from '../services.ts';

export function estimateHandlers(services: Services): Pick<Handlers<HostContract>, 'estimate'> {
  return {
    async estimate({ model, settings }, { signal }) {
      const { path } = await services.library.resolve(model);
      return fitOf(services, path, settings, signal, { ofRuns: true });
    },
  };
}
