/** Perplexity, and with a reference the Kullback–Leibler divergence from it: windows of N ids without overlap, each alone from position 0. */
import type { ModelScores } from '../contract/compare-figures.ts';
import { LabError } from '../contract/errors.ts';
import type { Engine } from '../engine/engine.ts';
import type { PerplexityResult } from '../contract/lab-results.ts';
import type { z } from 'zod';
import type { LabHooks } from './bench.ts';
import { checkLockStep } from './lock-step.ts';
import { distribution, mean } from './spread.ts';
import { scoreWindow } from './window-scores.ts';

export interface PerplexityRequest {
  readonly ids: readonly number[];
  /** Ids of a window. What is left over at the end is not used. */
  readonly context: number;
  /** Count only the ids from the middle of each window on, as llama.cpp does; else all but the first. */
  readonly secondHalf: boolean;
}

/**
 * Natural logarithms throughout. Throws `bad-request` where the ids do not fill one window or the vocabularies differ, `context-full`
 * where a window does not fit a model, `cancelled`, `invalid-numbers`, and what the engines throw.
 */
export async function perplexity(
  model: Engine,
  reference: Engine | null,
  { ids, context, secondHalf }: PerplexityRequest,
  hooks: LabHooks,
): Promise<z.infer<typeof PerplexityResult>> {
  const engines = reference ? [reference, model] : [model];
  checkLockStep(engines, context, ['The reference', 'the model']);
  const windows = windowsOf(ids, context);
  const firstCounted = secondHalf ? Math.floor(context / 2) : 1;
  const scores: ModelScores[] = [];
  for (const [index, window] of windows.entries()) {
    const report = (tokens: number) =>
      hooks.onProgress({
        phase: 'perplexity',
        done: index * context + tokens,
        total: windows.length * context,
      });
    scores.push((await scoreWindow(engines, window, firstCounted, { signal: hooks.signal, report })).at(-1)!);
  }
  return resultOf(scores, reference !== null);
}

/** Throws bad-request where the ids do not fill one. */
export function windowsOf(ids: readonly number[], context: number): Int32Array[] {
  if (ids.length < context) {
    throw new LabError('bad-request', `${ids.length} ids do not fill one window of ${context}.`);
  }
  const windows = Math.floor(ids.length / context);
  return Array.from({ length: windows }, (_, window) =>
    Int32Array.from(ids.slice(window * context, (window + 1) * context)),
  );
}

function resultOf(windows: readonly ModelScores[], hasReference: boolean): z.infer<typeof PerplexityResult> {
  const losses = windows.flatMap(({ negativeLogProbability }) => negativeLogProbability);
  const base = { perplexity: Math.exp(mean(losses)), tokens: losses.length };
  if (!hasReference) return base;
  const kl = distribution(windows.flatMap(({ divergence }) => divergence));
  return { ...base, kl, topOneAgreement: mean(windows.flatMap(({ agreement }) => agreement)) };
}
