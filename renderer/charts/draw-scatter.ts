/** Draws points with intervals and a line through the best of them. Everything is in CSS pixels; the caller has scaled the context. */
import { writeText } from './canvas-text.ts';
import type { Area, Size } from './draw-chart.ts';
import type { Theme } from './theme.ts';
import { axisFor } from './ticks.ts';

export interface ScatterPoint {
  /** One letter, and the name after it. */
  readonly letter: string;
  readonly name: string;
  readonly x: number;
  readonly y: number;
  /** Of y; null: not known. */
  readonly low: number | null;
  readonly high: number | null;
  /** No other point is better in both. */
  readonly isBest: boolean;
}

export interface ScatterView {
  readonly points: readonly ScatterPoint[];
  /** With their units. Less is better in both. */
  readonly xName: string;
  readonly yName: string;
  readonly marked: string | null;
  /** Where on x that lies which y is measured from; null: nowhere. */
  readonly reference: { readonly letter: string; readonly x: number } | null;
}

/** From a value to its place. */
interface Scales {
  readonly area: Area;
  readonly x: (value: number) => number;
  readonly y: (value: number) => number;
  readonly xTicks: readonly number[];
  readonly yTicks: readonly number[];
  readonly isLog: boolean;
}

const [leftSpace, rightSpace, topSpace, footHeight] = [52, 16, 26, 38];
/** Values that differ by less stand on a plain axis. */
const logFrom = 8;

export function drawScatter(
  context: CanvasRenderingContext2D,
  size: Size,
  view: ScatterView,
  theme: Theme,
): void {
  context.clearRect(0, 0, size.width, size.height);
  if (view.points.length === 0) return;
  const scales = scalesOf(size, view);
  context.font = theme.font;
  drawAxes(context, view, scales, theme);
  drawReference(context, view, scales, theme);
  drawBestLine(context, view, scales, theme);
  for (const point of view.points) drawPoint(context, point, scales, theme);
  drawNames(context, view, scales, theme);
}

function scalesOf({ width, height }: Size, { points, reference }: ScatterView): Scales {
  const area = {
    left: leftSpace,
    top: topSpace,
    width: Math.max(1, width - leftSpace - rightSpace),
    height: Math.max(1, height - topSpace - footHeight),
  };
  const xs = rangeOf([...points, ...(reference ? [reference] : [])].map(({ x }) => x));
  const horizontal = plainAxis(xs.low, xs.high);
  const vertical = verticalAxis(points);
  return {
    area,
    x: (value) => area.left + horizontal.share(value) * area.width,
    y: (value) => area.top + (1 - vertical.share(value)) * area.height,
    xTicks: horizontal.ticks,
    yTicks: vertical.ticks,
    isLog: vertical.isLog,
  };
}

interface Axis {
  /** 0 to 1. */
  readonly share: (value: number) => number;
  readonly ticks: readonly number[];
  readonly isLog: boolean;
}

function rangeOf(values: readonly number[]): { readonly low: number; readonly high: number } {
  return { low: Math.min(...values), high: Math.max(...values) };
}

/** Around the values, with room at both ends so that no point lies on an edge. */
function plainAxis(low: number, high: number): Axis {
  const span = high - low || Math.abs(high) || 1;
  const from = Math.max(0, low - span * 0.25);
  const to = high + span * 0.25;
  const step = axisFor(to - from, 4).ticks[0] ?? 1;
  const first = Math.ceil(from / step);
  const ticks = Array.from({ length: Math.floor(to / step) - first + 1 }, (_, index) =>
    Number(((first + index) * step).toPrecision(12)),
  );
  return { share: (value) => (value - from) / (to - from), ticks, isLog: false };
}

function verticalAxis(points: readonly ScatterPoint[]): Axis {
  const ends = points.flatMap(({ y, low, high }) => [y, low ?? y, high ?? y]);
  const positive = ends.filter((value) => value > 0);
  const { low, high } = rangeOf(positive.length > 0 ? positive : [0, 1]);
  if (positive.length < ends.length || high < low * logFrom) return plainAxis(Math.min(...ends), high);
  const span = Math.log10(high) - Math.log10(low);
  const from = Math.log10(low) - 0.1 * span;
  const to = Math.log10(high) + 0.15 * span;
  const first = Math.ceil(from);
  const ticks = Array.from({ length: Math.max(0, Math.floor(to) - first + 1) }, (_, i) => 10 ** (first + i));
  const share = (value: number) => (Math.log10(Math.max(value, 1e-30)) - from) / (to - from);
  return { share, ticks, isLog: true };
}

/** As short as it can be written. */
const tickText = (value: number): string =>
  value !== 0 && Math.abs(value) < 0.001 ? value.toExponential(0).replace('-', '−') : String(value);

