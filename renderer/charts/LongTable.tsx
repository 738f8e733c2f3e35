import type { ReactNode } from 'react';
import { classNames } from '../ui/class-names.ts';
import { Cell, HeadCell, Table } from '../ui/Table.tsx';
import { useRowWindow } from './rows.ts';

export interface Column {
  readonly name: string;
  /** A figure, aligned to the right. */
  readonly isFigure?: boolean;
  readonly sort?: 'ascending' | 'descending' | 'none';
  /** Makes the head a button that sorts by it. */
  readonly onSort?: () => void;
}

const rowHeight = 28;

/** A table of any length: only the rows in sight are in the page. */
export function LongTable({
  label,
  columns,
  rowCount,
  row,
  className,
}: {
  readonly label: string;
  readonly columns: readonly Column[];
  readonly rowCount: number;
  /** The cells of one row, in the order of the columns. */
  readonly row: (index: number) => readonly ReactNode[];
  readonly className?: string;
}) {
  const { ref, onScroll, first, end } = useRowWindow(rowCount, rowHeight);
  const indexes = Array.from({ length: end - first }, (_, offset) => first + offset);
  return (
    <div
      ref={ref}
      role="group"
      aria-label={label}
      tabIndex={0}
      onScroll={onScroll}
      className={classNames('scrollable relative min-h-0 focus-visible:shadow-ring', className)}
    >
      <Table aria-label={label} aria-rowcount={rowCount + 1}>
        <thead className="sticky top-0 z-10 bg-surface-raised">
          <tr aria-rowindex={1}>
            {columns.map((column) => (
              <ColumnHead key={column.name} column={column} />
            ))}
          </tr>
        </thead>
        <tbody>
          <Space rows={first} columns={columns.length} />
          {indexes.map((index) => (
            <tr key={index} aria-rowindex={index + 2} className="border-b border-line hover:bg-surface-hover">
              {row(index).map((cell, column) => (
                <Cell key={column} isFigure={columns[column]?.isFigure ?? false}>
                  {cell}
                </Cell>
              ))}
            </tr>
          ))}
          <Space rows={rowCount - end} columns={columns.length} />
        </tbody>
      </Table>
    </div>
  );
}

function ColumnHead({ column }: { readonly column: Column }) {
  const { name, isFigure = false, sort, onSort } = column;
  const arrow = sort === 'ascending' ? ' ↑' : sort === 'descending' ? ' ↓' : '';
  return (
    <HeadCell isFigure={isFigure} aria-sort={sort}>
      {onSort ? (
        <button type="button" onClick={onSort} className="cursor-default hover:text-text">
          {name}
          <span aria-hidden="true">{arrow}</span>
        </button>
      ) : (
        name
      )}
    </HeadCell>
  );
}

/** Stands for rows out of sight. */
function Space({ rows, columns }: { readonly rows: number; readonly columns: number }) {
  if (rows <= 0) return null;
  return (
    <tr aria-hidden="true">
      <td colSpan={columns} style={{ height: rows * rowHeight }} />
    </tr>
  );
}
