/** Rounds of figures: minimum, median and maximum, and ratios taken within each round. */
import { spread } from '../../electron/lab/spread.ts';

/** One figure per round. */
export interface Series {
  readonly label: string;
  readonly unit: string;
  readonly values: readonly number[];
}

export const median = (values: readonly number[]) => spread(values).median;

/** left[i] / right[i]: what changes from round to round on a shared machine falls out. Throws where a round is missing. */
export function ratios(left: readonly number[], right: readonly number[]): number[] {
  if (left.length !== right.length) throw new Error(`${left.length} rounds against ${right.length}`);
  return left.map((value, round) => value / right[round]!);
}

const digits = (value: number) => (Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2);

/** `label minimum / median / maximum unit`, or one number where all rounds gave the same. */
export function formatSeries({ label, unit, values }: Series): string {
  const { min, median: middle, max } = spread(values);
  const places = digits(middle);
  const numbers = min === max ? [middle] : [min, middle, max];
  const text = numbers.map((value) => value.toFixed(places)).join(' / ');
  return `${label} ${text}${unit === '' ? '' : ` ${unit}`}`;
}
