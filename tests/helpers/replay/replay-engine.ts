/**
 * An engine that computes nothing: it says a given text at a set rate, with the times of a recorded reply. For measuring the page alone,
 * in tests/reach and nowhere else.
 */
import { setTimeout as wait } from 'node:timers/promises';
import type {
  Engine,
  EngineInfo,
  EvaluateInput,
  EvaluateResult,
  Session,
} from '../../../electron/engine/engine.ts';
import recording from './recording.json' with { type: 'json' };

export interface ReplayOptions {
  readonly info: EngineInfo;
  /** What is said; over again where it is too short. */
  readonly ids: readonly number[];
  readonly tokensPerSecond: number;
  /** Called when a token is due, with milliseconds since 1970. */
  readonly onToken: (at: number) => void;
}

/** So sure that sampling never draws another; the alternatives shown are those after it in the vocabulary. */
const logitOfSaid = 12;
const logitOfNext = -4;
const neighbours = 12;

export function replayEngine(options: ReplayOptions): Engine {
  return {
    info: options.info,
    createSession: ({ context }) => Promise.resolve(new ReplaySession(options, context)),
    close: () => Promise.resolve(),
  };
}

class ReplaySession implements Session {
  readonly context: number;
  readonly #options: ReplayOptions;
  #length = 0;
  #said = 0;
  /** When the next token is due, by performance.now(). */
  #due = 0;

  constructor(options: ReplayOptions, context: number) {
    this.#options = options;
    this.context = context;
  }

  get length(): number {
    return this.#length;
  }

  get kvBytes(): number {
    return this.#length * 23_040;
  }

  async evaluate(input: EvaluateInput, signal?: AbortSignal): Promise<EvaluateResult> {
    const count = input.ids?.length ?? 0;
    const step = recording.steps[this.#said % recording.steps.length] ?? [];
    const [evaluate = 0, attention = 0, feedForward = 0, head = 0, other = 0, bytesTouched = 0] = step;
    if (count > 1) [this.#said, this.#due] = [0, performance.now()];
    else await this.#untilDue(signal);
    if (input.rows !== 'none') this.#options.onToken(performance.timeOrigin + performance.now());
    this.#length += count;
    const { ids, info } = this.#options;
    const logits = new Float32Array(input.rows === 'none' ? 0 : info.vocabularySize).fill(-30);
    const said = ids[this.#said++ % ids.length] ?? 0;
    for (let i = 1; i <= neighbours; i += 1) logits[(said + i) % info.vocabularySize] = logitOfNext - i;
    logits[said] = logitOfSaid;
    const timeNs = { evaluate, attention, feedForward, head, other };
    return { logits, rows: logits.length > 0 ? 1 : 0, timeNs, bytesTouched };
  }

  async #untilDue(signal: AbortSignal | undefined): Promise<void> {
    this.#due += 1000 / this.#options.tokensPerSecond;
    const ms = this.#due - performance.now();
    await wait(Math.max(0, ms), undefined, { signal });
  }

  rollback(count: number): void {
    this.#length -= count;
  }

  truncate(length: number): void {
    this.#length = length;
  }

  fork(): Session {
    return new ReplaySession(this.#options, this.context);
  }

  save(): Promise<void> {
    return Promise.reject(new Error('A replay is not saved.'));
  }

  restore(): Promise<never> {
    return Promise.reject(new Error('A replay is not restored.'));
  }

  close(): void {
    this.#length = 0;
  }
}
