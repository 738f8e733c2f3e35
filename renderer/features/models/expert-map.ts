/** Experts by layer: how much each is used, and whether it is in memory. Pure. */
import type { FlashReading } from '../../../electron/contract/engine-contract.ts';
import { csvCell } from '../../charts/chart-table.ts';
import {
  sequentialRoles,
  sequentialStep,
  type HeatmapCell,
  type HeatmapCells,
} from '../../charts/draw-heatmap.ts';
import { formatNumber } from '../../ui/format.ts';

export type ExpertView = 'use' | 'cache' | 'misses';

export interface ExpertMap {
  readonly layers: number;
  /** Of a layer. */
  readonly count: number;
  /** Of a layer, of a token. */
  readonly used: number;
  /** Layers × experts: of the layer's latest tokens the part that used it, 0 to 1. */
  readonly shares: Float64Array;
  /** Layers × experts: the part that found it not in memory. */
  readonly missed: Float64Array;
  readonly isResident: Uint8Array;
}

/** Null: the model has no experts. */
export function expertMap({
  streaming: { experts },
  uses,
  misses,
  resident,
}: FlashReading): ExpertMap | null {
  if (!experts) return null;
  const { layers, count, used } = experts;
  const shares = new Float64Array(layers * count);
  const missed = new Float64Array(layers * count);
  for (let layer = 0; layer < layers; layer++) {
    const first = layer * count;
    const sum = sumOf(uses.slice(first, first + count));
    const share = (of: number | undefined) => (sum > 0 ? Math.min(1, ((of ?? 0) * used) / sum) : 0);
    for (let index = first; index < first + count; index++) {
      shares[index] = share(uses[index]);
      missed[index] = share(misses[index]);
    }
  }
  return { layers, count, used, shares, missed, isResident: Uint8Array.from(resident) };
}

const sumOf = (values: Iterable<number>): number => {
  let sum = 0;
  for (const value of values) sum += value;
  return sum;
};

/** What full colour stands for: five times what all would have if they were used alike. Of one model always the same. */
export function topShare({ used, count }: Pick<ExpertMap, 'used' | 'count'>): number {
  return Number(Math.min(1, (5 * used) / count).toPrecision(1));
}

/** Which expert stands in which column, layer by layer. */
export function columnOrder({ layers, count, shares }: ExpertMap, isByUse: boolean): Uint32Array {
  const order = new Uint32Array(layers * count);
  for (let layer = 0; layer < layers; layer++) {
    const first = layer * count;
    const experts = Array.from({ length: count }, (_, expert) => expert);
    if (isByUse) experts.sort((left, right) => (shares[first + right] ?? 0) - (shares[first + left] ?? 0));
    order.set(experts, first);
  }
  return order;
}

/** Colours of "in cache": what lies in memory has the colour of the expert cache. */
const cacheRoles = ['--surface-sunken', '--mem-cache'] as const;

export function expertCells(map: ExpertMap, view: ExpertView, order: Uint32Array): HeatmapCells {
  const { layers, count } = map;
  const top = topShare(map);
  const steps = Uint8Array.from(order, (expert, place) => {
    const index = Math.floor(place / count) * count + expert;
    if (view === 'cache') return map.isResident[index] === 1 ? 1 : 0;
    return sequentialStep((view === 'misses' ? map.missed : map.shares)[index] ?? 0, top);
  });
  return { rows: layers, columns: count, steps, roles: view === 'cache' ? cacheRoles : sequentialRoles };
}

/** The expert that a cell stands for. */
export function expertAt({ count }: ExpertMap, order: Uint32Array, { row, column }: HeatmapCell): number {
  return order[row * count + column] ?? column;
}

const percent = (share: number): string => `${formatNumber(share * 100, share < 0.1 ? 1 : 0)} %`;

export function expertText(map: ExpertMap, layer: number, expert: number): string {
  const index = layer * map.count + expert;
  const place = map.isResident[index] === 1 ? 'in memory' : 'in flash';
  const [share, missed] = [map.shares[index] ?? 0, map.missed[index] ?? 0].map(percent);
  return `layer ${layer}, expert ${expert}: ${share} of tokens, ${missed} had to read it, ${place}`;
}

export interface LayerSkew {
  readonly layer: number;
  /** The fewest experts that serve half of what is asked of the layer. */
  readonly servingHalf: number;
  /** Of what is asked of the layer, the part that experts in memory serve, 0 to 1. */
  readonly inMemory: number;
}

export function layerSkew({ count, used, shares, isResident }: ExpertMap, layer: number): LayerSkew {
  const own = shares.subarray(layer * count, (layer + 1) * count);
  const descending = own.toSorted().reverse();
  const half = sumOf(own) / 2;
  let servingHalf = 0;
  for (let sum = 0; sum < half && servingHalf < count; servingHalf++) sum += descending[servingHalf] ?? 0;
  const resident = own.filter((_, expert) => isResident[layer * count + expert] === 1);
  return { layer, servingHalf, inMemory: used > 0 ? sumOf(resident) / used : 0 };
}

/** The layer that fewest experts serve; null: nothing was used yet. */
export function mostSkewed(map: ExpertMap): LayerSkew | null {
  let found: LayerSkew | null = null;
  for (let layer = 0; layer < map.layers; layer++) {
    const skew = layerSkew(map, layer);
    if (skew.servingHalf > 0 && (!found || skew.servingHalf < found.servingHalf)) found = skew;
  }
  return found;
}

export function skewText({ layer, servingHalf, inMemory }: LayerSkew): string {
  return `layer ${layer}: ${servingHalf} ${servingHalf === 1 ? 'serves' : 'serve'} half, ${percent(inMemory)} of its use is in memory`;
}

export interface ExpertRow {
  readonly layer: number;
  readonly expert: number;
  readonly share: number;
  readonly missed: number;
  readonly isResident: boolean;
}

/** In the order of the drawing, row by row. */
export function expertRow(map: ExpertMap, order: Uint32Array, index: number): ExpertRow {
  const layer = Math.floor(index / map.count);
  const expert = order[index] ?? 0;
  const place = layer * map.count + expert;
  return {
    layer,
    expert,
    share: map.shares[place] ?? 0,
    missed: map.missed[place] ?? 0,
    isResident: map.isResident[place] === 1,
  };
}

export function expertCsv(map: ExpertMap, order: Uint32Array): string {
  const head = ['layer', 'expert', 'share of tokens', 'share that read it', 'in memory'];
  const rows = Array.from(order, (_, index) => {
    const { layer, expert, share, missed, isResident } = expertRow(map, order, index);
    return [layer, expert, share, missed, isResident ? 1 : 0];
  });
  return [head, ...rows]
    .map((cells) => `${cells.map((cell) => csvCell(String(cell))).join(',')}\r\n`)
    .join('');
}
