import type { PageContract } from '../../contract/page-contract.ts';
import { drain } from '../../contract/rpc-client.ts';
import type { Handlers } from '../../contract/rpc.ts';
import type { Services } from '../services.ts';
import { listSaved, readHeldCache, readyModel, removeSaved, restoreSaved, saveHeld } from './held-cache.ts';

type Holding =
  | 'readHeldCache'
  | 'readCacheMap'
  | 'readCacheCell'
  | 'compareCodecs'
  | 'clearCache'
  | 'saveCache'
  | 'listSavedCaches'
  | 'restoreSavedCache'
  | 'removeSavedCache';

export function kvCacheHandlers(services: Services): Pick<Handlers<PageContract>, Holding> {
  const clientOf = async () => (await readyModel(services)).process.client;
  return {
    readHeldCache: (_input, { signal }) => readHeldCache(services, signal),
    readCacheMap: async (input, { signal }) => (await clientOf()).readCacheMap(input, { signal }),
    readCacheCell: async (input, { signal }) => (await clientOf()).readCacheCell(input, { signal }),
    compareCodecs: (_input, { signal, emit }) =>
      services.loaded.untilReply(signal, async (until) => {
        const client = await clientOf();
        return drain(client.compareCodecs({ codecs: ['f16', 'q8'] }, { signal: until }), emit);
      }),
    async clearCache() {
      await (await clientOf()).forget({});
      services.loaded.heldChat = null;
      services.loaded.kvBytes = 0;
      services.loaded.setHeld(0);
      return null;
    },
    saveCache: ({ name }) => saveHeld(services, name),
    listSavedCaches: () => listSaved(services),
    restoreSavedCache: ({ id }) => restoreSaved(services, id),
    removeSavedCache: ({ id }) => removeSaved(services, id),
  };
}
