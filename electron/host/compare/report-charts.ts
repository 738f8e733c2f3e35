/** Charts of a report as SVG: size against divergence, and errors of weights by layer and part. */
import type { CompareColumn, CompareResult, CompareWeights } from '../../contract/compare.ts';
import { escaped } from '../escape-html.ts';

const width = 640;
const height = 320;
const margin = { left: 70, right: 140, top: 32, bottom: 40 };

interface Point {
  readonly label: string;
  readonly bytes: number;
  readonly kl: number;
}

/** On the text where there is one, else on the reply; the line joins what is best for its size. The reference is where its size is. */
export function scatter(columns: readonly CompareColumn[], { forced, quality }: CompareResult): string {
  const points = columns.slice(1).map(({ label, weightsBytes }, i): Point => {
    const onText = quality?.columns[i + 1]?.kl?.mean.value;
    return { label, bytes: weightsBytes, kl: onText ?? forced.variants[i]?.meanKl ?? 0 };
  });
  const sizes = columns.map(({ weightsBytes }) => weightsBytes);
  const [reference = 0] = sizes;
  const x = scale(sizes, margin.left, width - margin.right);
  const [least, most] = extent(points.map(({ kl }) => kl));
  const isLog = least > 0 && most > least * logFrom;
  const place = (kl: number) => (isLog ? Math.log10(kl) : kl);
  const y = scale(isLog ? [least, most].map(place) : [0, most], height - margin.bottom - 20, margin.top);
  const line = bestForSize(points).map(({ bytes, kl }) => `${x(bytes)},${y(place(kl))}`);
  const dots = points.map(({ label, bytes, kl }) => {
    const title = `${label}: ${mebibytes(bytes)}, ${kl.toPrecision(3)} nats`;
    return `<circle cx="${x(bytes)}" cy="${y(place(kl))}" r="5" fill="#36c"><title>${escaped(title)}</title></circle><text x="${x(bytes) + 8}" y="${y(place(kl)) + 4}">${escaped(label)}</text>`;
  });
  const [smallest, largest] = extent(sizes);
  const marks = [...new Set([least, most])].map(
    (kl) =>
      `<text x="${margin.left - 6}" y="${y(place(kl)) + 4}" text-anchor="end">${kl.toPrecision(2)}</text>`,
  );
  return `<svg viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="Size against mean KL">
<path d="M${margin.left},${margin.top}V${height - margin.bottom}H${width - margin.right}" fill="none" stroke="#888"/>
<path d="M${x(reference)},${margin.top}V${height - margin.bottom}" fill="none" stroke="#888" stroke-dasharray="2 3"><title>${escaped(columns[0]?.label ?? '')}, the reference</title></path>
<polyline points="${line.join(' ')}" fill="none" stroke="#36c" stroke-dasharray="4 3"/>
${dots.join('\n')}
<text x="${margin.left}" y="${height - 20}">${mebibytes(smallest)}</text>
<text x="${width - margin.right}" y="${height - 20}" text-anchor="end">${mebibytes(largest)}</text>
<text x="${(margin.left + width - margin.right) / 2}" y="${height - 5}" text-anchor="middle">weights; dotted: the reference</text>
${marks.join('\n')}
<text x="2" y="12">nats${isLog ? ', log' : ''}</text>
</svg>`;
}

/** Values that differ by less stand on a plain axis. */
const logFrom = 8;

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
  const known = values.filter((value) => value !== null && value > 0) as number[];
  const most = Math.max(...known, Number.MIN_VALUE);
  // Errors that lie close together are told apart from the least on.
  const least = Math.min(...known, most);
  const bottom = least < most / 3 ? 0 : least;
  const shade = (value: number) => Math.max(0, (value - bottom) / (most - bottom || 1));
  const cells = tensors.flatMap(({ layer, part, name }, i) => {
    const value = values[i];
    if (layer === null || value === null || value === undefined) return [];
    const place = `x="${names + layer * cell}" y="${parts.indexOf(part) * cell}"`;
    const title = `${name}: ${(100 * value).toPrecision(3)} %`;
    return `<rect ${place} width="${cell - 1}" height="${cell - 1}" fill="rgb(220 60 40/${(0.08 + 0.9 * shade(value)).toFixed(2)})"><title>${escaped(title)}</title></rect>`;
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
<div class="note">Root mean square of the difference over that of the reference; ${(100 * bottom).toPrecision(3)} % to ${(100 * most).toPrecision(3)} %, the darkest. ${escaped(others.join(', '))}</div>`;
}

const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
