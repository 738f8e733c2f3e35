/** Draws a heatmap on a canvas: rows × columns of steps of a scale. Everything is in CSS pixels; the caller has scaled the context. */
import { writeText } from './canvas-text.ts';
import type { Area, Size } from './draw-chart.ts';
import type { Theme } from './theme.ts';
import { axisFor } from './ticks.ts';

export interface HeatmapCells {
  readonly rows: number;
  readonly columns: number;
  /** Rows × columns: which of `roles` each cell has. */
  readonly steps: Uint8Array;
  /** Roles of colours in tokens.css. */
  readonly roles: readonly string[];
}

export interface HeatmapCell {
  readonly row: number;
  readonly column: number;
}

/** Columns [from, to). */
export interface ColumnRange {
  readonly from: number;
  readonly to: number;
}

export interface HeatmapPicture {
  readonly cells: HeatmapCells;
  /** Columns that are outlined together; null: none. */
  readonly range?: ColumnRange | null;
  /** Such as "layer" and "expert". */
  readonly rowName: string;
  readonly columnName: string;
  /** Where rows have names of their own. */
  readonly rowLabels?: readonly string[] | undefined;
  /** Its row and itself are outlined; null: none. */
  readonly marked: HeatmapCell | null;
}

/** Beside the cells: what stands above or below them keeps it too. */
export const leftSpace = 48;
/** Of a letter in a row's name, at the most, and around the name. */
const [letterWidth, besideLabel] = [6.5, 14];
export const rightSpace = 2;
const topSpace = 2;
const footHeight = 18;

/** Where the cells lie. */
export function heatmapArea({ width, height }: Size, rowLabels: readonly string[] = []): Area {
  const longest = Math.max(0, ...rowLabels.map(({ length }) => length));
  const left = Math.max(leftSpace, Math.round(longest * letterWidth + besideLabel));
  return {
    left,
    top: topSpace,
    width: Math.max(1, width - left - rightSpace),
    height: Math.max(1, height - topSpace - footHeight),
  };
}

/** The height in which each row is `rowHeight` high. */
export const heatmapHeight = (rows: number, rowHeight: number): number =>
  topSpace + rows * rowHeight + footHeight;

/** The cell under a place; null: beside them. */
export function cellAt(
  area: Area,
  { rows, columns }: Pick<HeatmapCells, 'rows' | 'columns'>,
  place: { readonly x: number; readonly y: number },
): HeatmapCell | null {
  const row = Math.floor(((place.y - area.top) / area.height) * rows);
  const column = Math.floor(((place.x - area.left) / area.width) * columns);
  return row >= 0 && row < rows && column >= 0 && column < columns ? { row, column } : null;
}

/** The ten steps of the sequential scale. */
export const sequentialRoles: readonly string[] = Array.from({ length: 10 }, (_, step) => `--seq-${step}`);

/** The step of a part of `top`, 0 to 9. */
export function sequentialStep(value: number, top: number): number {
  if (!(value > 0) || !(top > 0)) return 0;
  return Math.min(9, Math.floor((value / top) * 10));
}

export function drawHeatmap(
  context: CanvasRenderingContext2D,
  size: Size,
  picture: HeatmapPicture,
  theme: Theme,
): void {
  const area = heatmapArea(size, picture.rowLabels);
  context.clearRect(0, 0, size.width, size.height);
  context.font = theme.font;
  drawCells(context, area, reduceColumns(picture.cells, Math.floor(area.width)), theme);
  drawRowNames(context, area, picture, theme);
  drawColumnNames(context, area, picture, theme);
  if (picture.range) drawRange(context, area, picture.cells, picture.range, theme);
  if (picture.marked) drawMark(context, area, picture.cells, picture.marked, theme);
}

/** At most `most` columns: of those that share one, the highest step is seen, so that nothing high is lost between pixels. */
export function reduceColumns(cells: HeatmapCells, most: number): HeatmapCells {
  const { rows, columns, steps, roles } = cells;
  if (columns <= most) return cells;
  const reduced = new Uint8Array(rows * most);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const place = row * most + Math.floor((column * most) / columns);
      reduced[place] = Math.max(reduced[place] ?? 0, steps[row * columns + column] ?? 0);
    }
  }
  return { rows, columns: most, steps: reduced, roles };
}

