import { Cell, HeadCell, Row, Table } from '../ui/Table.tsx';
import { csvCell } from './chart-table.ts';

/** What a chart shows, as text. The first column names, the others are figures. */
export interface FigureTableData {
  /** With their units. */
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export function FigureTable({ label, data }: { readonly label: string; readonly data: FigureTableData }) {
  return (
    <div
      role="group"
      aria-label={label}
      tabIndex={0}
      className="scrollable min-h-0 focus-visible:shadow-ring"
    >
      <Table aria-label={label}>
        <thead>
          <tr>
            {data.columns.map((name, column) => (
              <HeadCell key={name} isFigure={column > 0}>
                {name}
              </HeadCell>
            ))}
          </tr>
        </thead>
        <tbody>
          {data.rows.map((row, index) => (
            <Row key={index}>
              {row.map((text, column) => (
                <Cell key={column} isFigure={column > 0}>
                  {text}
                </Cell>
              ))}
            </Row>
          ))}
        </tbody>
      </Table>
    </div>
  );
}

/** RFC 4180. */
export function figureCsv({ columns, rows }: FigureTableData): string {
  return [columns, ...rows].map((cells) => `${cells.map(csvCell).join(',')}\r\n`).join('');
}
