/** Draws bars of one measure, one for each thing. Everything is in CSS pixels; the caller has scaled the context. */
import { writeText } from './canvas-text.ts';
import type { Size } from './draw-chart.ts';
import type { Theme } from './theme.ts';

export interface Bar {
  readonly name: string;
  readonly value: number;
  /** As people read it. */
  readonly text: string;
}

export interface BarGroup {
  /** With its unit. */
  readonly name: string;
  readonly bars: readonly Bar[];
  /** Role of a colour in tokens.css. */
  readonly role: string;
}

const [headHeight, rowHeight, gap] = [20, 18, 8];
const nameWidth = 18;
const textWidth = 62;

export const barsHeight = (groups: readonly BarGroup[]): number =>
  groups.reduce((sum, { bars }) => sum + headHeight + bars.length * rowHeight + gap, 0);

export function drawBars(
  context: CanvasRenderingContext2D,
  size: Size,
  groups: readonly BarGroup[],
  theme: Theme,
): void {
  context.clearRect(0, 0, size.width, size.height);
  let top = 0;
  for (const group of groups) {
    drawGroup(context, size.width, top, group, theme);
    top += barsHeight([group]);
  }
}

function drawGroup(
  context: CanvasRenderingContext2D,
  width: number,
  top: number,
  { name, bars, role }: BarGroup,
  theme: Theme,
): void {
  const most = Math.max(...bars.map(({ value }) => value), 0);
  const room = Math.max(1, width - nameWidth - textWidth);
  context.font = theme.font;
  context.fillStyle = theme.colour('--axis');
  writeText(context, name, { x: 0, y: top + headHeight - 6, width });
  bars.forEach((bar, index) => {
    const middle = top + headHeight + (index + 0.5) * rowHeight;
    context.fillStyle = theme.colour('--text');
    writeText(context, bar.name, { x: 0, y: middle, baseline: 'middle', width: nameWidth });
    context.fillStyle = theme.colour(role);
    const length = most > 0 ? Math.max(1, (bar.value / most) * room) : 1;
    context.fillRect(nameWidth, middle - 5, length, 10);
    context.fillStyle = theme.colour('--text');
    writeText(context, bar.text, { x: nameWidth + length + 6, y: middle, baseline: 'middle' });
  });
}
