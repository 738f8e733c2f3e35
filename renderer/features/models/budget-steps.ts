/** Memory budgets of a streamed model on a slider, from the least to what is free, at most to all of it in memory. Pure. */
import type { Fit } from '../../../electron/contract/machine.ts';

const mebibyte = 1024 ** 2;
const mostSteps = 128;

export interface BudgetSlider {
  readonly maximum: number;
  /** Step 0 is the least, the last one the most; those between are round numbers. */
  readonly toBudget: (step: number) => number;
  /** Between steps, for budgets that no step has. */
  readonly toStep: (budgetBytes: number) => number;
}

type Priced = Pick<Fit, 'kvBytes' | 'scratchBytes' | 'freeBytes'> & {
  readonly streaming: Pick<NonNullable<Fit['streaming']>, 'minimumMemoryBudgetBytes' | 'totalBytes'>;
};

const upToMebibytes = (bytes: number): number => Math.ceil(bytes / mebibyte) * mebibyte;

/** With this much, nothing is read twice. */
export const wholeBudget = ({ kvBytes, scratchBytes, streaming }: Omit<Priced, 'freeBytes'>): number =>
  upToMebibytes(Math.max(kvBytes + scratchBytes + streaming.totalBytes, streaming.minimumMemoryBudgetBytes));

/** Whole MiB, a power of two of them. */
function grainOf(bytes: number): number {
  return mebibyte * 2 ** Math.max(0, Math.ceil(Math.log2(bytes / mostSteps / mebibyte)));
}

export function budgetSlider(priced: Priced): BudgetSlider {
  const least = upToMebibytes(priced.streaming.minimumMemoryBudgetBytes);
  const free = Math.floor(priced.freeBytes / mebibyte) * mebibyte;
  const most = Math.max(least, Math.min(free, wholeBudget(priced)));
  const grain = grainOf(most - least);
  const first = Math.floor(least / grain);
  const maximum = Math.max(1, Math.ceil(most / grain) - first);
  return {
    maximum,
    toBudget: (step) =>
      step >= maximum ? most : Math.min(most, Math.max(least, (first + Math.round(step)) * grain)),
    toStep: (budgetBytes) => {
      if (budgetBytes >= most) return most > least ? maximum : 0;
      return Math.min(maximum, Math.max(0, budgetBytes / grain - first));
    },
  };
}
