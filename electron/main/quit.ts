import { app } from 'electron';
import type { HostKeeper } from './host-process/host-keeper.ts';

/** The app ends once the host has: it finishes what is to be on disk, and takes at most five seconds. */
export function setUpQuit(host: HostKeeper): void {
  let isClosed = false;
  app.on('will-quit', (event) => {
    if (isClosed) return;
    event.preventDefault();
    void host.close().finally(() => {
      isClosed = true;
      app.quit();
    });
  });
}
