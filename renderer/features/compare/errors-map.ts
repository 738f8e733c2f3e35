/** How far weights are from the reference's, layer by layer. Pure. */
import type { CompareWeights } from '../../../electron/contract/compare.ts';
import {
  sequentialRoles,
  sequentialStep,
  type HeatmapCell,
  type HeatmapCells,
} from '../../charts/draw-heatmap.ts';
import type { FigureTableData } from '../../charts/FigureTable.tsx';
import { formatNumber } from '../../ui/format.ts';

export interface ErrorMap {
  /** Parts of a layer, in the order of the weights. */
  readonly parts: readonly string[];
  readonly layers: number;
  /** Parts × layers; NaN: there is no such matrix, or not in this variant. */
  readonly errors: Float64Array;
  /** Names by place; '': none. */
  readonly names: readonly string[];
  /** What no colour stands for, and full colour. */
  readonly bottom: number;
  readonly top: number;
  /** Matrices of no layer, such as the token rows. */
  readonly others: readonly { readonly name: string; readonly error: number | null }[];
}

/** Of a variant after the reference; null: there is nothing of it. */
export function errorMap({ tensors, errors }: CompareWeights, variant: number): ErrorMap | null {
  const own = errors[variant];
  if (!own) return null;
  const parts = [...new Set(tensors.flatMap(({ layer, part }) => (layer === null ? [] : [part])))];
  const layers = tensors.reduce((most, { layer }) => Math.max(most, (layer ?? -1) + 1), 0);
  const map = new Float64Array(parts.length * layers).fill(Number.NaN);
  const names = Array.from({ length: map.length }, () => '');
  tensors.forEach(({ name, layer, part }, index) => {
    if (layer === null) return;
    const place = parts.indexOf(part) * layers + layer;
    names[place] = name;
    map[place] = own[index] ?? Number.NaN;
  });
  const others = tensors.flatMap(({ name, layer }, index) =>
    layer === null ? [{ name, error: own[index] ?? null }] : [],
  );
  return { parts, layers, errors: map, names, ...scaleOf(own), others };
}

/** Errors that lie closer together than this part of the most are told apart from the least on, not from 0. */
const closeFrom = 1 / 3;

/** Rounded to two figures. Of each variant its own: one that is coarser would take the colours of all others. */
function scaleOf(errors: CompareWeights['errors'][number]): Pick<ErrorMap, 'bottom' | 'top'> {
  const known = errors.filter((error) => error !== null && error > 0) as number[];
  const most = Math.max(0, ...known);
  if (most === 0) return { bottom: 0, top: 0 };
  const least = Math.min(...known);
  const unit = 10 ** (Math.floor(Math.log10(most)) - 1);
  const rounded = (value: number) => Number((value * unit).toPrecision(2));
  return {
    bottom: least < most * closeFrom ? 0 : rounded(Math.floor(least / unit)),
    top: rounded(Math.ceil(most / unit)),
  };
}

/** No matrix there: as the ground. */
const missingStep = sequentialRoles.length;
const roles = [...sequentialRoles, '--surface-sunken'];

export function errorCells({ parts, layers, errors, bottom, top }: ErrorMap): HeatmapCells {
  const steps = Uint8Array.from(errors, (error) =>
    Number.isNaN(error) ? missingStep : sequentialStep(error - bottom, top - bottom),
  );
  return { rows: parts.length, columns: layers, steps, roles };
}

/** "attention.query" of attention.query.weight. */
export const partName = (part: string): string => part.replace(/\.weight$/, '');

export const errorText = (error: number): string =>
  error === 0 ? '0' : formatNumber(error, error < 0.01 ? 5 : 3);

export function cellName(map: ErrorMap, { row, column }: HeatmapCell): string {
  return map.names[row * map.layers + column] ?? '';
}

export function cellText(map: ErrorMap, { row, column }: HeatmapCell): string {
  const error = map.errors[row * map.layers + column] ?? Number.NaN;
  const place = `layer ${column}, ${partName(map.parts[row] ?? '')}`;
  return Number.isNaN(error) ? `${place}: none` : `${place}: error ${errorText(error)}`;
}

/** The worst matrix, in words. */
export function errorFinding(map: ErrorMap): string {
  let worst = -1;
  map.errors.forEach((error, place) => {
    if (error > (map.errors[worst] ?? -1)) worst = place;
  });
  const error = map.errors[worst] ?? 0;
  if (worst < 0) return 'No matrix of a layer could be compared.';
  if (error === 0) return 'Its weights are the reference’s.';
  return `Worst: ${cellText(map, { row: Math.floor(worst / map.layers), column: worst % map.layers })}`;
}

export function errorTable({ tensors, errors }: CompareWeights, labels: readonly string[]): FigureTableData {
  return {
    columns: ['Matrix', 'weights', ...labels.slice(1)],
    rows: tensors.map(({ name, elements }, index) => [
      name,
      formatNumber(elements),
      ...errors.map((own) => {
        const error = own[index];
        return error === null || error === undefined ? '' : errorText(error);
      }),
    ]),
  };
}
