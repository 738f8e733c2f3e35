import { Button } from '../ui/Button.tsx';
import { formatNumber } from '../ui/format.ts';
import { chartTable, csvText } from './chart-table.ts';
import { endOf, type ChartView } from './chart-view.ts';
import { LongTable } from './LongTable.tsx';

/** The same numbers as text, newest first, and as a CSV file. */
export function PointTable({
  title,
  view,
  onSave,
}: {
  readonly title: string;
  readonly view: ChartView;
  readonly onSave: (title: string, csv: string) => void;
}) {
  const table = chartTable(view);
  const [, ...names] = table.columns;
  const age = (time: number) => formatNumber((time - endOf(view) + view.pointMs) / 1000, 1);
  return (
    <>
      <LongTable
        label={`${title}, table`}
        columns={[{ name: 'time, s', isFigure: true }, ...names.map((name) => ({ name, isFigure: true }))]}
        rowCount={table.rows.length}
        row={(index) => {
          const [time, ...values] = table.rows[index] ?? [];
          return [age(time ?? 0), ...values.map((value) => (value === null ? '' : view.write(value)))];
        }}
        className="flex-1"
      />
      <Button
        size="small"
        variant="quiet"
        className="mt-1 self-end"
        onClick={() => onSave(title, csvText(chartTable(view)))}
      >
        Save {title} as CSV
      </Button>
    </>
  );
}
