/** Experts by layer: how much each is used, and whether it is in memory. Pure. */
import type { FlashReading } from '../../../electron/contract/streaming.ts';
import { csvCell } from '../../charts/chart-table.ts';
import {
  sequentialRoles,
  sequentialStep,
  type HeatmapCell,
  type HeatmapCells,
} from '../../charts/draw-heatmap.ts';
import { formatNumber } from '../../ui/format.ts';

export type ExpertView = 'use' | 'cache' | 'misses';

/** unused: no token has used its experts yet; dense: it has none. */
type LayerUse = 'used' | 'unused' | 'dense';

export interface ExpertMap {
  readonly layers: number;
  /** Layer by layer. */
  readonly layerUses: readonly LayerUse[];
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
  const sums: number[] = [];
  for (let layer = 0; layer < layers; layer++) {
    const first = layer * count;
    const sum = sumOf(uses.slice(first, first + count));
    sums.push(sum);
    const share = (of: number | undefined) => (sum > 0 ? Math.min(1, ((of ?? 0) * used) / sum) : 0);
    for (let index = first; index < first + count; index++) {
      shares[index] = share(uses[index]);
      missed[index] = share(misses[index]);
    }
  }
  const isResident = Uint8Array.from(resident);
  return { layers, layerUses: layerUses(sums, isResident, count), count, used, shares, missed, isResident };
}

/** A token goes through all layers: one of which nothing is used nor in memory, while others are used, has no experts. */
function layerUses(sums: readonly number[], isResident: Uint8Array, count: number): LayerUse[] {
  const isAnyUsed = sums.some((sum) => sum > 0);
  return sums.map((sum, layer) => {
    if (sum > 0) return 'used';
    const isHeld = isResident.subarray(layer * count, (layer + 1) * count).includes(1);
    return isAnyUsed && !isHeld ? 'dense' : 'unused';
  });
}

/** Layers that have experts, as far as is known. */
export const mixtureLayers = ({ layerUses: uses }: ExpertMap): number =>
  uses.filter((use) => use !== 'dense').length;

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

/** No step of any scale: nothing is drawn. */
const noStep = 255;

/** Colours of "in cache": what lies in memory has the colour of the expert cache. */
const cacheRoles = ['--surface-sunken', '--mem-cache'] as const;

export function expertCells(map: ExpertMap, view: ExpertView, order: Uint32Array): HeatmapCells {
  const { layers, count } = map;
  const top = topShare(map);
  const steps = Uint8Array.from(order, (expert, place) => {
    const layer = Math.floor(place / count);
    const index = layer * count + expert;
    if (map.layerUses[layer] === 'dense') return noStep;
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
  const use = map.layerUses[layer];
  if (use === 'dense') return `layer ${layer} has no experts`;
  const index = layer * map.count + expert;
  const place = map.isResident[index] === 1 ? 'in memory' : 'in flash';
  if (use === 'unused') return `layer ${layer}, expert ${expert}: not used yet, ${place}`;
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

/** Null: none of its experts was used. */
export function layerSkew(map: ExpertMap, layer: number): LayerSkew | null {
  if (map.layerUses[layer] !== 'used') return null;
  const { count, used, shares, isResident } = map;
  const own = shares.subarray(layer * count, (layer + 1) * count);
  const descending = own.slice().sort().reverse();
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
    if (skew && (!found || skew.servingHalf < found.servingHalf)) found = skew;
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

/** Places in the order of those that stand for an expert: layers without experts have none. */
export function expertPlaces({ layerUses: uses, count }: ExpertMap, order: Uint32Array): Uint32Array {
  return Uint32Array.from(order.keys()).filter((place) => uses[Math.floor(place / count)] !== 'dense');
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
  const rows = Array.from(expertPlaces(map, order), (place) => {
    const { layer, expert, share, missed, isResident } = expertRow(map, order, place);
    return [layer, expert, share, missed, isResident ? 1 : 0];
  });
  return [head, ...rows]
    .map((cells) => `${cells.map((cell) => csvCell(String(cell))).join(',')}\r\n`)
    .join('');
}
