/**
 * A reference and what is compared with it read the same ids side by side, a few rows of logits at a time. Numbers of each position are kept, never
 * rows of logits.
 */
import { LabError } from '../contract/errors.ts';
import type { Engine, Session } from '../engine/engine.ts';
import { giveBack } from '../engine/generate.ts';
import { scoreRows, type RowScores } from '../engine/native/sampler.ts';

/** Logits of one chunk, per model. */
const chunkBytes = 48 * 1_048_576;
const longestChunk = 256;

export interface ScoredChunk {
  /** Ids before it. */
  readonly start: number;
  readonly scores: readonly RowScores[];
  /** Rows × vocabulary of each model, for as long as the listener runs. */
  readonly logits: readonly Float32Array[];
}

export interface LockStepHooks {
  readonly signal: AbortSignal;
  /** Ids that all have read. */
  report(tokens: number): void;
  scored(chunk: ScoredChunk): void;
}

/** Rows of logits of one model that are held at once. */
export function chunkRows(vocabularySize: number): number {
  return Math.max(1, Math.min(longestChunk, Math.floor(chunkBytes / (4 * vocabularySize))));
}

/** Throws bad-request where the vocabularies differ, naming the two, and context-full where `tokens` do not fit a model. */
export function checkLockStep(engines: readonly Engine[], tokens: number, names: readonly string[]): void {
  const [reference, ...others] = engines;
  const size = reference?.info.vocabularySize ?? 0;
  for (const { info } of engines) {
    if (tokens <= info.contextLength) continue;
    const message = `A window of ${tokens} does not fit: the model holds ${info.contextLength}.`;
    throw new LabError('context-full', message);
  }
  others.forEach(({ info: { vocabularySize } }, i) => {
    if (vocabularySize === size) return;
    const message = `${names[0] ?? ''} and ${names[i + 1] ?? ''} have different vocabularies (${size} and ${vocabularySize} ids): their rows cannot be compared.`;
    throw new LabError('bad-request', message);
  });
}

/**
 * All engines read `ids` from position 0, each in a session of its own; every id from `firstScored` on is scored against the row before it.
 * Throws what the engines throw, `cancelled` and `invalid-numbers`.
 */
export async function readTogether(
  engines: readonly Engine[],
  ids: Int32Array,
  firstScored: number,
  hooks: LockStepHooks,
): Promise<void> {
  const sessions: Session[] = [];
  try {
    for (const engine of engines) sessions.push(await engine.createSession({ context: ids.length }));
    const step = new LockStep(engines, sessions, ids, hooks);
    // Row i predicts id i + 1: the row before `firstScored` is the first that counts, the last id's predicts nothing.
    const rows = chunkRows(engines[0]?.info.vocabularySize ?? 1);
    for (let start = 0; start < firstScored - 1; start += rows) {
      await step.read(start, Math.min(start + rows, firstScored - 1));
    }
    for (let start = firstScored - 1; start < ids.length - 1; start += rows) {
      await step.score(start, Math.min(start + rows, ids.length - 1));
    }
  } finally {
    for (const session of sessions) session.close();
  }
}

class LockStep {
  readonly #engines: readonly Engine[];
  readonly #sessions: readonly Session[];
  readonly #ids: Int32Array;
  readonly #hooks: LockStepHooks;

  constructor(
    engines: readonly Engine[],
    sessions: readonly Session[],
    ids: Int32Array,
    hooks: LockStepHooks,
  ) {
    this.#engines = engines;
    this.#sessions = sessions;
    this.#ids = ids;
    this.#hooks = hooks;
  }

  async read(start: number, end: number): Promise<void> {
    await this.#evaluate(start, end, 'none');
    this.#hooks.report(end);
  }

  async score(start: number, end: number): Promise<void> {
    const logits = await this.#evaluate(start, end, 'all');
    const { vocabularySize, threads } = this.#engines[0]!.info;
    const targets = this.#ids.subarray(start + 1, end + 1);
    const scores = scoreRows(logits, vocabularySize, targets, threads);
    this.#hooks.scored({ start: start + 1, scores, logits });
    for (const rows of logits) giveBack(rows);
    this.#hooks.report(end + 1);
  }

  async #evaluate(start: number, end: number, rows: 'all' | 'none'): Promise<Float32Array[]> {
    const ids = this.#ids.subarray(start, end);
    const logits: Float32Array[] = [];
    for (const session of this.#sessions) {
      this.#hooks.signal.throwIfAborted();
      logits.push((await session.evaluate({ ids, rows }, this.#hooks.signal)).logits);
    }
    return logits;
  }
}
