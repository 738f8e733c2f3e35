/** Everything behind the page, put together once: the connection, the stores, what keeps them current. */
import type { Shell } from '../../electron/contract/shell.ts';
import { createChatStore, type ChatStore } from '../features/chat/chat-store.ts';
import { HostConnection, type OpenPort } from '../ipc/host-connection.ts';
import type { Host } from '../ipc/host-context.ts';
import { createAppStore, type AppStore } from './app-store.ts';
import { followHost } from './follow-host.ts';
import { followMemory } from './follow-memory.ts';
import { showTheme } from './theme.ts';

export interface Application {
  readonly host: Host;
  readonly app: AppStore;
  readonly chat: ChatStore;
  /** Ends what runs. */
  close(): void;
}

export function createApplication(shell: Shell | null, open: OpenPort): Application {
  const connection = new HostConnection(open);
  const host: Host = { client: connection.client, shell };
  const app = createAppStore(host.client);
  const chat = createChatStore(host, app);
  const keepDraft = () => chat.draft.flush();
  window.addEventListener('pagehide', keepDraft);
  const stops = [
    () => window.removeEventListener('pagehide', keepDraft),
    app.subscribe(({ settings }) => showTheme(settings.theme)),
    followHost(connection, app, [chat]),
    followMemory(connection, (memory) => app.setState({ memory })),
  ];
  return {
    host,
    app,
    chat,
    close() {
      for (const stop of stops) stop();
      connection.close();
    },
  };
}
