/// <reference lib="dom" />
import type { Page } from 'playwright-core';
import type { Reply } from '../page-transports.ts';

export interface PageCall {
  readonly operation: unknown;
  readonly input: unknown;
}

/**
 * Asks the shell for a port of the page's own, in place of the app's, sends the calls as they are and resolves with their answers; rejects
 * where they do not come. An input `{ textOfLength: n }` becomes one of a text so long.
 */
export async function callFromPage(page: Page, calls: readonly PageCall[]): Promise<Reply[]> {
  // The app asks for its own port first.
  await page.locator('#root > *').first().waitFor();
  return page.evaluate(
    (given) =>
      new Promise<Reply[]>((resolve, reject) => {
        setTimeout(() => reject(new Error('No answers came.')), 10_000);
        const replies: Reply[] = [];
        window.addEventListener('message', function receive(event) {
          const [port] = event.ports;
          if (event.data !== 'retort:port 1000000' || !port) return;
          window.removeEventListener('message', receive);
          port.onmessage = ({ data }: { data: Reply }) => {
            replies[data.id] = data;
            if (Object.keys(replies).length === given.length) resolve(replies);
          };
          given.forEach(({ operation, input }, id) => {
            const length = (input as { textOfLength?: number } | null)?.textOfLength;
            const sent = length === undefined ? input : { text: 'x'.repeat(length) };
            port.postMessage({ type: 'call', id, operation, input: sent });
          });
        });
        (window as unknown as { retort: { connect(request: number): void } }).retort.connect(1_000_000);
      }),
    calls,
  );
}

/** Whether the host answers a page. */
export async function isServed(page: Page): Promise<boolean> {
  const [reply] = await callFromPage(page, [{ operation: 'listModelFolders', input: {} }]);
  return reply?.ok === true;
}
