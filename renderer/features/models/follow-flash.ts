/** Reads what streamed weights do, at most twice a second, while somebody looks. */
import type { FlashReading } from '../../../electron/contract/streaming.ts';
import type { PageContract } from '../../../electron/contract/page-contract.ts';
import type { Client } from '../../../electron/contract/rpc.ts';

export const flashIntervalMs = 500;

/** Reads at once, and as long as `isLive` again and again; not while the page is hidden. Returns how to stop. */
export function followFlash(
  client: Client<PageContract>,
  isLive: boolean,
  take: (reading: FlashReading | null) => void,
): () => void {
  const ending = new AbortController();
  const { signal } = ending;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isReading = false;
  async function read(): Promise<void> {
    clearTimeout(timer);
    if (isReading || document.visibilityState === 'hidden') return;
    isReading = true;
    try {
      const reading = await client.readFlash({}, { signal });
      if (!signal.aborted) take(reading);
    } catch {
      // A lost connection, or a model that ends: there is another reading, or the map goes.
    }
    isReading = false;
    if (isLive && !signal.aborted) timer = setTimeout(() => void read(), flashIntervalMs);
  }
  const onVisible = () => void read();
  document.addEventListener('visibilitychange', onVisible);
  void read();
  return () => {
    document.removeEventListener('visibilitychange', onVisible);
    clearTimeout(timer);
    ending.abort();
  };
}
