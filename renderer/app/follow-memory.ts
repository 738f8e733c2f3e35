/** Reads memory once a second while the page is seen. */
import type { MemoryReading } from '../../electron/contract/machine.ts';
import type { HostConnection } from '../ipc/host-connection.ts';

const intervalMs = 1000;

/** Returns how to stop. */
export function followMemory(connection: HostConnection, take: (reading: MemoryReading) => void): () => void {
  let reading: AbortController | null = null;
  const pause = () => {
    reading?.abort();
    reading = null;
  };
  async function read({ signal }: AbortController): Promise<void> {
    try {
      for await (const value of connection.client.watchMemory({ intervalMs }, { signal }).chunks) take(value);
    } catch {
      // A lost connection or a pause: both begin anew by themselves.
    } finally {
      if (reading?.signal === signal) reading = null;
    }
  }
  const update = () => {
    const isWanted = document.visibilityState === 'visible' && connection.state.phase === 'connected';
    if (!isWanted) pause();
    else if (!reading) {
      reading = new AbortController();
      void read(reading);
    }
  };
  document.addEventListener('visibilitychange', update);
  const stopConnection = connection.subscribe(update);
  update();
  return () => {
    document.removeEventListener('visibilitychange', update);
    stopConnection();
    pause();
  };
}
