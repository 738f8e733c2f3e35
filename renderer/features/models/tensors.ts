/** Filtering and sorting the tensor table. Pure. */
import type { ModelSummary } from '../../../electron/contract/engine-contract.ts';
import { formatNumber } from '../../ui/format.ts';

export type Tensor = ModelSummary['tensors'][number];
export type TensorSortKey = 'name' | 'shape' | 'type' | 'bytes';

export interface TensorSort {
  readonly key: TensorSortKey;
  readonly direction: 'ascending' | 'descending';
}

const elements = ({ shape }: Tensor): number => shape.reduce((product, size) => product * size, 1);
/** Numbers in names count: blk.2 before blk.10. */
const names = new Intl.Collator('en', { numeric: true });

const comparisons: Readonly<Record<TensorSortKey, (left: Tensor, right: Tensor) => number>> = {
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

export function sortTensors(tensors: readonly Tensor[], { key, direction }: TensorSort): Tensor[] {
  const sign = direction === 'ascending' ? 1 : -1;
  return [...tensors].sort(
    (left, right) => sign * comparisons[key](left, right) || names.compare(left.name, right.name),
  );
}

/** Again by the same column turns the order; figures begin with the largest. */
export function nextSort(sort: TensorSort, key: TensorSortKey): TensorSort {
  if (sort.key === key)
    return { key, direction: sort.direction === 'ascending' ? 'descending' : 'ascending' };
  return { key, direction: key === 'bytes' || key === 'shape' ? 'descending' : 'ascending' };
}

export const shapeText = ({ shape }: Tensor): string =>
  shape.length === 0 ? 'one number' : shape.map((size) => formatNumber(size)).join(' × ');

/** MiB, as tensors are compared: one unit for all. */
export function mebibytes(bytes: number): string {
  const value = bytes / 1024 ** 2;
  if (value > 0 && value < 0.01) return '< 0.01';
  return formatNumber(value, value < 10 ? 2 : 1);
}
