/** Two kinds of plot as SVG text, readable on a light page and on a dark one. */

export interface BarPlot {
  readonly kind: 'bars';
  /** The file's name without its ending. */
  readonly name: string;
  readonly title: string;
  readonly unit: string;
  /** Bars from 0 to the middle, with a line from the least to the most. */
  readonly bars: readonly {
    readonly label: string;
    readonly min: number;
    readonly middle: number;
    readonly max: number;
  }[];
}

export interface LinePlot {
  readonly kind: 'lines';
  readonly name: string;
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  /** The axis of y ends here; that of x at the largest x. Both begin at 0. */
  readonly yMax: number;
  readonly lines: readonly {
    readonly label: string;
    /** Points alone where false. */
    readonly isLine: boolean;
    readonly points: readonly (readonly [x: number, y: number])[];
  }[];
}

export type Plot = BarPlot | LinePlot;

const ink = '#7d8590';
const colours = ['#3b82c4', '#d97706', '#3f9a5c', '#a65db4'];
const width = 720;

const escaped = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

interface TextOptions {
  readonly anchor?: 'start' | 'middle' | 'end';
  readonly bold?: boolean;
}

function textAt(x: number, y: number, text: string, { anchor = 'start', bold }: TextOptions = {}): string {
  const weight = bold ? ' font-weight="600"' : '';
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}"${weight}>${escaped(text)}</text>`;
}

const round = (value: number) => Number(value.toFixed(1));
const lineAt = (x1: number, y1: number, x2: number, y2: number, stroke: string, thick = 1) =>
  `<line x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}" stroke="${stroke}" stroke-width="${thick}"/>`;

function page(height: number, title: string, parts: readonly string[]): string {
  const style = `font-family="system-ui, sans-serif" font-size="13" fill="${ink}"`;
  const head = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(title)}" ${style}>`;
  return `${[head, textAt(0, 16, title, { bold: true }), ...parts, '</svg>'].join('\n')}\n`;
}

/** Three digits that count. */
const short = (value: number) => String(Number(value.toPrecision(3)));

const barHeight = 18;
const barStep = 32;
const labelWidth = 210;
const valueWidth = 150;

function drawBars({ title, unit, bars }: BarPlot): string {
  const most = Math.max(...bars.map(({ max }) => max));
  const scale = (value: number) => labelWidth + (value / most) * (width - labelWidth - valueWidth);
  const parts = bars.flatMap(({ label, min, middle, max }, index) => {
    const top = 34 + index * barStep;
    const line = top + barHeight / 2;
    const end = scale(middle);
    const colour = colours[index % colours.length]!;
    return [
      textAt(labelWidth - 8, top + 14, label, { anchor: 'end' }),
      `<rect x="${labelWidth}" y="${top}" width="${round(end - labelWidth)}" height="${barHeight}" fill="${colour}"/>`,
      lineAt(scale(min), line, scale(max), line, ink, 2),
      textAt(scale(Math.max(middle, max)) + 8, top + 14, `${short(middle)} ${unit}`),
    ];
  });
  return page(34 + bars.length * barStep, title, parts);
}

const frame = { left: 56, top: 34, right: 200, height: 260 };

function drawLines({ title, xLabel, yLabel, yMax, lines }: LinePlot): string {
  const xMax = Math.max(...lines.flatMap(({ points }) => points.map(([x]) => x)));
  const bottom = frame.top + frame.height;
  const right = width - frame.right;
  const place = ([x, y]: readonly [number, number]) =>
    [
      frame.left + (x / xMax) * (right - frame.left),
      bottom - (Math.min(y, yMax) / yMax) * frame.height,
    ] as const;
  const ticks = [0, 0.25, 0.5, 0.75, 1].flatMap((share) => {
    const [x, y] = place([share * xMax, share * yMax]);
    return [
      lineAt(frame.left, y, right, y, `${ink}40`),
      textAt(frame.left - 8, y + 4, short(share * yMax), { anchor: 'end' }),
      textAt(x, bottom + 18, short(share * xMax), { anchor: 'middle' }),
    ];
  });
  const drawn = lines.flatMap(({ label, isLine, points }, index) => {
    const colour = colours[index % colours.length]!;
    const places = points.map(place);
    const path = places.map(([x, y]) => `${round(x)},${round(y)}`).join(' ');
    const legend = frame.top + 14 + index * 22;
    return [
      ...(isLine ? [`<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"/>`] : []),
      ...places.map(
        ([x, y]) => `<circle cx="${round(x)}" cy="${round(y)}" r="${isLine ? 3 : 5}" fill="${colour}"/>`,
      ),
      `<circle cx="${right + 20}" cy="${legend - 4}" r="5" fill="${colour}"/>`,
      textAt(right + 32, legend, label),
    ];
  });
  const axes = [
    textAt((frame.left + right) / 2, bottom + 38, xLabel, { anchor: 'middle' }),
    textAt(right + 20, bottom, yLabel),
  ];
  return page(bottom + 48, title, [...ticks, ...drawn, ...axes]);
}

export const drawPlot = (plot: Plot) => (plot.kind === 'bars' ? drawBars(plot) : drawLines(plot));
