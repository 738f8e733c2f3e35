/** Gathers tokens into few messages: the first at once, then about sixty a second, fewer where the reader is slow. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { BatchToken, TokenBatch } from '../contract/reply.ts';
import type { TraceRecord } from '../contract/trace.ts';

const intervalMs = 16;

export class TokenBatcher {
  readonly #emit: (batch: TokenBatch) => Promise<void>;
  #number = 0;
  #tokens: BatchToken[] = [];
  #trace: TraceRecord[] = [];
  #sentAt = -Infinity;
  #sending: Promise<void> | null = null;
  #timer: NodeJS.Timeout | null = null;

  constructor(emit: (batch: TokenBatch) => Promise<void>) {
    this.#emit = emit;
  }

  add(token: BatchToken, record: TraceRecord | null): void {
    this.#tokens.push(token);
    this.addRecord(record);
  }

  /** A step's record that goes with no token. */
  addRecord(record: TraceRecord | null): void {
    if (record) this.#trace.push(record);
  }

  /** Sends what is due, later what is not yet. Gives messages that arrived (a cancellation) their turn whenever it sends. */
  async sendDue(): Promise<void> {
    if (this.#sending || this.#tokens.length === 0) return;
    const waitMs = intervalMs - (performance.now() - this.#sentAt);
    if (waitMs > 0) {
      this.#timer ??= setTimeout(() => this.#sendLate(), waitMs);
      return;
    }
    this.#send();
    await nextTurn();
  }

  /** Sends the rest and waits until all of it was taken. */
  async finish(): Promise<void> {
    await this.#sending;
    if (this.#tokens.length > 0 || this.#trace.length > 0) this.#send();
    await this.#sending;
  }

  /** A token that came soon after the one before it does not wait for the next. */
  #sendLate(): void {
    this.#timer = null;
    if (!this.#sending && this.#tokens.length > 0) this.#send();
  }

  #send(): void {
    clearTimeout(this.#timer ?? undefined);
    this.#timer = null;
    const tokens = this.#tokens;
    const ids = tokens.map(({ id }) => id);
    const text = tokens.map((token) => token.text).join('');
    const batch = { number: this.#number++, ids, text, tokens, trace: this.#trace };
    [this.#tokens, this.#trace] = [[], []];
    this.#sentAt = performance.now();
    this.#sending = this.#emit(batch).finally(() => (this.#sending = null));
    // What the reader's end threw is told by whoever waits for it.
    this.#sending.catch(() => undefined);
  }
}
