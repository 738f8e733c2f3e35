/** Draws the timeline on a canvas, in CSS pixels: time by cause, under it strips of KV bytes and of misses. */
import { causes } from '../../charts/causes.ts';
import { drawHalo, type Size } from '../../charts/draw-chart.ts';
import type { Theme } from '../../charts/theme.ts';
import { axisFor, type Axis } from '../../charts/ticks.ts';
import { formatBytes, formatNumber } from '../../ui/format.ts';
import { columnAt, layoutColumns, timeAxis, type Column, type Columns } from './columns.ts';
import type { TimelineSummary } from './summary.ts';
import type { TimelineData } from './timeline-data.ts';

export const leftSpace = 40;
export const rightSpace = 52;
const topSpace = 6;
const stripHeight = 16;
const footHeight = 18;

export interface Strips {
  readonly hasKv: boolean;
  readonly hasMisses: boolean;
}

/** From above: the plot, the strips that there are, token numbers. */
export interface TimelineLayout {
  readonly columns: Columns;
  readonly width: number;
  readonly plotTop: number;
  readonly plotHeight: number;
  readonly kvTop: number;
  readonly missTop: number;
  readonly base: number;
}

export function timelineHeight(plotHeight: number, { hasKv, hasMisses }: Strips): number {
  return (
    topSpace + plotHeight + (hasKv ? 12 + stripHeight : 0) + (hasMisses ? 8 + stripHeight : 0) + footHeight
  );
}

export function layoutTimeline(tokenCount: number, size: Size, strips: Strips): TimelineLayout {
  const width = Math.max(1, size.width - leftSpace - rightSpace);
  const plotHeight = size.height - timelineHeight(0, strips);
  const kvTop = topSpace + plotHeight + 12;
  const missTop = (strips.hasKv ? kvTop + stripHeight : topSpace + plotHeight) + 8;
  return {
    columns: layoutColumns(tokenCount, width),
    width,
    plotTop: topSpace,
    plotHeight,
    kvTop,
    missTop,
    base: size.height - footHeight,
  };
}

interface Plot {
  readonly context: CanvasRenderingContext2D;
  readonly theme: Theme;
  readonly layout: TimelineLayout;
  readonly all: readonly Column[];
  readonly axis: Axis;
  /** Where milliseconds lie. */
  readonly y: (ms: number) => number;
}

export interface TimelinePicture {
  readonly data: TimelineData;
  readonly summary: TimelineSummary;
  readonly strips: Strips;
}

export function drawTimeline(
  context: CanvasRenderingContext2D,
  size: Size,
  { data, summary, strips }: TimelinePicture,
  theme: Theme,
): void {
  const layout = layoutTimeline(data.count, size, strips);
  const axis = timeAxis(data.slowest < 0 ? 0 : data.totalMs(data.slowest), summary.p95);
  const { plotTop, plotHeight } = layout;
  const plot: Plot = {
    context,
    theme,
    layout,
    all: Array.from({ length: layout.columns.count }, (_, index) => columnAt(data, layout.columns, index)),
    axis,
    y: (ms) => plotTop + plotHeight * (1 - Math.min(1, ms / axis.top)),
  };
  context.clearRect(0, 0, size.width, size.height);
  context.font = theme.font;
  context.textBaseline = 'middle';
  drawTicks(plot);
  drawColumns(plot);
  if (layout.columns.tokensPerColumn > 1) drawSlowest(plot);
  drawCut(plot);
  drawQuantiles(plot, summary);
  drawBaseline(plot);
  if (strips.hasKv) drawKv(plot);
  if (strips.hasMisses) drawMisses(plot);
  drawNumbers(plot, data.count);
}

function drawTicks({ context, theme, layout, axis, y }: Plot): void {
  context.textAlign = 'right';
  for (const tick of axis.ticks) {
    const level = Math.round(y(tick));
    context.fillStyle = theme.colour('--grid');
    context.fillRect(leftSpace, level, layout.width, 1);
    context.fillStyle = theme.colour('--axis');
    context.fillText(formatNumber(tick, tick < 1 ? 2 : tick % 1 === 0 ? 0 : 1), leftSpace - 6, level + 0.5);
  }
}

/** The left edge of a column and its width, with a gap where there is room for one. */
function place({ pitch }: Columns, index: number): { x: number; wide: number } {
  return { x: leftSpace + index * pitch, wide: Math.max(1, pitch - (pitch > 3 ? 1 : 0)) };
}

function drawColumns({ context, theme, layout, all, y }: Plot): void {
  causes.forEach(({ role }, cause) => {
    context.fillStyle = theme.colour(role);
    all.forEach(({ byCause }, index) => {
      const part = byCause[cause] ?? 0;
      if (part <= 0) return;
      const floor = byCause.slice(0, cause).reduce((sum, value) => sum + value, 0);
      const { x, wide } = place(layout.columns, index);
      const top = y(floor + part);
      context.fillRect(x, top, wide, y(floor) - top);
    });
  });
}

/** Where a column stands for several tokens, a mark shows how long the slowest of them took. */
function drawSlowest({ context, theme, layout, all, y }: Plot): void {
  context.fillStyle = theme.colour('--text-muted');
  all.forEach(({ slowestMs }, index) => {
    if (slowestMs <= 0) return;
    const { x, wide } = place(layout.columns, index);
    context.fillRect(x, Math.round(y(slowestMs)), wide, 1);
  });
}

