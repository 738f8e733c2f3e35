/** Draws two histograms over each other: filled before, as a line after. Everything is in CSS pixels; the caller has scaled the context. */
import { writeText } from './canvas-text.ts';
import type { Area, Size } from './draw-chart.ts';
import type { Theme } from './theme.ts';

export interface HistogramView {
  readonly low: number;
  readonly high: number;
  readonly before: readonly number[];
  readonly after: readonly number[];
  readonly xName: string;
  readonly yName: string;
}

const [leftSpace, rightSpace, topSpace, footHeight] = [46, 8, 20, 36];

export function drawHistogram(
  context: CanvasRenderingContext2D,
  size: Size,
  view: HistogramView,
  theme: Theme,
): void {
  context.clearRect(0, 0, size.width, size.height);
  const area = {
    left: leftSpace,
    top: topSpace,
    width: Math.max(1, size.width - leftSpace - rightSpace),
    height: Math.max(1, size.height - topSpace - footHeight),
  };
  const scale = logScale(Math.max(1, ...view.before, ...view.after));
  context.font = theme.font;
  drawGrid(context, area, view, scale, theme);
  drawBefore(context, area, view.before, scale, theme);
  drawAfter(context, area, view.after, scale, theme);
}

/** Few weights lie far out, and those are what matters: counts are drawn by their logarithm. 0 to 1. */
interface CountScale {
  readonly share: (count: number) => number;
  readonly ticks: readonly number[];
}

function logScale(most: number): CountScale {
  const top = Math.log10(most + 1);
  const decades = Array.from({ length: Math.floor(Math.log10(most)) + 1 }, (_, index) => 10 ** index);
  return {
    share: (count) => Math.log10(count + 1) / top,
    ticks: decades.filter((_, index) => (decades.length - 1 - index) % 2 === 0),
  };
}

function drawGrid(
  context: CanvasRenderingContext2D,
  area: Area,
  { low, high, xName, yName }: HistogramView,
  { share, ticks }: CountScale,
  theme: Theme,
): void {
  const bottom = area.top + area.height;
  for (const tick of ticks) {
    const y = Math.round(bottom - share(tick) * area.height);
    context.fillStyle = theme.colour('--grid');
    context.fillRect(area.left, y, area.width, 1);
    context.fillStyle = theme.colour('--axis');
    writeText(context, shortCount(tick), { x: area.left - 6, y, align: 'right', baseline: 'middle' });
  }
  context.fillStyle = theme.colour('--axis');
  context.fillRect(area.left, Math.round(bottom), area.width, 1);
  const name = (value: number) => String(Number(value.toPrecision(2))).replace('-', '−');
  writeText(context, name(low), { x: area.left, y: bottom + 14 });
  writeText(context, name(high), { x: area.left + area.width, y: bottom + 14, align: 'right' });
  const zero = area.left + ((0 - low) / (high - low || 1)) * area.width;
  if (low < 0 && high > 0) writeText(context, '0', { x: zero, y: bottom + 14, align: 'center' });
  writeText(context, xName, { x: area.left + area.width, y: bottom + 30, align: 'right' });
  writeText(context, yName, { x: 2, y: 11 });
}

const shortCount = (count: number): string =>
  count >= 1e6 ? `${count / 1e6} M` : count >= 1e3 ? `${count / 1e3} K` : String(count);

function drawBefore(
  context: CanvasRenderingContext2D,
  { left, top, width, height }: Area,
  counts: readonly number[],
  { share }: CountScale,
  theme: Theme,
): void {
  context.fillStyle = theme.colour('--mem-cache');
  const wide = width / counts.length;
  counts.forEach((count, index) => {
    const high = share(count) * height;
    context.fillRect(left + index * wide, top + height - high, Math.max(1, wide - 1), high);
  });
}

function drawAfter(
  context: CanvasRenderingContext2D,
  { left, top, width, height }: Area,
  counts: readonly number[],
  { share }: CountScale,
  theme: Theme,
): void {
  const wide = width / counts.length;
  context.strokeStyle = theme.colour('--accent');
  context.lineWidth = 1.5;
  context.beginPath();
  context.moveTo(left, top + height);
  counts.forEach((count, index) => {
    const y = top + (1 - share(count)) * height;
    context.lineTo(left + index * wide, y);
    context.lineTo(left + (index + 1) * wide, y);
  });
  context.lineTo(left + width, top + height);
  context.stroke();
}
