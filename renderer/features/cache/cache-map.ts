/** What the map of a cache shows: layers by positions, coloured by one measure. Pure. */
import type { LedgerPart } from '../../../electron/contract/chats.ts';
import type { CacheMeasure } from '../../../electron/contract/held-cache.ts';
import type { KvCodec } from '../../../electron/contract/open-model.ts';
import type { HeldConversation } from '../../../electron/contract/kv-cache.ts';
import { csvCell } from '../../charts/chart-table.ts';
import { sequentialRoles, type ColumnRange, type HeatmapCells } from '../../charts/draw-heatmap.ts';
import { formatBytes, formatNumber } from '../../ui/format.ts';

/** Bytes and precision are known from the layers alone; the others the engine reads. */
export type MapMeasure = CacheMeasure | 'bytes' | 'precision';

export const measureNames: Readonly<Record<MapMeasure, string>> = {
  bytes: 'bytes',
  precision: 'precision',
  'key-norm': 'key norm',
  'value-norm': 'value norm',
  attention: 'attention',
};

export const isRead = (measure: MapMeasure): measure is CacheMeasure =>
  measure !== 'bytes' && measure !== 'precision';

export type Held = Pick<HeldConversation, 'layers' | 'positions' | 'parts' | 'spans' | 'pieces'>;

/** Values of the layers with a cache, one after the other. */
export interface CacheValues {
  readonly measure: MapMeasure;
  readonly layers: number;
  readonly positions: number;
  readonly values: Float32Array;
}

const codecs: readonly KvCodec[] = ['q8', 'f16', 'f32'];

/** The same for every position: each layer keeps all of its slots alike. */
export function knownValues({ layers, positions }: Held, measure: 'bytes' | 'precision'): CacheValues {
  const values = new Float32Array(layers.length * positions);
  layers.forEach(({ bytesPerToken, codec }, layer) => {
    const value = measure === 'bytes' ? bytesPerToken : codecs.indexOf(codec);
    values.fill(value, layer * positions, (layer + 1) * positions);
  });
  return { measure, layers: layers.length, positions, values };
}

export interface MapScale {
  readonly low: number;
  readonly high: number;
  readonly isLog: boolean;
}

/** Attention spans orders of magnitude; of norms the differences are seen, not the distance from 0. */
export function scaleOf({ measure, values }: CacheValues): MapScale {
  let [least, most] = [Infinity, -Infinity];
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    least = Math.min(least, value);
    most = Math.max(most, value);
  }
  if (most < least) [least, most] = [0, 1];
  if (measure === 'attention') return { low: most / 1000, high: most, isLog: true };
  if (measure === 'bytes' || least === most) return { low: 0, high: Math.max(most, 1e-9), isLog: false };
  return { low: least, high: most, isLog: false };
}

const steps = sequentialRoles.length;

export function stepOf(value: number, { low, high, isLog }: MapScale): number {
  if (!(value > low)) return 0;
  const share = isLog ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
  return Math.max(0, Math.min(steps - 1, Math.floor(share * steps)));
}

const precisionRoles = ['--seq-2', '--seq-5', '--seq-8'] as const;

export function mapCells(map: CacheValues, scale: MapScale): HeatmapCells {
  const { layers: rows, positions: columns, values } = map;
  if (map.measure === 'precision') {
    return { rows, columns, steps: Uint8Array.from(values), roles: precisionRoles };
  }
  return {
    rows,
    columns,
    steps: Uint8Array.from(values, (value) => stepOf(value, scale)),
    roles: sequentialRoles,
  };
}

/** A value with its unit. */
export function valueText(measure: MapMeasure, value: number): string {
  if (!Number.isFinite(value)) return 'no such head';
  switch (measure) {
    case 'bytes':
      return formatBytes(value);
    case 'precision':
      return codecs[value] ?? '';
    case 'attention':
      return value === 0 ? '0' : value < 0.0005 ? '< 0.001' : formatNumber(value, 3);
    case 'key-norm':
    case 'value-norm':
      return formatNumber(value, 2);
  }
}

/** White space is shown as what it is. */
export const shownPiece = (piece: string): string => piece.replaceAll('\n', '↵').replaceAll(' ', '·');

export function partAt({ spans, parts }: Held, position: number): LedgerPart | undefined {
  // Spans lie in order over all positions.
  let [low, high] = [0, spans.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((spans[middle]?.from ?? Infinity) <= position) low = middle;
    else high = middle - 1;
  }
  return parts[spans[low]?.part ?? -1];
}

/** The layer of the model that a row is. */
export const layerOf = ({ layers }: Held, row: number): number => layers[row]?.layer ?? row;

export interface RangeSums {
  readonly tokens: number;
  readonly bytes: number;
  /** Attention: the share that these positions get, of all layers' mean; norms: the mean; null: the others are told by bytes. */
  readonly value: number | null;
}

export function sumsOf(held: Held, map: CacheValues, { from, to }: ColumnRange): RangeSums {
  const tokens = Math.max(0, Math.min(to, held.positions) - from);
  const bytes = tokens * held.layers.reduce((sum, { bytesPerToken }) => sum + bytesPerToken, 0);
  if (!isRead(map.measure) || tokens === 0) return { tokens, bytes, value: null };
  let sum = 0;
  for (let layer = 0; layer < map.layers; layer++) {
    for (let column = from; column < from + tokens; column++)
      sum += map.values[layer * map.positions + column] ?? 0;
  }
  const cells = map.measure === 'attention' ? map.layers : map.layers * tokens;
  return { tokens, bytes, value: cells > 0 ? sum / cells : null };
}

export interface PositionRow {
  readonly position: number;
  readonly piece: string;
  readonly part: LedgerPart | undefined;
  readonly mean: number;
  readonly most: number;
  /** Of the model, where `most` is. */
  readonly layer: number;
}

export function positionRow(held: Held, map: CacheValues, position: number): PositionRow {
  let [sum, most, row] = [0, -Infinity, 0];
  for (let layer = 0; layer < map.layers; layer++) {
    const value = map.values[layer * map.positions + position] ?? NaN;
    sum += value;
    if (value > most) [most, row] = [value, layer];
  }
  return {
    position,
    piece: held.pieces[position] ?? '',
    part: partAt(held, position),
    mean: sum / map.layers,
    most,
    layer: layerOf(held, row),
  };
}

/** A line for each position, a column for each layer. */
export function mapCsv(held: Held, map: CacheValues): string {
  const { layers, positions, values, measure } = map;
  const head = [
    'position',
    'token',
    'part',
    ...held.layers.map(({ layer }) => `${measureNames[measure]}, layer ${layer}`),
  ];
  const written = (value: number) => (measure === 'precision' ? (codecs[value] ?? '') : String(value));
  const lines = Array.from({ length: positions }, (_, position) => [
    String(position),
    held.pieces[position] ?? '',
    partAt(held, position)?.label ?? '',
    ...Array.from({ length: layers }, (_layer, layer) =>
      written(values[layer * positions + position] ?? NaN),
    ),
  ]);
  return [head, ...lines].map((cells) => `${cells.map(csvCell).join(',')}\r\n`).join('');
}
