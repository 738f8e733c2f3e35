/** Keeps the page's stores what the host says: everything at the beginning and after each new connection, then event by event. */
import { toLabError } from '../../electron/contract/errors.ts';
import type { AppEvent, Start } from '../../electron/contract/page-contract.ts';
import type { HostConnection } from '../ipc/host-connection.ts';
import { applyEvent, applyStart, type AppStore } from './app-store.ts';

export interface HostFollower {
  /** The host's state, whole: at the beginning, and again after a lost connection. */
  onStart(start: Start): void;
  onEvent(event: AppEvent): void;
}

/** Returns how to stop. */
export function followHost(
  connection: HostConnection,
  app: AppStore,
  followers: readonly HostFollower[],
): () => void {
  const { client } = connection;
  const takeConnection = () => {
    app.setState({ connection: connection.state });
    if (connection.state.phase === 'connected') void follow();
  };
  const takeEvent = (event: AppEvent) => {
    applyEvent(app, event);
    for (const follower of followers) follower.onEvent(event);
  };
  async function follow(): Promise<void> {
    try {
      // Watched first: what happens while the start is read is not missed.
      const watched = client.watch({});
      const start = await client.start({});
      applyStart(app, start);
      for (const follower of followers) follower.onStart(start);
      void app.actions.readModels();
      for await (const event of watched.chunks) takeEvent(event);
    } catch (error) {
      const { code, message } = toLabError(error);
      // A lost port begins the next connection, which comes here again.
      if (code !== 'engine-gone') app.setState({ connection: { phase: 'refused', reason: message } });
    }
  }
  const stop = connection.subscribe(takeConnection);
  takeConnection();
  return stop;
}
