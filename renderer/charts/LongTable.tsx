import type { KeyboardEvent, ReactNode } from 'react';
import { classNames } from '../ui/class-names.ts';
import { Cell, HeadCell, Table } from '../ui/Table.tsx';
import { useRowWindow } from './rows.ts';

export interface Column {
  readonly name: string;
  /** A figure, aligned to the right. */
  readonly isFigure?: boolean;
  /** Takes the width that the others leave; what does not fit is cut off. */
  readonly isWide?: boolean;
  /** A class of least width. */
  readonly width?: string | undefined;
  /** The name is for screen readers alone. */
  readonly hidesName?: boolean;
  readonly sort?: 'ascending' | 'descending' | 'none';
  /** Makes the head a button that sorts by it. */
  readonly onSort?: () => void;
}

export interface RowSelection {
  /** −1: none. */
  readonly index: number;
  readonly onSelect: (index: number) => void;
  /** Enter, or a second click. */
  readonly onOpen: (index: number) => void;
}

const rowHeight = 28;
/** Where there is little room. */
const compactRowHeight = 20;

/** A table of any length: only the rows in sight are in the page. */
export function LongTable({
  label,
  columns,
  rowCount,
  row,
  isCompact = false,
  selection,
  isMarked,
  className,
}: {
  readonly label: string;
  readonly columns: readonly Column[];
  readonly rowCount: number;
  /** The cells of one row, in the order of the columns. */
  readonly row: (index: number) => readonly ReactNode[];
  readonly isCompact?: boolean;
  /** Rows can be chosen, by pointer and by keys. */
  readonly selection?: RowSelection;
  /** Rows that stand out, by their index. */
  readonly isMarked?: (index: number) => boolean;
  readonly className?: string;
}) {
  const height = isCompact ? compactRowHeight : rowHeight;
  const { ref, onScroll, first, end } = useRowWindow(rowCount, height);
  const indexes = Array.from({ length: end - first }, (_, offset) => first + offset);
  return (
    <div
      ref={ref}
      role="group"
      aria-label={label}
      tabIndex={0}
      onScroll={onScroll}
      onKeyDown={selection && ((event) => moveSelection(event, selection, rowCount, height))}
      className={classNames(
        'scrollable relative min-h-0 bg-surface-raised focus-visible:shadow-ring',
        className,
      )}
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
          <Space height={first * height} columns={columns.length} />
          {indexes.map((index) => (
            <tr
              key={index}
              aria-rowindex={index + 2}
              className={classNames(
                'border-b border-line hover:bg-surface-hover aria-selected:bg-surface-selected',
                isMarked?.(index) === true && 'bg-surface-selected',
              )}
              {...(selection && {
                'aria-selected': index === selection.index,
                onClick: () => selection.onSelect(index),
                onDoubleClick: () => selection.onOpen(index),
              })}
            >
              {row(index).map((cell, column) => (
                <Cell
                  key={column}
                  isFigure={columns[column]?.isFigure ?? false}
                  className={classNames(
                    isCompact && 'h-5! text-1',
                    columns[column]?.isWide === true && 'w-full max-w-0 truncate',
                  )}
                >
                  {cell}
                </Cell>
              ))}
            </tr>
          ))}
          <Space height={(rowCount - end) * height} columns={columns.length} />
        </tbody>
      </Table>
    </div>
  );
}

function moveSelection(
  event: KeyboardEvent<HTMLElement>,
  { index, onSelect, onOpen }: RowSelection,
  rowCount: number,
  height: number,
): void {
  // Keys of a button in the head are its own.
  if (event.target !== event.currentTarget || rowCount === 0) return;
  const { currentTarget: table, key } = event;
  const head = table.querySelector('thead')?.clientHeight ?? 0;
  const page = Math.max(1, Math.floor((table.clientHeight - head) / height) - 1);
  const steps: Partial<Record<string, number>> = {
    ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -rowCount, End: rowCount,
  }; // prettier-ignore
  const step = steps[key];
  if (step === undefined && (key !== 'Enter' || index < 0)) return;
  event.preventDefault();
  if (step === undefined) {
    onOpen(index);
    return;
  }
  const next = Math.max(
    0,
    Math.min(rowCount - 1, index < 0 && step > 0 && step < rowCount ? 0 : index + step),
  );
  const top = next * height;
  const room = table.clientHeight - head - height;
  table.scrollTop = Math.min(top, Math.max(table.scrollTop, top - room));
  onSelect(next);
}

function ColumnHead({ column }: { readonly column: Column }) {
  const { name, isFigure = false, isWide = false, width, hidesName = false, sort, onSort } = column;
  const arrow = sort === 'ascending' ? ' ↑' : sort === 'descending' ? ' ↓' : '';
  return (
    <HeadCell isFigure={isFigure} aria-sort={sort} className={isWide ? 'min-w-60' : width}>
      {hidesName ? (
        <span className="sr-only">{name}</span>
      ) : onSort ? (
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
function Space({ height, columns }: { readonly height: number; readonly columns: number }) {
  if (height <= 0) return null;
  return (
    <tr aria-hidden="true">
      <td colSpan={columns} style={{ height }} />
    </tr>
  );
}
