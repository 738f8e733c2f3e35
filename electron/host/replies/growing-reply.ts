/** What a reply has said so far, for everyone who follows it: each reads from the token it has not seen, at its own speed. */
import type { Message, ReplyPhase, ReplyToken, ReplyUpdate } from '../../contract/chats.ts';
import type { TraceRecord } from '../../contract/trace.ts';

export class GrowingReply {
  readonly tokens: ReplyToken[] = [];
  readonly prefill: TraceRecord[] = [];
  text = '';
  #phase: ReplyPhase = { phase: 'waiting', for: 'the model' };
  #ended: Message | null = null;
  /** Counts changes, so that a follower knows whether it has seen the latest. */
  #version = 0;
  #wake: (() => void)[] = [];

  get phase(): ReplyPhase {
    return this.#phase;
  }

  setPhase(phase: ReplyPhase): void {
    this.#phase = phase;
    this.#changed();
  }

  add(tokens: readonly ReplyToken[], prefill: readonly TraceRecord[]): void {
    for (const token of tokens) this.text += token.text;
    this.tokens.push(...tokens);
    this.prefill.push(...prefill);
    if (tokens.length > 0) this.#phase = { phase: 'writing' };
    this.#changed();
  }

  end(message: Message): void {
    this.#ended = message;
    this.#changed();
  }

  /**
   * Sends what came from token `from` on, at once and then whenever something came, until the reply ends; what comes while a follower is
   * still reading goes to it in one piece. Resolves with the ended message, or null where the follower left.
   */
  async follow(
    from: number,
    signal: AbortSignal,
    emit: (update: ReplyUpdate) => Promise<void>,
  ): Promise<Message | null> {
    let number = Math.min(from, this.tokens.length);
    let prefillSeen = 0;
    let seen = -1;
    signal.addEventListener('abort', () => this.#changed(), { once: true });
    while (!signal.aborted) {
      if (seen !== this.#version) {
        seen = this.#version;
        const tokens = this.tokens.slice(number);
        const prefill = this.prefill.slice(prefillSeen);
        await emit({ number, phase: this.#phase, tokens, prefill });
        number += tokens.length;
        prefillSeen += prefill.length;
      } else if (this.#ended) return this.#ended;
      else await this.#change();
    }
    return null;
  }

  #changed(): void {
    this.#version += 1;
    const waiting = this.#wake;
    this.#wake = [];
    for (const wake of waiting) wake();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => void this.#wake.push(resolve));
  }
}
