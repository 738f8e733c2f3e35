import type { PageContract } from '../../contract/page-contract.ts';
import type { Handlers } from '../../contract/rpc.ts';
import type { Services } from '../services.ts';

type Caching = Pick<Handlers<PageContract>, 'listCaches' | 'removeCache'>;

/** The same for pages and for the command line. */
export function cacheHandlers({ caches }: Pick<Services, 'caches'>): Caching {
  return {
    listCaches: () => caches.list(),
    removeCache: ({ id }) => caches.remove(id),
  };
}
