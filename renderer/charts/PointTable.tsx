import { formatNumber } from '../ui/format.ts';
import { chartTable } from './chart-table.ts';
import { endOf, readoutsOf, type ChartView } from './chart-view.ts';
import { LongTable } from './LongTable.tsx';

/** The numbers of a chart as text, newest first. */
export function PointTable({ title, view }: { readonly title: string; readonly view: ChartView }) {
  const table = chartTable(view);
  const [, ...names] = table.columns;
  const readouts = readoutsOf(view);
  const age = (time: number) => formatNumber((time - endOf(view) + view.pointMs) / 1000, 1);
  return (
    <LongTable
      label={`${title}, table`}
      columns={[{ name: 'time, s', isFigure: true }, ...names.map((name) => ({ name, isFigure: true }))]}
      rowCount={table.rows.length}
      row={(index) => {
        const [time, ...values] = table.rows[index] ?? [];
        return [
          age(time ?? 0),
          ...values.map((value, column) => (value === null ? '' : readouts[column]?.write(value))),
        ];
      }}
      isCompact
      className="flex-1"
    />
  );
}
