/**
 * Backing off where memory is short: pages that this process must wait for because the system took them away (major faults) say so before
 * anything is refused. A budget that Retort chose shrinks then; what a person chose does not.
 */
import { readFileSync } from 'node:fs';

export interface ShrinkingBudget {
  /** Bytes now; null: there is none to shrink. */
  readonly memoryBudget: number | null;
  /** Where the model needs more it is raised to that. */
  setMemoryBudget(bytes: number, isAuto: true): Promise<void>;
}

/** Steps between two looks. */
const window = 8;
/** Faults in a window: fewer are code that was not used yet. Each is a read of up to 128 KiB. */
const manyFaults = 64;
/** What is left of the budget. */
const shrunk = 7 / 8;

/** Of one reply. */
export class MemoryPressure {
  readonly #faults: () => number | null;
  #steps = 0;
  #before: number | null = null;

  /** `faults`: major faults of this process so far; null: the system does not tell. */
  constructor(faults: () => number | null) {
    this.#faults = faults;
  }

  /** Between two evaluations. Whether the budget shrank. */
  async look(budget: ShrinkingBudget): Promise<boolean> {
    this.#steps += 1;
    if (this.#steps % window !== 1) return false;
    const now = this.#faults();
    const before = this.#before;
    this.#before = now;
    if (now === null || before === null || now - before < manyFaults) return false;
    const { memoryBudget } = budget;
    if (memoryBudget === null) return false;
    await budget.setMemoryBudget(Math.floor(memoryBudget * shrunk), true);
    // What it costs to carry out is no sign of anything.
    this.#before = this.#faults();
    return budget.memoryBudget !== memoryBudget;
  }
}

/** Of this process since it began; Linux only. */
export function majorFaults(file = '/proc/self/stat'): number | null {
  try {
    // The name of the program, in brackets, may have blanks and brackets in it.
    const [, fields = ''] = /^.*\) (.*)$/s.exec(readFileSync(file, 'latin1')) ?? [];
    const faults = fields.split(' ')[9];
    return faults !== undefined && /^\d+$/.test(faults) ? Number(faults) : null;
  } catch {
    return null;
  }
}
