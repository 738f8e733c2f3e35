import { setTimeout as delay } from 'node:timers/promises';
import type { PageContract } from '../../contract/page-contract.ts';
import type { Handlers } from '../../contract/rpc.ts';
import type { Services } from '../services.ts';

type Watching = Pick<Handlers<PageContract>, 'watchMemory'>;

export function memoryHandlers({ memory }: Pick<Services, 'memory'>): Watching {
  return {
    async watchMemory({ intervalMs }, { signal, emit }) {
      while (!signal.aborted) {
        await emit(await memory.read());
        // Woken by the page's leaving, which ends the loop.
        await delay(intervalMs, undefined, { signal }).catch(() => undefined);
      }
      return null;
    },
  };
}
