/** Charts of a report as SVG: size against divergence, and errors of weights by layer and part. */
import type { CompareColumn, CompareResult, CompareWeights } from '../../contract/compare.ts';
import { escaped } from '../escape-html.ts';

const width = 640;
const height = 320;
const margin = { left: 70, right: 140, top: 16, bottom: 40 };

interface Point {
  readonly label: string;
  readonly bytes: number;
  readonly kl: number;
}

/** On the text where there is one, else on the reply; the line joins what is best for its size. */
export function scatter(columns: readonly CompareColumn[], { forced, quality }: CompareResult): string {
  const points = columns.map(({ label, weightsBytes }, i): Point => {
    const onText = quality?.columns[i]?.kl?.mean.value;
    return { label, bytes: weightsBytes, kl: i === 0 ? 0 : (onText ?? forced.variants[i - 1]?.meanKl ?? 0) };
  });
  const x = scale(
    points.map(({ bytes }) => bytes),
    margin.left,
    width - margin.right,
  );
  const y = scale(
    points.map(({ kl }) => kl),
    height - margin.bottom,
    margin.top,
  );
  const line = bestForSize(points).map(({ bytes, kl }) => `${x(bytes)},${y(kl)}`);
  const dots = points.map(({ label, bytes, kl }) => {
    const title = `${label}: ${mebibytes(bytes)}, ${kl.toPrecision(3)} nats`;
    return `<circle cx="${x(bytes)}" cy="${y(kl)}" r="5" fill="#36c"><title>${escaped(title)}</title></circle><text x="${x(bytes) + 8}" y="${y(kl) + 4}">${escaped(label)}</text>`;
  });
  const [least, most] = extent(points.map(({ bytes }) => bytes));
  const [, worst] = extent(points.map(({ kl }) => kl));
  return `<svg viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="Size against mean KL">
<path d="M${margin.left},${margin.top}V${height - margin.bottom}H${width - margin.right}" fill="none" stroke="#888"/>
<polyline points="${line.join(' ')}" fill="none" stroke="#36c" stroke-dasharray="4 3"/>
${dots.join('\n')}
<text x="${margin.left}" y="${height - 20}">${mebibytes(least)}</text>
<text x="${width - margin.right}" y="${height - 20}" text-anchor="end">${mebibytes(most)}</text>
<text x="${(margin.left + width - margin.right) / 2}" y="${height - 5}" text-anchor="middle">weights</text>
<text x="${margin.left - 6}" y="${margin.top + 10}" text-anchor="end">${worst.toPrecision(2)}</text>
<text x="${margin.left - 6}" y="${height - margin.bottom}" text-anchor="end">0 nats</text>
</svg>`;
}

/** Of those that are no larger, none is closer to the reference. */
function bestForSize(points: readonly Point[]): Point[] {
  const bySize = [...points].sort((left, right) => left.bytes - right.bytes || left.kl - right.kl);
  let best = Infinity;
  return bySize.filter(({ kl }) => {
    if (kl >= best) return false;
    best = kl;
    return true;
  });
}

function extent(values: readonly number[]): readonly [number, number] {
  return [Math.min(...values), Math.max(...values)];
}

function scale(values: readonly number[], from: number, to: number): (value: number) => number {
  const [low, high] = extent(values);
  return (value) =>
    Math.round(high > low ? from + ((value - low) / (high - low)) * (to - from) : (from + to) / 2);
}

const cell = 14;
const names = 190;

/** A row for each part of a layer, a column for each layer; what lies in no layer is listed below. `index`: of the variant, without the reference. */
export function errorMaps({ tensors, errors }: CompareWeights, index: number): string {
  const values = errors[index] ?? [];
  const parts = [...new Set(tensors.flatMap(({ layer, part }) => (layer === null ? [] : [part])))];
  const layers = Math.max(0, ...tensors.map(({ layer }) => (layer ?? -1) + 1));
  const most = Math.max(...values.map((value) => value ?? 0), Number.MIN_VALUE);
  const cells = tensors.flatMap(({ layer, part, name }, i) => {
    const value = values[i];
    if (layer === null || value === null || value === undefined) return [];
    const place = `x="${names + layer * cell}" y="${parts.indexOf(part) * cell}"`;
    const title = `${name}: ${(100 * value).toPrecision(3)} %`;
    return `<rect ${place} width="${cell - 1}" height="${cell - 1}" fill="rgb(220 60 40/${(0.08 + (0.9 * value) / most).toFixed(2)})"><title>${escaped(title)}</title></rect>`;
  });
  const heads = parts.map((part, row) => `<text x="0" y="${row * cell + 11}">${escaped(part)}</text>`);
  const others = tensors.flatMap(({ layer, name }, i) => {
    const value = values[i];
    return layer === null && typeof value === 'number' ? `${name} ${(100 * value).toPrecision(3)} %` : [];
  });
  const size = { width: names + layers * cell, height: parts.length * cell };
  return `<svg viewBox="0 0 ${size.width} ${size.height}" width="${size.width}" height="${size.height}" role="img" aria-label="Relative error by layer and part">
${[...heads, ...cells].join('\n')}
</svg>
<div class="note">Root mean square of the difference over that of the reference; darkest: ${(100 * most).toPrecision(3)} %. ${escaped(others.join(', '))}</div>`;
}

const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
