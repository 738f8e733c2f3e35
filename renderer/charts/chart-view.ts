/**
 * A live chart as data: what its drawing, its table, its CSV file and its words for a screen reader are all made from.
 * Layers and lines are in one unit; shares and counts say theirs.
 */
import { formatNumber } from '../ui/format.ts';
import type { Axis } from './ticks.ts';

/** One value for each point; null: nothing was measured then. */
export interface Series {
  readonly label: string;
  /** The role of its colour in tokens.css. */
  readonly role: string;
  readonly values: readonly (number | null)[];
}

export interface Figure {
  readonly value: string;
  readonly unit: string;
}

export interface LegendEntry {
  readonly label: string;
  readonly role: string;
  /** none: it is told, and nothing of it is drawn. */
  readonly mark: 'area' | 'hatched' | 'line' | 'none';
  /** With its unit. */
  readonly total: string;
}

export interface ChartView {
  readonly unit: string;
  /** Where points begin, milliseconds since 1970, ascending in steps of `pointMs`. */
  readonly times: readonly number[];
  readonly pointMs: number;
  /** Stacked on each other from the axis upward. */
  readonly layers: readonly Series[];
  readonly lines: readonly Series[];
  /** Parts of a whole, 0 to 1, as lines with a scale of their own: the whole is the top of the chart. */
  readonly shares?: readonly Series[];
  /** Not drawn: told in readouts and tables. */
  readonly counts?: readonly Omit<Series, 'role'>[];
  readonly axis: Axis;
  /** A level that is marked, such as a limit. */
  readonly limits: readonly { readonly label: string; readonly value: number }[];
  readonly headline: readonly Figure[];
  readonly legend: readonly LegendEntry[];
  /** Beside the title: what needs no legend. */
  readonly remark: string;
  /** A value as people read it, without its unit. */
  readonly write: (value: number) => string;
  readonly writeTick: (value: number) => string;
  /** What there is to see where no point has a value. */
  readonly emptyText: string;
}

/** One column of a chart's table. */
export interface Readout {
  readonly label: string;
  /** '': a count. */
  readonly unit: string;
  readonly valueAt: (point: number) => number | null;
  /** Without the unit. */
  readonly write: (value: number) => string;
}

/** Everything that is told of a point, in the order of tables. */
export function readoutsOf({ layers, lines, shares, counts, unit, write }: ChartView): readonly Readout[] {
  const readout = (
    { label, values }: Omit<Series, 'role'>,
    unit: string,
    write: Readout['write'],
  ): Readout => ({
    label,
    unit,
    valueAt: (point) => values[point] ?? null,
    write,
  });
  return [
    ...[...layers, ...lines].map((series) => readout(series, unit, write)),
    ...(shares ?? []).map((series) => {
      const { valueAt, ...rest } = readout(series, '%', (value) => formatNumber(value));
      return { ...rest, valueAt: (point: number) => percentOf(valueAt(point)) };
    }),
    ...(counts ?? []).map((series) => readout(series, '', (value) => formatNumber(value))),
  ];
}

const percentOf = (share: number | null): number | null => (share === null ? null : share * 100);

export function hasValue(view: ChartView, point: number): boolean {
  return readoutsOf(view).some(({ valueAt }) => valueAt(point) !== null);
}

export const isEmpty = (view: ChartView): boolean => !view.times.some((_, point) => hasValue(view, point));

/** The end of the last point: the right edge. */
export const endOf = ({ times, pointMs }: ChartView): number => (times.at(-1) ?? 0) + pointMs;

/** The point that holds the time; null: outside. */
export function pointAtTime({ times, pointMs }: ChartView, timeMs: number): number | null {
  const point = Math.floor((timeMs - (times[0] ?? 0)) / pointMs);
  return point >= 0 && point < times.length ? point : null;
}

/** Seconds before the right edge, as axes write them. */
export function ageOf(view: ChartView, point: number): string {
  const seconds = (endOf(view) - (view.times[point] ?? 0) - view.pointMs) / 1000;
  return seconds < 0.05 ? 'now' : `${seconds.toFixed(1)} s ago`;
}

/** One point in words. */
export function pointText(view: ChartView, point: number): string {
  const values = readoutsOf(view).flatMap(({ label, unit, valueAt, write }) => {
    const value = valueAt(point);
    return value === null ? [] : [`${label} ${write(value)} ${unit}`.trimEnd()];
  });
  return `${ageOf(view, point)}: ${values.length === 0 ? 'nothing' : values.join(', ')}`;
}

/** The chart in one sentence. */
export function headlineText(view: ChartView): string {
  if (isEmpty(view)) return view.emptyText;
  return view.headline.map(({ value, unit }) => `${value} ${unit}`).join(', ');
}
