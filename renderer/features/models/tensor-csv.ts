/** The whole tensor table as CSV (RFC 4180): names and shapes, and what was read of the values. Pure. */
import { bitsPerWeight, type TensorOutcome } from '../../../electron/contract/tensor-statistics.ts';
import { csvCell } from '../../charts/chart-table.ts';
import type { Outcomes, Tensor } from './tensors.ts';

const columns = [
  ...['tensor', 'type', 'shape', 'file', 'offset', 'bytes', 'bits per weight'],
  ...['values', 'minimum', 'maximum', 'mean', 'standard deviation', 'zeros', 'not a number', 'infinite'],
  // Counts of as many bins of equal width from minimum to maximum.
  ...['histogram', 'remark'],
];

export function tensorCsv(tensors: readonly Tensor[], outcomes: Outcomes): string {
  const rows = tensors.map((tensor) => {
    const { name, type, shape, file, offset, bytes } = tensor;
    const bits = bitsPerWeight(tensor);
    const plain = [name, type, shape.join(' × '), file, offset, bytes, bits ?? ''];
    return [...plain, ...valueCells(outcomes.get(name))];
  });
  return [columns, ...rows]
    .map((cells) => cells.map((cell) => csvCell(String(cell))).join(',') + '\r\n')
    .join('');
}

function valueCells(outcome: TensorOutcome | undefined): (string | number)[] {
  if (outcome?.type !== 'statistics') return ['', '', '', '', '', '', '', '', '', outcome?.reason ?? ''];
  const { values, zeros, notNumbers, infinities, finite } = outcome.statistics;
  const spread = finite ? [finite.minimum, finite.maximum, finite.mean, finite.deviation] : ['', '', '', ''];
  return [values, ...spread, zeros, notNumbers, infinities, finite?.histogram.join(' ') ?? '', ''];
}
