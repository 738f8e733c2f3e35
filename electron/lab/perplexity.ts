/**
 * Perplexity, and with a reference the Kullback–Leibler divergence from it: windows of N ids without overlap, each alone from
 * position 0, the model and the reference in lock-step over a few rows at a time. Sums and one number per position are kept, never
 * rows of logits.
 */
import { LabError } from '../contract/errors.ts';
import type { Engine, Session } from '../engine/engine.ts';
import { divergenceRows, scoreRows } from '../engine/native/sampler.ts';
import type { PerplexityResult } from '../contract/engine-contract.ts';
import type { z } from 'zod';
import type { LabHooks } from './bench.ts';
import { quantile } from './spread.ts';

export interface PerplexityRequest {
  readonly ids: readonly number[];
  /** Ids of a window. What is left over at the end is not used. */
  readonly context: number;
  /** Count only the ids from the middle of each window on, as llama.cpp does; else all but the first. */
  readonly secondHalf: boolean;
}

/** Logits of one chunk, per model. */
const chunkBytes = 48 * 1_048_576;
const longestChunk = 256;

/**
 * Natural logarithms throughout. Throws `bad-request` where the ids do not fill one window or the vocabularies differ, `context-full`
 * where a window does not fit a model, `cancelled`, `invalid-numbers`, and what the engines throw.
 */
export async function perplexity(
  model: Engine,
  reference: Engine | null,
  request: PerplexityRequest,
  hooks: LabHooks,
): Promise<z.infer<typeof PerplexityResult>> {
  check(model, reference, request);
  const sums = new Sums(request, reference !== null);
  const windows = Math.floor(request.ids.length / request.context);
  for (let window = 0; window < windows; window++) {
    const start = window * request.context;
    const ids = Int32Array.from(request.ids.slice(start, start + request.context));
    const report = (tokens: number) =>
      hooks.onProgress({ phase: 'perplexity', done: start + tokens, total: windows * request.context });
    await measureWindow(model, reference, ids, sums, { signal: hooks.signal, report });
  }
  return sums.result();
}

function check(model: Engine, reference: Engine | null, { ids, context }: PerplexityRequest): void {
  if (ids.length < context) {
    throw new LabError('bad-request', `${ids.length} ids do not fill one window of ${context}.`);
  }
  for (const { info } of reference ? [model, reference] : [model]) {
    if (context > info.contextLength) {
      const message = `A window of ${context} does not fit: the model holds ${info.contextLength}.`;
      throw new LabError('context-full', message);
    }
  }
  const [own, other] = [model.info.vocabularySize, reference?.info.vocabularySize];
  if (other !== undefined && other !== own) {
    const message = `The models have different vocabularies (${own} and ${other} ids): their rows cannot be compared.`;
    throw new LabError('bad-request', message);
  }
}

interface WindowHooks {
  readonly signal: AbortSignal;
  report(tokens: number): void;
}

async function measureWindow(
  model: Engine,
  reference: Engine | null,
  ids: Int32Array,
  sums: Sums,
  hooks: WindowHooks,
): Promise<void> {
  const vocabularySize = model.info.vocabularySize;
  const rows = Math.max(1, Math.min(longestChunk, Math.floor(chunkBytes / (4 * vocabularySize))));
  const sessions: Session[] = [];
  try {
    for (const engine of reference ? [model, reference] : [model]) {
      sessions.push(await engine.createSession({ context: ids.length }));
    }
    for (let start = 0; start < ids.length; start += rows) {
      hooks.signal.throwIfAborted();
      const chunk = ids.subarray(start, start + rows);
      const logits: Float32Array[] = [];
      for (const session of sessions) {
        logits.push((await session.evaluate({ ids: chunk, rows: 'all' }, hooks.signal)).logits);
      }
      // Row i predicts id i + 1: the window's last row predicts nothing.
      const targets = ids.subarray(start + 1, start + 1 + chunk.length);
      sums.add(start + 1, targets, logits, vocabularySize);
      hooks.report(start + chunk.length);
    }
  } finally {
    for (const session of sessions) session.close();
  }
}

/** What is kept of all rows. */
class Sums {
  readonly #firstCounted: number;
  readonly #divergences: number[] | null;
  #negativeLogProbability = 0;
  #tokens = 0;
  #agreeing = 0;

  constructor({ context, secondHalf }: PerplexityRequest, withReference: boolean) {
    this.#firstCounted = secondHalf ? Math.floor(context / 2) : 1;
    this.#divergences = withReference ? [] : null;
  }

  /** `position`: of the first target in its window; row i of each model's logits predicts target i. */
  add(position: number, targets: Int32Array, models: readonly Float32Array[], vocabularySize: number): void {
    const skipped = Math.max(0, this.#firstCounted - position);
    const counted = targets.subarray(skipped);
    if (counted.length === 0) return;
    const rows = (logits: Float32Array) =>
      logits.subarray(skipped * vocabularySize, targets.length * vocabularySize);
    const [model, reference] = models.map(rows);
    if (!model) return;
    const scores = scoreRows(model, vocabularySize, counted);
    this.#tokens += counted.length;
    for (const value of scores.negativeLogProbability) this.#negativeLogProbability += value;
    if (!reference) return;
    const { argmax } = scoreRows(reference, vocabularySize, counted);
    argmax.forEach((id, i) => (this.#agreeing += id === scores.argmax[i] ? 1 : 0));
    for (const value of divergenceRows(reference, model, vocabularySize)) this.#divergences?.push(value);
  }

  result(): z.infer<typeof PerplexityResult> {
    const perplexity = Math.exp(this.#negativeLogProbability / this.#tokens);
    const base = { perplexity, tokens: this.#tokens };
    if (!this.#divergences) return base;
    const sorted = Float64Array.from(this.#divergences).sort();
    const mean = sorted.reduce((sum, value) => sum + value, 0) / sorted.length;
    const kl = { mean, median: quantile(sorted, 0.5), p99: quantile(sorted, 0.99), max: sorted.at(-1) ?? 0 };
    return { ...base, kl, topOneAgreement: this.#agreeing / this.#tokens };
  }
}