/** Columns above the axis end in a notch, and the slowest says its time. */
function drawCut({ context, theme, layout, all, axis }: Plot): void {
  all.forEach(({ slowestMs }, index) => {
    if (slowestMs <= axis.top) return;
    const { x, wide } = place(layout.columns, index);
    context.fillStyle = theme.colour('--surface-raised');
    context.fillRect(x, layout.plotTop + 5, wide, 2);
    context.fillStyle = theme.colour('--text');
    context.fillRect(x, layout.plotTop, wide, 2);
  });
}

function drawQuantiles({ context, theme, layout, y }: Plot, { p50, p95 }: TimelineSummary): void {
  if (Number.isNaN(p50)) return;
  context.fillStyle = theme.colour('--text');
  context.font = theme.strongFont;
  context.textAlign = 'left';
  const near = Math.max(0, 14 - (y(p50) - y(p95))) / 2;
  const right = leftSpace + layout.width;
  context.fillRect(leftSpace, Math.round(y(p50)), layout.width, 1);
  for (let x = leftSpace; x < right; x += 6)
    context.fillRect(x, Math.round(y(p95)), Math.min(3, right - x), 1);
  for (const [name, ms, shift] of [['p50', p50, near], ['p95', p95, -near]] as const) {
    context.fillText(`${name} ${formatNumber(ms, ms < 10 ? 1 : 0)}`, right + 4, y(ms) + shift);
  } // prettier-ignore
  context.font = theme.font;
}

function drawBaseline({ context, theme, layout }: Plot): void {
  const level = layout.plotTop + layout.plotHeight;
  context.fillStyle = theme.colour('--line-strong');
  context.fillRect(leftSpace, level, layout.width, 1);
  context.fillStyle = theme.colour('--axis');
  context.textAlign = 'right';
  context.fillText('0 ms', leftSpace - 6, level - 1);
}

/** Between what the reply began and ended with: the steps are blocks of positions. */
function drawKv({ context, theme, layout, all }: Plot): void {
  const known = all.flatMap(({ kvBytes }) => (kvBytes === null ? [] : [kvBytes]));
  const low = Math.min(...known);
  const high = Math.max(...known);
  const height = (bytes: number) =>
    high > low ? 4 + ((bytes - low) / (high - low)) * (stripHeight - 4) : stripHeight / 2;
  context.fillStyle = theme.colour('--mem-kv');
  context.beginPath();
  const floor = layout.kvTop + stripHeight;
  context.moveTo(leftSpace, floor);
  let end = leftSpace;
  all.forEach(({ kvBytes }, index) => {
    const level = floor - (kvBytes === null ? 0 : height(kvBytes));
    context.lineTo(leftSpace + index * layout.columns.pitch, level);
    end = leftSpace + (index + 1) * layout.columns.pitch;
    context.lineTo(end, level);
  });
  context.lineTo(end, floor);
  context.fill();
  stripLabels({ context, theme, layout }, layout.kvTop, ['KV', formatBytes(high)]);
}

function drawMisses({ context, theme, layout, all }: Plot): void {
  context.fillStyle = theme.colour('--cause-flash');
  const floor = layout.missTop + stripHeight;
  all.forEach(({ missShare }, index) => {
    const { x, wide } = place(layout.columns, index);
    const height = (missShare ?? 0) * stripHeight;
    context.fillRect(x, floor - height, wide, height);
  });
  context.fillStyle = theme.colour('--grid');
  context.fillRect(leftSpace, floor, layout.width, 1);
  stripLabels({ context, theme, layout }, layout.missTop, ['misses', 'of 100 %']);
}

function stripLabels(
  { context, theme, layout }: Pick<Plot, 'context' | 'theme' | 'layout'>,
  top: number,
  [left, right]: readonly [string, string],
): void {
  context.fillStyle = theme.colour('--axis');
  context.textAlign = 'right';
  context.fillText(left, leftSpace - 6, top + stripHeight / 2);
  context.textAlign = 'left';
  context.fillText(right, leftSpace + layout.width + 4, top + stripHeight / 2);
}

function drawNumbers({ context, theme, layout }: Plot, tokenCount: number): void {
  const { pitch, tokensPerColumn, count } = layout.columns;
  // A number about every 70 pixels.
  const { ticks } = axisFor(tokenCount, Math.max(1, (count * pitch) / 70));
  for (const tick of [0, ...ticks.filter((value) => value < tokenCount && Number.isInteger(value))]) {
    const x = leftSpace + (tick / tokensPerColumn) * pitch;
    context.fillStyle = theme.colour('--line-strong');
    context.fillRect(Math.round(x), layout.base, 1, 4);
    context.textAlign = tick === 0 ? 'left' : 'center';
    context.fillStyle = theme.colour('--axis');
    const text = tick === 0 ? 'token 0' : formatNumber(tick);
    // 'token 0' is wider than the first numbers' distance can be.
    if (tick !== 0 && x < leftSpace + 56) continue;
    drawHalo(context, text, { x, y: layout.base + 11 }, theme);
    context.fillText(text, x, layout.base + 11);
  }
}
