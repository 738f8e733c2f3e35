/** Draws a live chart on a canvas. Everything is in CSS pixels; the caller has scaled the context. */
import { endOf, type ChartView, type Series } from './chart-view.ts';
import type { Theme } from './theme.ts';

export interface Area {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

const axisWidth = 34;
const rightSpace = 2;
const footHeight = 16;
const topSpace = 6;

/** Where values are drawn; `hasFoot`: with times beneath. */
export function plotArea({ width, height }: Size, hasFoot: boolean): Area {
  return {
    left: axisWidth,
    top: topSpace,
    width: Math.max(1, width - axisWidth - rightSpace),
    height: Math.max(1, height - topSpace - (hasFoot ? footHeight : 3)),
  };
}

export function xOfTime({ left, width }: Area, view: ChartView, timeMs: number): number {
  const span = view.times.length * view.pointMs;
  return left + ((timeMs - (endOf(view) - span)) / span) * width;
}

export function timeOfX({ left, width }: Area, view: ChartView, x: number): number {
  const span = view.times.length * view.pointMs;
  return endOf(view) - span + ((x - left) / width) * span;
}

/** The middle of a point, as CSS puts it from the left whatever the width is. */
export function leftOfPoint({ times }: ChartView, point: number): string {
  return `calc(${axisWidth}px + (100% - ${axisWidth + rightSpace}px) * ${(point + 0.5) / times.length})`;
}

interface Plot {
  readonly context: CanvasRenderingContext2D;
  readonly area: Area;
  readonly view: ChartView;
  readonly theme: Theme;
  /** Where a value lies. */
  readonly y: (value: number) => number;
}

export function drawChart(
  context: CanvasRenderingContext2D,
  size: Size,
  view: ChartView,
  theme: Theme,
  hasFoot: boolean,
): void {
  const area = plotArea(size, hasFoot);
  const y = (value: number) => area.top + area.height * (1 - Math.min(1, value / view.axis.top));
  const plot = { context, area, view, theme, y };
  context.clearRect(0, 0, size.width, size.height);
  context.font = theme.font;
  drawTicks(plot);
  drawLayers(plot);
  for (const line of view.lines) drawLine(plot, line, y);
  if (view.shares) drawShares(plot, view.shares);
  drawLimits(plot);
  drawAxis(plot);
  if (hasFoot) drawFoot(plot, size);
}

function drawTicks({ context, area, view, theme, y }: Plot): void {
  context.textAlign = 'right';
  context.textBaseline = 'middle';
  for (const tick of view.axis.ticks) {
    const level = Math.round(y(tick));
    context.fillStyle = theme.colour('--grid');
    context.fillRect(area.left, level, area.width, 1);
    context.fillStyle = theme.colour('--axis');
    context.fillText(view.writeTick(tick), area.left - 5, level + 0.5);
  }
}

/** Each layer is one path, stepped at the ends of points, so that neighbours meet without a seam. */
function drawLayers(plot: Plot): void {
  const { context, view, theme } = plot;
  const floor = new Float64Array(view.times.length);
  for (const layer of view.layers) {
    context.fillStyle = theme.colour(layer.role);
    context.beginPath();
    for (const [from, to] of runs(layer)) addSteps(plot, { layer, floor, from, to });
    context.fill();
    layer.values.forEach((value, point) => (floor[point] = (floor[point] ?? 0) + (value ?? 0)));
  }
}

interface Steps {
  readonly layer: Series;
  /** What lies under the layer. */
  readonly floor: Float64Array;
  readonly from: number;
  /** Exclusive. */
  readonly to: number;
}

function addSteps({ context, area, view, y }: Plot, { layer, floor, from, to }: Steps): void {
  const left = (point: number) => xOfTime(area, view, view.times[point] ?? 0);
  const right = (point: number) => xOfTime(area, view, (view.times[point] ?? 0) + view.pointMs);
  const low = (point: number) => floor[point] ?? 0;
  const high = (point: number) => low(point) + (layer.values[point] ?? 0);
  context.moveTo(left(from), y(low(from)));
  for (let point = from; point < to; point++) {
    context.lineTo(left(point), y(high(point)));
    context.lineTo(right(point), y(high(point)));
  }
  for (let point = to - 1; point >= from; point--) {
    context.lineTo(right(point), y(low(point)));
    context.lineTo(left(point), y(low(point)));
  }
  context.closePath();
}

/** Their scale stands at the right: the whole is the top. */
function drawShares(plot: Plot, shares: readonly Series[]): void {
  const { context, area, theme } = plot;
  for (const share of shares) drawLine(plot, share, (value) => area.top + area.height * (1 - value));
  const place = { x: area.left + area.width - 2, y: area.top + 5 };
  context.textAlign = 'right';
  context.textBaseline = 'middle';
  drawHalo(context, '100 %', place, theme);
  context.fillStyle = theme.colour('--text-muted');
  context.fillText('100 %', place.x, place.y);
}

function drawLine({ context, area, view, theme }: Plot, line: Series, y: (value: number) => number): void {
  context.beginPath();
  for (const [from, to] of runs(line)) {
    // A point alone is a short dash: a path of one point draws nothing.
    const reach = to - from === 1 ? 1 : 0;
    for (let point = from; point < to; point++) {
      const x = xOfTime(area, view, (view.times[point] ?? 0) + view.pointMs / 2);
      const level = y(line.values[point] ?? 0);
      if (point === from) context.moveTo(x - reach, level);
      context.lineTo(x + reach, level);
    }
  }
  // On layers a thin line with an edge; alone it is what there is to see.
  if (view.layers.length > 0) strokeWith(context, theme.colour('--surface-raised'), 3);
  strokeWith(context, theme.colour(line.role), view.layers.length > 0 ? 1 : 1.5);
}

function strokeWith(context: CanvasRenderingContext2D, colour: string, width: number): void {
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.lineJoin = 'round';
  context.stroke();
}

/** A limit beyond the axis is told at its top. */
function drawLimits({ context, area, view, theme, y }: Plot): void {
  context.textAlign = 'right';
  context.textBaseline = 'bottom';
  const right = area.left + area.width - 4;
  for (const { label, value } of view.limits) {
    const isInside = value <= view.axis.top;
    const level = isInside ? Math.round(y(value)) : area.top;
    context.fillStyle = theme.colour('--text');
    if (isInside) context.fillRect(area.left, level, area.width, 1);
    const textLevel = level - 2 < area.top + 10 ? level + 16 : level - 2;
    drawHalo(context, label, { x: right, y: textLevel }, theme);
    context.fillStyle = theme.colour('--text-muted');
    context.fillText(isInside ? label : `${label} ↑`, right, textLevel);
  }
}

/** So that text stays readable on what is drawn. */
export function drawHalo(
  context: CanvasRenderingContext2D,
  text: string,
  { x, y }: { x: number; y: number },
  theme: Theme,
): void {
  context.strokeStyle = theme.colour('--surface-raised');
  context.lineWidth = 3;
  context.lineJoin = 'round';
  context.strokeText(text, x, y);
}

function drawAxis({ context, area, theme }: Plot): void {
  context.fillStyle = theme.colour('--line-strong');
  context.fillRect(area.left, area.top + area.height, area.width, 1);
}

function drawFoot({ context, area, view, theme }: Plot, size: Size): void {
  const seconds = (view.times.length * view.pointMs) / 1000;
  context.fillStyle = theme.colour('--axis');
  context.textBaseline = 'alphabetic';
  const marks = [
    { share: 0, align: 'left', text: `−${seconds} s` },
    { share: 0.5, align: 'center', text: `−${seconds / 2} s` },
    { share: 1, align: 'right', text: 'now' },
  ] as const;
  for (const { share, align, text } of marks) {
    context.textAlign = align;
    context.fillText(text, area.left + share * area.width, size.height - 3);
  }
}

/** Stretches of points that have a value, as [from, to). */
export function runs({ values }: Pick<Series, 'values'>): [number, number][] {
  const found: [number, number][] = [];
  let from = -1;
  for (let point = 0; point <= values.length; point++) {
    const isKnown = typeof values[point] === 'number';
    if (isKnown && from < 0) from = point;
    if (isKnown || from < 0) continue;
    found.push([from, point]);
    from = -1;
  }
  return found;
}
