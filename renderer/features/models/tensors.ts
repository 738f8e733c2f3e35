/** Filtering and sorting the tensor table. Pure. */
import type { ModelSummary } from '../../../electron/contract/model-summary.ts';
import {
  bitsPerWeight,
  type TensorOutcome,
  type TensorStatistics,
} from '../../../electron/contract/tensor-statistics.ts';
import { formatNumber } from '../../ui/format.ts';

export type Tensor = ModelSummary['tensors'][number];
export type TensorFigure = 'minimum' | 'maximum' | 'mean' | 'deviation';
export type TensorSortKey = 'name' | 'shape' | 'type' | 'bytes' | 'bits' | TensorFigure;
/** What was read of the values of tensors, by name. */
export type Outcomes = ReadonlyMap<string, TensorOutcome>;

export interface TensorSort {
  readonly key: TensorSortKey;
  readonly direction: 'ascending' | 'descending';
}

const elements = ({ shape }: Tensor): number => shape.reduce((product, size) => product * size, 1);
/** Numbers in names count: blk.2 before blk.10. */
const names = new Intl.Collator('en', { numeric: true });

export function statisticsOf({ name }: Tensor, outcomes: Outcomes): TensorStatistics | null {
  const outcome = outcomes.get(name);
  return outcome?.type === 'statistics' ? outcome.statistics : null;
}

const figureOf = (figure: TensorFigure) => (tensor: Tensor, outcomes: Outcomes) =>
  statisticsOf(tensor, outcomes)?.finite?.[figure] ?? null;

/** Columns whose figures a tensor may not have: those come last, in either order. */
const figures: Partial<Record<TensorSortKey, (tensor: Tensor, outcomes: Outcomes) => number | null>> = {
  bits: bitsPerWeight,
  minimum: figureOf('minimum'),
  maximum: figureOf('maximum'),
  mean: figureOf('mean'),
  deviation: figureOf('deviation'),
};

const comparisons: Partial<Record<TensorSortKey, (left: Tensor, right: Tensor) => number>> = {
  name: (left, right) => names.compare(left.name, right.name),
  shape: (left, right) => elements(left) - elements(right),
  type: (left, right) => names.compare(left.type, right.type),
  bytes: (left, right) => left.bytes - right.bytes,
};

/** Those whose name or type holds every word. */
export function filterTensors(tensors: readonly Tensor[], words: string): readonly Tensor[] {
  const wanted = words
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');
  if (wanted.length === 0) return tensors;
  return tensors.filter(({ name, type }) => {
    const text = `${name} ${type}`.toLowerCase();
    return wanted.every((word) => text.includes(word));
  });
}

export function sortTensors(
  tensors: readonly Tensor[],
  { key, direction }: TensorSort,
  outcomes: Outcomes,
): Tensor[] {
  const sign = direction === 'ascending' ? 1 : -1;
  const compare = comparisons[key];
  if (compare) {
    return [...tensors].sort(
      (left, right) => sign * compare(left, right) || names.compare(left.name, right.name),
    );
  }
  const value = new Map(tensors.map((tensor) => [tensor, figures[key]?.(tensor, outcomes) ?? null]));
  return [...tensors].sort((left, right) => {
    const [own, other] = [value.get(left) ?? null, value.get(right) ?? null];
    if (own === null || other === null)
      return Number(own === null) - Number(other === null) || names.compare(left.name, right.name);
    return sign * (own - other) || names.compare(left.name, right.name);
  });
}

/** Again by the same column turns the order; figures begin with the largest. */
export function nextSort(sort: TensorSort, key: TensorSortKey): TensorSort {
  if (sort.key === key)
    return { key, direction: sort.direction === 'ascending' ? 'descending' : 'ascending' };
  return { key, direction: key === 'name' || key === 'type' ? 'ascending' : 'descending' };
}

export const shapeText = ({ shape }: Tensor): string =>
  shape.length === 0 ? 'one number' : shape.map((size) => formatNumber(size)).join(' × ');

/** MiB, as tensors are compared: one unit for all. */
export function mebibytes(bytes: number): string {
  const value = bytes / 1024 ** 2;
  if (value > 0 && value < 0.01) return '< 0.01';
  return formatNumber(value, value < 10 ? 2 : 1);
}

/** Three digits that count: weights are seldom far from 1. */
export function formatValue(value: number): string {
  const size = Math.abs(value);
  if (value === 0) return '0';
  if (size < 1e-4 || size >= 1e6) return value.toExponential(2).replaceAll('-', '−');
  if (size >= 1000) return formatNumber(value);
  return value.toPrecision(3).replace('-', '−');
}

export function bitsText(tensor: Tensor): string {
  const bits = bitsPerWeight(tensor);
  return bits === null ? '' : formatNumber(bits, 2);
}
