/** Gathers tokens into few messages: the first at once, then about sixty a second, fewer where the reader is slow. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { TokenBatch } from '../contract/engine-contract.ts';
import type { TraceRecord } from '../contract/trace.ts';

const intervalMs = 16;

export class TokenBatcher {
  readonly #emit: (batch: TokenBatch) => Promise<void>;
  #number = 0;
  #ids: number[] = [];
  #text = '';
  #trace: TraceRecord[] = [];
  #sentAt = -Infinity;
  #sending: Promise<void> | null = null;

  constructor(emit: (batch: TokenBatch) => Promise<void>) {
    this.#emit = emit;
  }

  add(id: number | null, text: string, trace: TraceRecord | null): void {
    if (id !== null) this.#ids.push(id);
    this.#text += text;
    if (trace) this.#trace.push(trace);
  }

  /** Sends what is due. Gives messages that arrived (a cancellation) their turn whenever it sends. */
  async sendDue(): Promise<void> {
    if (this.#sending || this.#ids.length === 0 || performance.now() - this.#sentAt < intervalMs) return;
    this.#send();
    await nextTurn();
  }

  /** Sends the rest and waits until all of it was taken. */
  async finish(): Promise<void> {
    await this.#sending;
    if (this.#ids.length > 0 || this.#text !== '' || this.#trace.length > 0) this.#send();
    await this.#sending;
  }

  #send(): void {
    const batch = { number: this.#number++, ids: this.#ids, text: this.#text, trace: this.#trace };
    [this.#ids, this.#text, this.#trace] = [[], '', []];
    this.#sentAt = performance.now();
    this.#sending = this.#emit(batch).finally(() => (this.#sending = null));
  }
}
