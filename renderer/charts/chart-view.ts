/**
 * A live chart as data: what its drawing, its table, its CSV file and its words for a screen reader are all made from.
 * All values of one chart are in one unit.
 */
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
  readonly mark: 'area' | 'hatched' | 'line';
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

export const seriesOf = ({ layers, lines }: ChartView): readonly Series[] => [...layers, ...lines];

export function hasValue(view: ChartView, point: number): boolean {
  return seriesOf(view).some(({ values }) => typeof values[point] === 'number');
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
  const values = seriesOf(view).flatMap(({ label, values }) => {
    const value = values[point];
    return typeof value === 'number' ? [`${label} ${view.write(value)} ${view.unit}`] : [];
  });
  return `${ageOf(view, point)}: ${values.length === 0 ? 'nothing' : values.join(', ')}`;
}

/** The chart in one sentence. */
export function headlineText(view: ChartView): string {
  if (isEmpty(view)) return view.emptyText;
  return view.headline.map(({ value, unit }) => `${value} ${unit}`).join(', ');
}
