/** What is kept of a window of ids that a reference and models beside it have read: one number for each position. */
import type { ModelScores, WindowScores } from '../contract/compare-figures.ts';
import type { Engine } from '../engine/engine.ts';
import { readTogether, type LockStepHooks } from './lock-step.ts';

/** Ids from `firstCounted` of the window on count. Throws as readTogether. */
export async function scoreWindow(
  engines: readonly Engine[],
  ids: Int32Array,
  firstCounted: number,
  hooks: Pick<LockStepHooks, 'signal' | 'report'>,
): Promise<WindowScores> {
  const window = engines.map((): ModelScores => ({
    negativeLogProbability: [],
    divergence: [],
    agreement: [],
  }));
  await readTogether(engines, ids, firstCounted, {
    ...hooks,
    scored({ scores }) {
      const likeliest = scores[0]!.argmax;
      scores.forEach(({ negativeLogProbability, divergence, argmax }, model) => {
        const kept = window[model]!;
        kept.negativeLogProbability.push(...negativeLogProbability);
        if (!divergence) return;
        kept.divergence.push(...divergence);
        argmax.forEach((id, row) => kept.agreement.push(Number(id === likeliest[row])));
      });
    },
  });
  return window;
}
