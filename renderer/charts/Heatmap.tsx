import { useEffect, useId, useRef, useState, type KeyboardEvent, type PointerEvent } from 'react';
import {
  cellAt,
  drawHeatmap,
  heatmapArea,
  heatmapHeight,
  type ColumnRange,
  type HeatmapCell,
  type HeatmapCells,
} from './draw-heatmap.ts';
import { pageTheme } from './theme.ts';
import { useDrawing } from './use-drawing.ts';

export interface HeatmapProps {
  readonly title: string;
  readonly cells: HeatmapCells;
  readonly rowName: string;
  readonly columnName: string;
  /** Where rows have names of their own. */
  readonly rowLabels?: readonly string[];
  /** CSS pixels. */
  readonly rowHeight: number;
  readonly marked: HeatmapCell | null;
  readonly onMark: (cell: HeatmapCell | null) => void;
  /** What a cell says, with units. */
  readonly cellText: (cell: HeatmapCell) => string;
  /** Columns chosen by dragging, or with Shift and the arrows; left out: none can be. */
  readonly range?: ColumnRange | null;
  readonly onRange?: (range: ColumnRange | null) => void;
}

/** Many cells as one drawing. A grid of which only the marked cell is in the page, so that keys and screen readers get at every value. */
export function Heatmap(props: HeatmapProps) {
  const {
    title,
    cells,
    rowName,
    columnName,
    rowLabels,
    rowHeight,
    marked,
    onMark,
    cellText,
    range = null,
  } = props;
  const { onRange } = props;
  /** Where a drag, or a choice by keys, began. */
  const anchor = useRef<number | null>(null);
  const id = useId();
  const place = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const listeners = useRef(new Set<() => void>());
  const [onChange] = useState(() => (listener: () => void) => {
    listeners.current.add(listener);
    return () => listeners.current.delete(listener);
  });
  useDrawing(place, canvas, {
    name: title,
    onChange,
    update: () => undefined,
    draw: (context, size) =>
      drawHeatmap(context, size, { cells, rowName, columnName, rowLabels, marked, range }, pageTheme.current),
  });
  useEffect(() => {
    for (const listener of listeners.current) listener();
  }, [cells, rowName, columnName, rowLabels, marked, range]);
  // A mark that keys set stays where the pointer leaves.
  const isPointed = useRef(false);
  const point = (cell: HeatmapCell | null) => {
    if (cell === null && !isPointed.current) return;
    isPointed.current = cell !== null;
    onMark(cell);
  };
  const pointed = ({ clientX, clientY, currentTarget }: PointerEvent<HTMLElement>) => {
    const { left, top, width, height } = currentTarget.getBoundingClientRect();
    const area = heatmapArea({ width, height }, rowLabels);
    return cellAt(area, cells, { x: clientX - left, y: clientY - top });
  };
  const chooseTo = (column: number) => {
    const from = anchor.current ?? column;
    onRange?.({ from: Math.min(from, column), to: Math.max(from, column) + 1 });
  };
  const onPointerMove = (event: PointerEvent<HTMLElement>) => {
    const cell = pointed(event);
    point(cell);
    if (cell && anchor.current !== null && (event.buttons & 1) === 1 && cell.column !== anchor.current)
      chooseTo(cell.column);
  };
  const onPointerDown = (event: PointerEvent<HTMLElement>) => {
    anchor.current = pointed(event)?.column ?? null;
    onRange?.(null);
  };
  const onKeyDown = (event: KeyboardEvent<HTMLElement>) => {
    // With one of these a key is somebody else's, such as Back.
    if (event.altKey || event.ctrlKey || event.metaKey || (event.shiftKey && !onRange)) return;
    const next = event.key === 'Escape' ? null : movedBy(event, marked, cells);
    if (next === undefined || (next === null && marked === null && range === null)) return;
    event.preventDefault(); // Esc stops a reply only where nothing is pointed at
    event.stopPropagation();
    isPointed.current = false;
    onMark(next);
    if (next === null) onRange?.(null);
    if (!event.shiftKey || !next) anchor.current = null;
    else {
      anchor.current ??= marked?.column ?? next.column;
      chooseTo(next.column);
    }
  };
  return (
    <div ref={place} className="relative min-w-0" style={{ height: heatmapHeight(cells.rows, rowHeight) }}>
      <canvas ref={canvas} aria-hidden="true" className="absolute inset-0 size-full" />
      <div
        role="grid"
        tabIndex={0}
        aria-label={title}
        aria-rowcount={cells.rows}
        aria-colcount={cells.columns}
        aria-activedescendant={marked ? id : undefined}
        onPointerDown={onPointerDown}
        onPointerMove={onPointerMove}
        onPointerLeave={() => point(null)}
        onKeyDown={onKeyDown}
        onBlur={() => onMark(null)}
        className="absolute inset-0 focus-visible:shadow-ring"
      >
        <div role="row" aria-rowindex={(marked?.row ?? 0) + 1} className="sr-only">
          <span
            id={id}
            role="gridcell"
            aria-colindex={(marked?.column ?? 0) + 1}
            aria-selected={marked !== null}
          >
            {cellText(marked ?? { row: 0, column: 0 })}
          </span>
        </div>
      </div>
    </div>
  );
}

const moves: Readonly<Record<string, readonly [rows: number, columns: number]>> = {
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  PageUp: [-8, 0],
  PageDown: [8, 0],
  Home: [0, -Infinity],
  End: [0, Infinity],
};

/** The cell that a key goes to; undefined: it is no key of the grid. The first key marks the first cell. */
function movedBy(
  { key }: Pick<KeyboardEvent, 'key'>,
  from: HeatmapCell | null,
  { rows, columns }: HeatmapCells,
): HeatmapCell | undefined {
  const move = moves[key];
  if (!move) return undefined;
  if (!from) return { row: 0, column: 0 };
  const within = (value: number, count: number) => Math.max(0, Math.min(count - 1, value));
  return { row: within(from.row + move[0], rows), column: within(from.column + move[1], columns) };
}