/** Colour by colour, on whole pixels, so that neighbours meet without a seam; a gap where there is room for one. */
function drawCells(
  context: CanvasRenderingContext2D,
  area: Area,
  { rows, columns, steps, roles }: HeatmapCells,
  theme: Theme,
): void {
  const edgeX = edges(area.left, area.width, columns);
  const edgeY = edges(area.top, area.height, rows);
  const gapX = area.width / columns >= 5 ? 1 : 0;
  const gapY = area.height / rows >= 5 ? 1 : 0;
  roles.forEach((role, step) => {
    context.fillStyle = theme.colour(role);
    for (let index = steps.indexOf(step); index >= 0; index = steps.indexOf(step, index + 1)) {
      const row = Math.floor(index / columns);
      const column = index % columns;
      const x = edgeX[column] ?? 0;
      const y = edgeY[row] ?? 0;
      context.fillRect(x, y, (edgeX[column + 1] ?? 0) - x - gapX, (edgeY[row + 1] ?? 0) - y - gapY);
    }
  });
}

/** Where cells begin, and the end of the last. */
function edges(from: number, length: number, count: number): number[] {
  return Array.from({ length: count + 1 }, (_, index) => Math.round(from + (index / count) * length));
}

/** Numbers of rows or columns that are named: the first, round ones between, the last. */
function named(count: number, room: number): number[] {
  const last = count - 1;
  const { ticks } = axisFor(last, Math.max(1, room));
  const step = ticks[0] ?? last;
  return [
    0,
    ...ticks.filter((tick) => Number.isInteger(tick) && tick < last - step / 2),
    ...(last > 0 ? [last] : []),
  ];
}

function drawRowNames(
  context: CanvasRenderingContext2D,
  area: Area,
  { cells: { rows }, rowName, rowLabels }: HeatmapPicture,
  theme: Theme,
): void {
  if (rowLabels) return drawRowLabels(context, area, rowLabels, theme);
  context.textAlign = 'right';
  context.textBaseline = 'middle';
  context.fillStyle = theme.colour('--axis');
  const high = area.height / rows;
  for (const row of named(rows, area.height / 40)) {
    const y = Math.min(area.top + area.height - 5, Math.max(area.top + 5, area.top + (row + 0.5) * high));
    context.fillText(row === 0 ? `${rowName} 0` : String(row), area.left - 6, y);
  }
}

function drawRowLabels(
  context: CanvasRenderingContext2D,
  area: Area,
  labels: readonly string[],
  theme: Theme,
): void {
  context.fillStyle = theme.colour('--axis');
  labels.forEach((label, row) => {
    const y = area.top + ((row + 0.5) * area.height) / labels.length;
    writeText(context, label, {
      x: area.left - 6,
      y,
      align: 'right',
      baseline: 'middle',
      width: area.left - 8,
    });
  });
}

function drawColumnNames(
  context: CanvasRenderingContext2D,
  area: Area,
  { cells: { columns }, columnName }: HeatmapPicture,
  theme: Theme,
): void {
  context.textBaseline = 'alphabetic';
  context.fillStyle = theme.colour('--axis');
  const wide = area.width / columns;
  const y = area.top + area.height + footHeight - 4;
  for (const column of named(columns, area.width / 90)) {
    const isLast = column === columns - 1 && column > 0;
    context.textAlign = column === 0 ? 'left' : isLast ? 'right' : 'center';
    const x = column === 0 ? area.left : isLast ? area.left + area.width : area.left + (column + 0.5) * wide;
    context.fillText(column === 0 ? `${columnName} 0` : String(column), x, y);
  }
}

function drawMark(
  context: CanvasRenderingContext2D,
  area: Area,
  { rows, columns }: HeatmapCells,
  { row, column }: HeatmapCell,
  theme: Theme,
): void {
  const wide = area.width / columns;
  const high = area.height / rows;
  const y = Math.round(area.top + row * high);
  context.strokeStyle = theme.colour('--text');
  context.lineWidth = 1;
  context.strokeRect(area.left - 0.5, y - 0.5, area.width, Math.round(high));
  context.lineWidth = 2;
  context.strokeRect(
    Math.round(area.left + column * wide) - 1,
    y - 1,
    Math.max(4, Math.round(wide)) + 1,
    Math.round(high) + 1,
  );
}

function drawRange(
  context: CanvasRenderingContext2D,
  area: Area,
  { columns }: HeatmapCells,
  { from, to }: ColumnRange,
  theme: Theme,
): void {
  const [left, right] = [from, to].map((column) => Math.round(area.left + (column / columns) * area.width));
  context.strokeStyle = theme.colour('--text');
  context.lineWidth = 2;
  context.strokeRect((left ?? 0) - 1, area.top + 1, (right ?? 0) - (left ?? 0) + 2, area.height - 2);
}
