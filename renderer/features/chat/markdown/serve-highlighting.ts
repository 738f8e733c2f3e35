/** Answers requests for coloured lines. Listings are coloured in turn, a part of each. */
import { Listing, loadLanguage } from './highlight.ts';
import type { HighlightAnswer, HighlightRequest } from './highlight-messages.ts';

/** The worker's own side of its port. */
export interface HighlightPort {
  onmessage: ((event: MessageEvent<HighlightRequest>) => void) | null;
  postMessage(answer: HighlightAnswer): void;
}

const nextTurn = () => new Promise<void>((resolve) => setTimeout(resolve, 0));

export function serveHighlighting(port: HighlightPort): void {
  const listings = new Map<number, Listing>();

  async function colour({
    listing: id,
    language,
    code,
  }: HighlightRequest & { kind: 'colour' }): Promise<void> {
    const listing = listings.get(id) ?? new Listing(language);
    listings.set(id, listing);
    await loadLanguage(language);
    for (const part of listing.colour(code)) {
      if (listings.get(id) !== listing) return;
      port.postMessage({ kind: 'lines', listing: id, ...part });
      await nextTurn();
    }
  }

  port.onmessage = ({ data }) => {
    if (data.kind === 'forget') listings.delete(data.listing);
    else colour(data).catch(() => port.postMessage({ kind: 'failed' }));
  };
}
