/** Tables of charts, on screen and as CSV: the same numbers that are drawn. */
import { hasValue, readoutsOf, type ChartView } from './chart-view.ts';

export interface ChartTable {
  /** With their units; the first is the time. */
  readonly columns: readonly string[];
  /** Newest first. */
  readonly rows: readonly (readonly (number | null)[])[];
}

/** Points without a value are left out. Times are milliseconds since 1970. */
export function chartTable(view: ChartView): ChartTable {
  const readouts = readoutsOf(view);
  const points = view.times.flatMap((time, point) => (hasValue(view, point) ? [{ time, point }] : []));
  return {
    columns: ['time', ...readouts.map(({ label, unit }) => `${label} ${unit}`.trimEnd())],
    rows: points.reverse().map(({ time, point }) => [time, ...readouts.map(({ valueAt }) => valueAt(point))]),
  };
}

/** Several charts over the same times, side by side. */
export function joinTables(
  tables: readonly { readonly title: string; readonly table: ChartTable }[],
): ChartTable {
  const times = new Set(tables.flatMap(({ table }) => table.rows.map(([time]) => time ?? 0)));
  const byTime = tables.map(
    ({ table }) => new Map(table.rows.map(([time, ...values]) => [time ?? 0, values])),
  );
  return {
    columns: [
      'time',
      ...tables.flatMap(({ title, table }) => table.columns.slice(1).map((name) => `${title}: ${name}`)),
    ],
    rows: [...times]
      .sort((left, right) => right - left)
      .map((time) => [
        time,
        ...tables.flatMap(
          ({ table }, index) => byTime[index]?.get(time) ?? table.columns.slice(1).map(() => null),
        ),
      ]),
  };
}

/** RFC 4180, oldest first; times as ISO 8601. */
export function csvText({ columns, rows }: ChartTable): string {
  const lines = [...rows]
    .reverse()
    .map(([time, ...values]) => [
      new Date(time ?? 0).toISOString(),
      ...values.map((value) => value?.toString() ?? ''),
    ]);
  return [columns, ...lines].map((cells) => cells.map(csvCell).join(',') + '\r\n').join('');
}

/** Quoted where it must be. A cell that a spreadsheet would take for a formula begins with an apostrophe. */
export function csvCell(text: string): string {
  const safe = /^[=+@\t\r]|^-(?![\d.])/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
