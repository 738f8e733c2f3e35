import { Download } from 'lucide-react';
import { useMemo, useState, type ReactNode } from 'react';
import { useStore } from 'zustand';
import type { ModelSummary } from '../../../electron/contract/model-summary.ts';
import { Histogram } from '../../charts/Histogram.tsx';
import { LongTable } from '../../charts/LongTable.tsx';
import { useSaveCsv } from '../../charts/save-csv.ts';
import { useHost } from '../../ipc/host-context.ts';
import { Button } from '../../ui/Button.tsx';
import { classNames } from '../../ui/class-names.ts';
import { formatNumber } from '../../ui/format.ts';
import { IconButton } from '../../ui/IconButton.tsx';
import { Panel } from '../../ui/Panel.tsx';
import { TextField } from '../../ui/TextField.tsx';
import { statisticsStore } from './statistics-store.ts';
import { StatisticsFailure, StatisticsProgress } from './StatisticsProgress.tsx';
import { tensorCsv } from './tensor-csv.ts';
import { TensorDetail } from './TensorDetail.tsx';
import {
  bitsText,
  filterTensors,
  formatValue,
  mebibytes,
  nextSort,
  shapeText,
  sortTensors,
  statisticsOf,
  type Outcomes,
  type Tensor,
  type TensorSort,
  type TensorSortKey,
} from './tensors.ts';

interface TensorColumn {
  readonly key: TensorSortKey;
  readonly name: string;
  readonly isFigure: boolean;
  /** A class of width, so that columns stay where they are when values come. */
  readonly width?: string;
}

const columns: readonly TensorColumn[] = [
  { key: 'name', name: 'Tensor', isFigure: false },
  { key: 'shape', name: 'shape', isFigure: false },
  { key: 'type', name: 'type', isFigure: false },
  { key: 'bytes', name: 'MiB', isFigure: true },
  { key: 'bits', name: 'bits a weight', isFigure: true },
  { key: 'minimum', name: 'min', isFigure: true, width: 'min-w-16' },
  { key: 'maximum', name: 'max', isFigure: true, width: 'min-w-16' },
  { key: 'mean', name: 'mean', isFigure: true, width: 'min-w-20' },
  { key: 'deviation', name: 'std', isFigure: true, width: 'min-w-16' },
];

const none: Outcomes = new Map();

/** Every tensor, sorted and filtered, and what its values are once they were read; only the rows in sight are in the page. */
export function TensorPanel({ model, summary }: { readonly model: string; readonly summary: ModelSummary }) {
  const { tensors, identity } = summary;
  const { client } = useHost();
  const store = statisticsStore(client);
  const outcomes = useStore(store, (state) => state.outcomes.get(identity) ?? none);
  const run = useStore(store, (state) => state.runs.get(identity));
  const [words, setWords] = useState('');
  const [sort, setSort] = useState<TensorSort>({ key: 'bytes', direction: 'descending' });
  const [chosen, setChosen] = useState<Tensor | null>(null);
  const rows = useMemo(
    () => sortTensors(filterTensors(tensors, words), sort, outcomes),
    [tensors, words, sort, outcomes],
  );
  const save = useSaveCsv();
  const isReading = run?.error === null;
  const unread = tensors.filter(({ name }) => !outcomes.has(name)).map(({ name }) => name);
  const read = (names: readonly string[], name: string | null) =>
    void store.actions.read({ id: model, identity }, names, name);
  const open = (tensor: Tensor | undefined) => {
    if (tensor && !isReading && !outcomes.has(tensor.name)) read([tensor.name], tensor.name);
  };
  return (
    <Panel
      title="Tensors"
      className={classNames('flex-1 overflow-hidden', chosen ? 'min-h-125' : 'min-h-70')}
      aside={
        <>
          <span role="status" className="text-1 text-text-muted">
            {countText(rows.length, tensors.length)}
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
          <span className="ml-auto flex items-center gap-2">
            {run && isReading && (
              <StatisticsProgress run={run} onLeave={() => store.actions.leave(identity)} />
            )}
            {!isReading && outcomes.size === 0 && (
              <span className="text-1 text-text-muted">min to histogram are known once values were read</span>
            )}
            {!isReading && unread.length > 0 && (
              <Button size="small" onClick={() => read(unread, null)}>
                Read all values
              </Button>
            )}
            <IconButton
              size="small"
              icon={Download}
              label="Save tensors as CSV"
              onClick={() => void save('tensors', tensorCsv(tensors, outcomes))}
            />
          </span>
        </>
      }
    >
      {run && !isReading && <StatisticsFailure run={run} onLeave={() => store.actions.leave(identity)} />}
      <LongTable
        label="Tensors"
        className="flex-1"
        columns={[
          ...columns.map(({ key, name, isFigure, width }) => ({
            name,
            isFigure,
            width,
            sort: sort.key === key ? sort.direction : ('none' as const),
            onSort: () => setSort(nextSort(sort, key)),
          })),
          { name: 'histogram', width: 'min-w-25' },
        ]}
        rowCount={rows.length}
        row={(index) => {
          const tensor = rows[index];
          return tensor ? cells(tensor, outcomes) : [];
        }}
        selection={{
          index: chosen ? rows.indexOf(chosen) : -1,
          onSelect: (index) => setChosen(rows[index] ?? null),
          onOpen: (index) => open(rows[index]),
        }}
      />
      {chosen && (
        <TensorDetail
          key={chosen.name}
          tensor={chosen}
          outcome={outcomes.get(chosen.name)}
          isReading={isReading}
          onRead={() => open(chosen)}
          onClose={() => setChosen(null)}
        />
      )}
    </Panel>
  );
}

function countText(shown: number, all: number): string {
  return shown === all ? formatNumber(all) : `${formatNumber(shown)} of ${formatNumber(all)}`;
}

function cells(tensor: Tensor, outcomes: Outcomes): ReactNode[] {
  const { name, file, offset, type, bytes } = tensor;
  const finite = statisticsOf(tensor, outcomes)?.finite;
  const figures = finite && [finite.minimum, finite.maximum, finite.mean, finite.deviation];
  return [
    <span key="name" className="font-token" title={`${file}, byte ${formatNumber(offset)}`}>
      {name}
    </span>,
    <span key="shape" className="text-text-muted">
      {shapeText(tensor)}
    </span>,
    type,
    mebibytes(bytes),
    bitsText(tensor),
    ...(figures?.map(formatValue) ?? ['', '', '', '']),
    finite ? <Histogram key="histogram" counts={finite.histogram} className="h-4.5 w-21" /> : '',
  ];
}
