/** Memory budgets of a streamed model on a slider, from nothing to all of it in memory. Pure. */
import type { Fit } from '../../../electron/contract/machine.ts';

const mebibyte = 1024 ** 2;
const stepCount = 128;

export interface BudgetSlider {
  readonly maximum: number;
  /** Where the least is that the model runs with. */
  readonly minimumStep: number;
  /** Whole MiB; never below the least. */
  readonly toBudget: (step: number) => number;
  /** Between steps, for budgets that no step has. */
  readonly toStep: (budgetBytes: number) => number;
}

type Priced = Pick<Fit, 'kvBytes' | 'scratchBytes'> & {
  readonly streaming: Pick<NonNullable<Fit['streaming']>, 'minimumMemoryBudgetBytes' | 'totalBytes'>;
};

const upToMebibytes = (bytes: number): number => Math.ceil(bytes / mebibyte) * mebibyte;

/** With this much, nothing is read twice. */
export const wholeBudget = ({ kvBytes, scratchBytes, streaming }: Priced): number =>
  upToMebibytes(Math.max(kvBytes + scratchBytes + streaming.totalBytes, streaming.minimumMemoryBudgetBytes));

export function budgetSlider(priced: Priced): BudgetSlider {
  const whole = wholeBudget(priced);
  const least = upToMebibytes(priced.streaming.minimumMemoryBudgetBytes);
  const toStep = (budgetBytes: number) => Math.min(stepCount, (budgetBytes / whole) * stepCount);
  return {
    maximum: stepCount,
    minimumStep: toStep(least),
    toBudget: (step) => Math.min(whole, Math.max(least, upToMebibytes((step / stepCount) * whole))),
    toStep,
  };
}
