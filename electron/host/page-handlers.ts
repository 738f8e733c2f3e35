/** What pages may ask: every service's part of the page contract. */
import { availableParallelism } from 'node:os';
import type { AppEvent, PageContract } from '../contract/page-contract.ts';
import type { Handlers } from '../contract/rpc.ts';
import { cacheHandlers } from './caches/cache-handlers.ts';
import { chatHandlers } from './chats/handlers.ts';
import { pageCompareHandlers, pageJobHandlers, pageRunHandlers } from './compare/handlers.ts';
import { diagnosticsHandlers } from './diagnostics/diagnostics-handlers.ts';
import { kvCacheHandlers } from './kv-cache/kv-cache-handlers.ts';
import { loadHandlers } from './loaded/load-handlers.ts';
import { loadFirst } from './loaded/load.ts';
import { memoryHandlers } from './memory/memory-handlers.ts';
import { pageModelHandlers } from './models/page-model-handlers.ts';
import { noticeHandlers } from './notices/notice-handlers.ts';
import { replyHandlers } from './replies/reply-handlers.ts';
import type { Services } from './services.ts';
import { settingsHandlers } from './settings/settings-handlers.ts';
import { retortVersion } from './version.ts';

export function pageHandlers(services: Services): Handlers<PageContract> {
  return {
    ...startHandlers(services),
    ...chatHandlers(services),
    ...replyHandlers(services),
    ...pageModelHandlers(services),
    ...loadHandlers(services),
    ...memoryHandlers(services),
    ...settingsHandlers(services),
    ...noticeHandlers(services),
    ...cacheHandlers(services),
    ...kvCacheHandlers(services),
    ...diagnosticsHandlers(services),
    ...pageCompareHandlers(services),
    ...pageJobHandlers(services),
    ...pageRunHandlers(services),
  };
}

function startHandlers(services: Services): Pick<Handlers<PageContract>, 'start' | 'watch'> {
  const { chats, events, loaded, notices, settings } = services;
  return {
    async start() {
      const shown = {
        version: retortVersion(),
        platform: process.platform,
        settings: await settings.read(),
        engine: loaded.state,
        notices: notices.list(),
        chats: await chats.list(),
        cores: availableParallelism(),
      };
      // The page draws first; a failure is a state that it shows.
      setImmediate(() => void loadFirst(services).catch(() => undefined));
      return shown;
    },

    async watch(_input, { signal, emit }) {
      // Listening comes first: what happens while the settings are read is not missed.
      const waiting: AppEvent[] = [];
      let wake = () => undefined as void;
      const stop = events.listen((event) => {
        waiting.push(event);
        wake();
      });
      signal.addEventListener('abort', () => wake(), { once: true });
      try {
        const now = await settings.read();
        waiting.unshift({ type: 'engine', engine: loaded.state }, { type: 'settings', settings: now });
        while (!signal.aborted) {
          const event = waiting.shift();
          if (event) await emit(event);
          else await new Promise<void>((resolve) => (wake = resolve));
        }
      } finally {
        stop();
      }
      return null;
    },
  };
}
