import { useEffect, useState } from 'react';
import type { HeldConversation } from '../../../electron/contract/kv-cache.ts';
import type { ColumnRange, HeatmapCell } from '../../charts/draw-heatmap.ts';
import { useHost } from '../../ipc/host-context.ts';
import { formatBytes, formatCount, formatNumber } from '../../ui/format.ts';
import { partName } from '../chat/LedgerTable.tsx';
import {
  isRead,
  layerOf,
  measureNames,
  partAt,
  shownPiece,
  sumsOf,
  valueText,
  type CacheValues,
  type MapMeasure,
} from './cache-map.ts';

/** A cell is asked for once the pointer rests: attention takes a step of the model. */
const restMs = 200;
/** More bars than these are no picture any more. */
const mostHeads = 9;

interface Heads {
  readonly key: string;
  readonly values: readonly (number | null)[];
}

/** The heads of a cell that is looked at for a moment; null: not known yet. */
function useHeads(measure: MapMeasure, cell: HeatmapCell | null): readonly (number | null)[] | null {
  const { client } = useHost();
  const [heads, setHeads] = useState<Heads | null>(null);
  const [row, column] = [cell?.row ?? -1, cell?.column ?? -1];
  const key = `${measure} ${row} ${column}`;
  useEffect(() => {
    if (row < 0 || !isRead(measure)) return;
    const leaving = new AbortController();
    const { signal } = leaving;
    const timer = setTimeout(() => {
      client.readCacheCell({ measure, layer: row, position: column }, { signal }).then(
        (values) => !signal.aborted && setHeads({ key, values }),
        // The map says what is wrong with the cache.
        () => undefined,
      );
    }, restMs);
    return () => {
      clearTimeout(timer);
      leaving.abort();
    };
  }, [client, measure, row, column, key]);
  return heads?.key === key ? heads.values : null;
}

export function CellFacts({
  held,
  map,
  cell,
}: {
  readonly held: HeldConversation;
  readonly map: CacheValues;
  readonly cell: HeatmapCell | null;
}) {
  const heads = useHeads(map.measure, cell);
  if (!cell) return <p className="text-1 text-text-muted">Point at a cell, or use the arrow keys.</p>;
  const { row, column } = cell;
  const part = partAt(held, column);
  const value = map.values[row * map.positions + column] ?? NaN;
  return (
    <div className="grid grid-cols-[minmax(0,1fr)_minmax(0,1fr)] gap-4">
      <div className="min-w-0 text-1 text-text-muted">
        <p>
          Cell: layer {layerOf(held, row)}, position {formatNumber(column)}
        </p>
        <p className="truncate">
          <code className="font-token bg-surface-sunken px-1 text-2 text-text">
            {shownPiece(held.pieces[column] ?? '')}
          </code>{' '}
          {part && partName(part)}
        </p>
        <p>
          {measureNames[map.measure]} <b className="text-text">{valueText(map.measure, value)}</b>
        </p>
      </div>
      {heads && <HeadBars measure={map.measure} values={heads} />}
    </div>
  );
}

function HeadBars({
  measure,
  values,
}: {
  readonly measure: MapMeasure;
  readonly values: readonly (number | null)[];
}) {
  const shown = values
    .map((value, head) => ({ head, value: value ?? NaN }))
    .sort((left, right) => right.value - left.value)
    .slice(0, mostHeads)
    .sort((left, right) => left.head - right.head);
  const most = Math.max(...shown.map(({ value }) => value), 1e-9);
  return (
    <div className="text-1 text-text-muted">
      <p aria-hidden="true">{values.length > mostHeads ? `the ${mostHeads} highest heads` : 'by head'}</p>
      <ul className="grid grid-cols-3 content-start gap-x-3" aria-label="By head">
        {shown.map(({ head, value }) => (
          <li key={head} className="grid grid-cols-[auto_minmax(0,1fr)_auto] items-center gap-1">
            <span>{head}</span>
            <span
              aria-hidden="true"
              className="h-2 bg-mem-kv"
              style={{ width: `${(Math.max(0, value) / most) * 100}%` }}
            />
            <b className="text-text">{valueText(measure, value)}</b>
          </li>
        ))}
      </ul>
    </div>
  );
}

export function RangeFacts({
  held,
  map,
  range,
}: {
  readonly held: HeldConversation;
  readonly map: CacheValues;
  readonly range: ColumnRange | null;
}) {
  if (!range) return null;
  const { tokens, bytes, value } = sumsOf(held, map, range);
  return (
    <div role="status" className="border-l border-line pl-4 text-1 text-text-muted">
      <p>
        Positions {formatNumber(range.from)} to {formatNumber(range.to - 1)}, all layers
      </p>
      <p className="text-2 text-text">
        {formatCount(tokens, 'token')}, {formatBytes(bytes)}
      </p>
      {value !== null && (
        <p>
          {map.measure === 'attention'
            ? `${formatNumber(value * 100, 1)} % of attention`
            : `mean ${measureNames[map.measure]} ${valueText(map.measure, value)}`}
        </p>
      )}
    </div>
  );
}
