/**
 * The page's side of the worker that colours listings: patterns of a language take long to compile, and a listing may be long. What fails
 * leaves a listing as it is.
 */
import type { CodeLine, HighlightAnswer, HighlightRequest } from './highlight-messages.ts';
import type { Language } from './languages.ts';

/** As much of a Worker as is used. */
export interface HighlightWorker {
  onmessage: ((event: MessageEvent<HighlightAnswer>) => void) | null;
  onerror: ((event: ErrorEvent) => void) | null;
  postMessage(request: HighlightRequest): void;
  terminate(): void;
}

/** A longer listing stays plain. */
const mostCharacters = 200_000;
/** Who is silent for longer hangs over a pattern. */
const silenceLimitMs = 15_000;
/** So many workers may fail one after the other before no more are started. */
const mostFailures = 3;

export class Highlighter {
  readonly #startWorker: () => HighlightWorker;
  readonly #listings = new Map<number, ShownListing>();
  #worker: HighlightWorker | null = null;
  #failures = 0;
  #lastId = 0;
  #silence: ReturnType<typeof setTimeout> | undefined;

  constructor(startWorker: () => HighlightWorker) {
    this.#startWorker = startWorker;
  }

  /** A worker is there, where one can be had. */
  start(): void {
    if (this.#worker || this.#failures >= mostFailures) return;
    try {
      const worker = this.#startWorker();
      worker.onmessage = ({ data }) => {
        if (worker === this.#worker) this.#hear(data);
      };
      worker.onerror = (event) => {
        // Its errors are no errors of the page.
        event.preventDefault();
        if (worker === this.#worker) this.#giveUp();
      };
      this.#worker = worker;
    } catch {
      this.#failures += 1;
    }
  }

  /** `show` gets the lines that are coloured so far, as often as there are more. */
  open(language: Language, show: (lines: readonly CodeLine[]) => void): ShownListing {
    this.start();
    this.#lastId += 1;
    const id = this.#lastId;
    const listing = new ShownListing(show, {
      ask: (code) => this.#ask({ kind: 'colour', listing: id, language, code }),
      forget: () => {
        this.#listings.delete(id);
        this.#worker?.postMessage({ kind: 'forget', listing: id });
        if (!this.#isAnswerDue()) this.#endSilence();
      },
    });
    if (this.#worker) this.#listings.set(id, listing);
    else listing.giveUp();
    return listing;
  }

  #ask(request: HighlightRequest): void {
    this.#worker?.postMessage(request);
    this.#beginSilence();
  }

  #hear(answer: HighlightAnswer): void {
    if (answer.kind === 'failed') return this.#giveUp();
    // Late: the listing is no longer shown.
    this.#listings.get(answer.listing)?.take(answer);
    if (answer.isLast) this.#failures = 0;
    this.#endSilence();
    if (this.#isAnswerDue()) this.#beginSilence();
  }

  #isAnswerDue(): boolean {
    return [...this.#listings.values()].some(({ isWaiting }) => isWaiting);
  }

  #beginSilence(): void {
    this.#silence ??= setTimeout(() => this.#giveUp(), silenceLimitMs);
  }

  #endSilence(): void {
    clearTimeout(this.#silence);
    this.#silence = undefined;
  }

  /** What is shown stays as it is, as one of these listings may be the cause; the next one is tried with another worker. */
  #giveUp(): void {
    this.#endSilence();
    this.#worker?.terminate();
    this.#worker = null;
    this.#failures += 1;
    for (const listing of this.#listings.values()) listing.giveUp();
    this.#listings.clear();
  }
}

interface Asking {
  readonly ask: (code: string) => void;
  readonly forget: () => void;
}

/** A listing on the page. One request is under way at a time; what came meanwhile is asked for next, the newest text alone. */
export class ShownListing {
  readonly #show: (lines: readonly CodeLine[]) => void;
  #asking: Asking | null;
  #lines: readonly CodeLine[] = [];
  #next: string | null = null;
  #isWaiting = false;

  constructor(show: (lines: readonly CodeLine[]) => void, asking: Asking) {
    this.#show = show;
    this.#asking = asking;
  }

  get isWaiting(): boolean {
    return this.#isWaiting;
  }

  colour(code: string): void {
    if (!this.#asking || code.length > mostCharacters) return;
    if (this.#isWaiting) {
      this.#next = code;
      return;
    }
    this.#isWaiting = true;
    this.#asking.ask(code);
  }

  take({ from, lines, isLast }: HighlightAnswer & { kind: 'lines' }): void {
    const rest = isLast ? [] : this.#lines.slice(from + lines.length);
    this.#lines = [...this.#lines.slice(0, from), ...lines, ...rest];
    this.#show(this.#lines);
    if (!isLast) return;
    this.#isWaiting = false;
    const next = this.#next;
    this.#next = null;
    if (next !== null) this.colour(next);
  }

  giveUp(): void {
    this.#asking = null;
    this.#isWaiting = false;
  }

  close(): void {
    this.#asking?.forget();
    this.giveUp();
  }
}

export const highlighter = new Highlighter(
  () => new Worker(new URL('./highlight-worker.ts', import.meta.url), { type: 'module' }),
);
