import { useMemo, useState } from 'react';
import type { ModelSummary } from '../../../electron/contract/engine-contract.ts';
import { LongTable } from '../../charts/LongTable.tsx';
import { formatNumber } from '../../ui/format.ts';
import { Panel } from '../../ui/Panel.tsx';
import { TextField } from '../../ui/TextField.tsx';
import {
  filterTensors,
  mebibytes,
  nextSort,
  shapeText,
  sortTensors,
  type TensorSort,
  type TensorSortKey,
} from './tensors.ts';

const columns: readonly { readonly key: TensorSortKey; readonly name: string; readonly isFigure: boolean }[] =
  [
    { key: 'name', name: 'Tensor', isFigure: false },
    { key: 'shape', name: 'shape', isFigure: false },
    { key: 'type', name: 'type', isFigure: false },
    { key: 'bytes', name: 'MiB', isFigure: true },
  ];

/** Every tensor, sorted and filtered; only the rows in sight are in the page. */
export function TensorPanel({ tensors }: { readonly tensors: ModelSummary['tensors'] }) {
  const [words, setWords] = useState('');
  const [sort, setSort] = useState<TensorSort>({ key: 'bytes', direction: 'descending' });
  const rows = useMemo(() => sortTensors(filterTensors(tensors, words), sort), [tensors, words, sort]);
  const count =
    rows.length === tensors.length
      ? formatNumber(tensors.length)
      : `${formatNumber(rows.length)} of ${formatNumber(tensors.length)}`;
  return (
    <Panel
      title="Tensors"
      className="min-h-55 flex-1 overflow-hidden"
      aside={
        <>
          <span role="status" className="text-1 text-text-muted">
            {count}
          </span>
          <TextField
            label="Filter tensors"
            hidesLabel
            type="search"
            placeholder="Filter, such as blk.23 ffn"
            className="w-52"
            value={words}
            onChange={(event) => setWords(event.target.value)}
          />
        </>
      }
    >
      <LongTable
        label="Tensors"
        className="flex-1"
        columns={columns.map(({ key, name, isFigure }) => ({
          name,
          isFigure,
          sort: sort.key === key ? sort.direction : 'none',
          onSort: () => setSort(nextSort(sort, key)),
        }))}
        rowCount={rows.length}
        row={(index) => {
          const tensor = rows[index];
          if (!tensor) return [];
          return [
            <span
              key="name"
              className="font-token"
              title={`${tensor.file}, byte ${formatNumber(tensor.offset)}`}
            >
              {tensor.name}
            </span>,
            <span key="shape" className="text-text-muted">
              {shapeText(tensor)}
            </span>,
            tensor.type,
            mebibytes(tensor.bytes),
          ];
        }}
      />
    </Panel>
  );
}
