/**
 * A reply while it is written. What comes is kept outside of React and handed on once a frame, so that a fast model costs one drawing a
 * frame and no more.
 */
import type { ReplyPhase, ReplyToken, ReplyUpdate } from '../../../electron/contract/chats.ts';
import type { TraceRecord } from '../../../electron/contract/trace.ts';
import type { Timeline } from './chat-state.ts';
import { framePace, type Schedule } from './frame-pace.ts';

export interface ReplySnapshot extends Timeline {
  readonly phase: ReplyPhase;
  readonly text: string;
  /** A person stopped it: nothing more is drawn while the host ends it. */
  readonly isStopping: boolean;
}

const nothing: ReplySnapshot = {
  phase: { phase: 'waiting', for: 'the model' },
  text: '',
  tokens: [],
  prefill: [],
  isStopping: false,
};

export class GrowingReply {
  readonly id: string;
  #phase: ReplyPhase = nothing.phase;
  #text = '';
  readonly #tokens: ReplyToken[] = [];
  #prefill: readonly TraceRecord[] = [];
  #snapshot = nothing;
  #isScheduled = false;
  readonly #listeners = new Set<() => void>();
  readonly #schedule: Schedule;

  constructor(id: string, schedule: Schedule = framePace()) {
    this.id = id;
    this.#schedule = schedule;
  }

  /** Where the next connection goes on. */
  get tokenCount(): number {
    return this.#tokens.length;
  }

  readonly getSnapshot = (): ReplySnapshot => this.#snapshot;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  };

  /** Takes an update and returns what is new. The first update after joining tells the prompt's steps from the beginning. */
  add({ number, phase, tokens, prefill }: ReplyUpdate, isFirst: boolean): Timeline {
    const fresh = tokens.slice(Math.max(0, this.#tokens.length - number));
    for (const token of fresh) {
      this.#tokens.push(token);
      this.#text += token.text;
    }
    this.#phase = phase;
    const freshPrefill = isFirst ? prefill.slice(this.#prefill.length) : prefill;
    if (isFirst) this.#prefill = prefill;
    else if (prefill.length > 0) this.#prefill = [...this.#prefill, ...prefill];
    this.#showSoon();
    return { tokens: fresh, prefill: freshPrefill };
  }

  /** All that came, also what no frame showed yet. */
  timeline(): Timeline {
    return { tokens: this.#tokens.slice(), prefill: this.#prefill };
  }

  /** Takes effect in the view at once. */
  stop(): void {
    this.#show({ ...this.#snapshot, isStopping: true });
  }

  #showSoon(): void {
    if (this.#isScheduled || this.#snapshot.isStopping) return;
    this.#isScheduled = true;
    this.#schedule(() => {
      this.#isScheduled = false;
      if (this.#snapshot.isStopping) return;
      this.#show({
        phase: this.#phase,
        text: this.#text,
        tokens: this.#tokens.slice(),
        prefill: this.#prefill,
        isStopping: false,
      });
    });
  }

  #show(snapshot: ReplySnapshot): void {
    this.#snapshot = snapshot;
    for (const listener of this.#listeners) listener();
  }
}

/** Tokens a second over the latest tokens, by the engine's own clock; null before there are two. */
export function latestRate(tokens: readonly ReplyToken[], over = 32): number | null {
  const last = tokens.at(-1)?.trace;
  const first = tokens[Math.max(0, tokens.length - 1 - over)]?.trace;
  if (!last || !first || first === last) return null;
  const ns = last.startNs + last.timeNs.total - (first.startNs + first.timeNs.total);
  return ns > 0 ? (Math.min(over, tokens.length - 1) * 1e9) / ns : null;
}
