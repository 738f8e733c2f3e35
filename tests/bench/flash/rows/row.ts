/** A row of the table of `npm run bench:flash`, and what rows share. */
import type { Outcome } from '../../rows/row.ts';
import type { Plot } from '../plot.ts';

export interface FlashBench {
  readonly repeat: number;
  readonly threads: number;
  /** Bytes of experts, in 10⁹. */
  readonly gigabytes: number;
  /** Whether llama.cpp takes part, which `npm run bench:flash` installs; under a cap alone. */
  readonly hasPeers: boolean;
  /** Why memory cannot be capped here; null where it can. */
  readonly whyNoCaps: string | null;
}

export interface FlashOutcome extends Outcome {
  readonly plots?: readonly Plot[];
}

export interface FlashRow {
  /** Words that a filter may ask for. */
  readonly name: string;
  run(bench: FlashBench): Promise<FlashOutcome>;
}

/** A row that cannot be measured here, as one line that says why. */
export const skipped = (why: string): FlashOutcome => ({
  series: [],
  checks: [],
  notes: [`skipped: ${why}`],
});