function drawAxes(
  context: CanvasRenderingContext2D,
  { xName, yName }: ScatterView,
  { area, x, y, xTicks, yTicks, isLog }: Scales,
  theme: Theme,
): void {
  const bottom = area.top + area.height;
  for (const tick of yTicks) {
    context.fillStyle = theme.colour('--grid');
    context.fillRect(area.left, Math.round(y(tick)), area.width, 1);
    context.fillStyle = theme.colour('--axis');
    writeText(context, tickText(tick), { x: area.left - 6, y: y(tick), align: 'right', baseline: 'middle' });
  }
  context.fillStyle = theme.colour('--axis');
  context.fillRect(area.left, Math.round(bottom), area.width, 1);
  for (const tick of xTicks) {
    context.fillRect(Math.round(x(tick)), Math.round(bottom), 1, 4);
    writeText(context, tickText(tick), { x: x(tick), y: bottom + 16, align: 'center' });
  }
  writeText(context, xName, { x: area.left + area.width, y: bottom + 32, align: 'right' });
  writeText(context, isLog ? `${yName}, log` : yName, { x: 2, y: 12 });
}

/** What lies left of it is smaller than what it is measured against. */
function drawReference(
  context: CanvasRenderingContext2D,
  { reference }: ScatterView,
  { area, x }: Scales,
  theme: Theme,
): void {
  if (!reference) return;
  const at = Math.round(x(reference.x)) + 0.5;
  context.strokeStyle = theme.colour('--axis');
  context.lineWidth = 1;
  context.setLineDash([2, 3]);
  context.beginPath();
  context.moveTo(at, area.top);
  context.lineTo(at, area.top + area.height);
  context.stroke();
  context.setLineDash([]);
  context.fillStyle = theme.colour('--axis');
  writeText(context, reference.letter, { x: at + 4, y: area.top + area.height - 6 });
}

/** Along the points that are best: to the right of each nothing is needed that is larger. */
function drawBestLine(
  context: CanvasRenderingContext2D,
  { points }: ScatterView,
  { area, x, y }: Scales,
  theme: Theme,
): void {
  const best = points.filter(({ isBest }) => isBest).sort((left, right) => left.x - right.x);
  const [first] = best;
  if (!first) return;
  context.strokeStyle = theme.colour('--accent');
  context.lineWidth = 1.5;
  context.beginPath();
  context.moveTo(x(first.x), area.top);
  for (const point of best) {
    context.lineTo(x(point.x), y(previous(best, point)?.y ?? point.y));
    context.lineTo(x(point.x), y(point.y));
  }
  context.lineTo(area.left + area.width, y(best.at(-1)?.y ?? first.y));
  context.stroke();
}

const previous = (points: readonly ScatterPoint[], point: ScatterPoint): ScatterPoint | undefined =>
  points[points.indexOf(point) - 1];

function drawPoint(
  context: CanvasRenderingContext2D,
  point: ScatterPoint,
  { x, y }: Scales,
  theme: Theme,
): void {
  const colour = theme.colour(point.isBest ? '--accent' : '--text');
  if (point.low !== null && point.high !== null) {
    context.fillStyle = theme.colour('--text');
    const top = y(point.high);
    context.fillRect(Math.round(x(point.x)), top, 1, Math.max(1, y(point.low) - top));
  }
  context.beginPath();
  context.arc(x(point.x), y(point.y), 4.5, 0, 2 * Math.PI);
  context.fillStyle = point.isBest ? colour : theme.colour('--surface-raised');
  context.fill();
  context.strokeStyle = colour;
  context.lineWidth = 1.5;
  context.stroke();
}

/** Beside their points, on the side that has more room; one that would lie on another moves down. */
function drawNames(
  context: CanvasRenderingContext2D,
  { points, marked }: ScatterView,
  { area, x, y }: Scales,
  theme: Theme,
): void {
  const taken: number[] = [];
  for (const point of [...points].sort((left, right) => y(left.y) - y(right.y))) {
    const isRight = x(point.x) < area.left + area.width / 2;
    let at = y(point.y) - 8;
    while (taken.some((other) => Math.abs(other - at) < 13)) at += 13;
    taken.push(at);
    context.font = point.letter === marked ? theme.strongFont : theme.font;
    context.fillStyle = theme.colour('--text');
    const place = {
      x: x(point.x) + (isRight ? 9 : -9),
      y: at,
      align: isRight ? 'left' : 'right',
      baseline: 'middle',
      width: isRight ? area.left + area.width - x(point.x) + 6 : x(point.x) - area.left - 6,
    } as const;
    writeText(context, `${point.letter} ${point.name}`, place, theme.colour('--surface-raised'));
  }
}
