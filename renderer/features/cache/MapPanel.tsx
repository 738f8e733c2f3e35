import { Download } from 'lucide-react';
import { useMemo, useState } from 'react';
import type { HeldConversation } from '../../../electron/contract/kv-cache.ts';
import {
  leftSpace,
  rightSpace,
  sequentialRoles,
  type ColumnRange,
  type HeatmapCell,
} from '../../charts/draw-heatmap.ts';
import { Heatmap } from '../../charts/Heatmap.tsx';
import { LongTable } from '../../charts/LongTable.tsx';
import { useSaveCsv } from '../../charts/save-csv.ts';
import { useHeight } from '../../charts/use-extent.ts';
import { formatNumber } from '../../ui/format.ts';
import { IconButton } from '../../ui/IconButton.tsx';
import { Notice } from '../../ui/Notice.tsx';
import { Panel } from '../../ui/Panel.tsx';
import { SegmentedControl } from '../../ui/SegmentedControl.tsx';
import { Select } from '../../ui/Select.tsx';
import { partName } from '../chat/LedgerTable.tsx';
import {
  isRead,
  layerOf,
  mapCells,
  mapCsv,
  measureNames,
  partAt,
  positionRow,
  scaleOf,
  shownPiece,
  valueText,
  type CacheValues,
  type MapMeasure,
  type MapScale,
} from './cache-map.ts';
import { CellFacts, RangeFacts } from './MapFacts.tsx';
import { useCacheMap } from './use-held-cache.ts';

const measures = Object.entries(measureNames).map(([value, label]) => ({
  value: value as MapMeasure,
  label,
}));

/** Layers by positions; of the measures that heads have, of one head or the mean. */
export function MapPanel({ held }: { readonly held: HeldConversation }) {
  const [measure, setMeasure] = useState<MapMeasure>('attention');
  const [head, setHead] = useState<number | null>(null);
  const [display, setDisplay] = useState<'map' | 'table'>('map');
  const answer = useCacheMap(held, measure, isRead(measure) ? head : null);
  const save = useSaveCsv();
  // What is shown belongs together: the map and what was held when it was read.
  const shown = answer.state === 'read' ? answer : null;
  const heads = Math.max(
    1,
    ...held.layers.map((layer) => (measure === 'attention' ? layer.heads : layer.keyValueHeads)),
  );
  return (
    <Panel
      title="Map"
      aside={
        <>
          <SegmentedControl
            label="Coloured by"
            value={measure}
            segments={measures}
            onChange={(chosen) => {
              setMeasure(chosen);
              setHead(null);
            }}
          />
          {isRead(measure) && (
            <Select
              label="Head"
              hidesLabel
              value={head === null ? 'mean' : String(head)}
              options={[
                { value: 'mean', label: 'mean of heads' },
                ...Array.from({ length: heads }, (_, index) => ({
                  value: String(index),
                  label: `${measure === 'attention' ? 'head' : 'KV head'} ${index}`,
                })),
              ]}
              onChange={(chosen) => setHead(chosen === 'mean' ? null : Number(chosen))}
            />
          )}
          <span className="ml-auto flex items-center gap-2">
            <IconButton
              size="small"
              icon={Download}
              label="Save the map as CSV"
              disabled={!shown}
              onClick={() =>
                shown && void save(`cache ${measureNames[measure]}`, mapCsv(shown.held, shown.map))
              }
            />
            <SegmentedControl
              label="Show the cache as"
              value={display}
              segments={[
                { value: 'map', label: 'map' },
                { value: 'table', label: 'table' },
              ]}
              onChange={setDisplay}
            />
          </span>
        </>
      }
    >
      {answer.state === 'reading' && <p className="px-3 pb-3 text-text-muted">Reading the map…</p>}
      {answer.state === 'failed' && (
        <div className="px-3 pb-3">
          <Notice level="error" title="The map cannot be read.">
            {answer.message}
          </Notice>
        </div>
      )}
      {shown && display === 'map' && <MapView held={shown.held} map={shown.map} />}
      {shown && display === 'table' && <MapTable held={shown.held} map={shown.map} />}
    </Panel>
  );
}

interface Shown {
  readonly held: HeldConversation;
  readonly map: CacheValues;
}

/** Beside the rows: whose positions they are, axis, scale and facts. */
const besideRows = 176;

/** High enough to point at, and no higher than there is room for. */
const rowHeight = (layers: number, height: number): number =>
  Math.max(3, Math.min(24, (height - besideRows) / layers));

function MapView({ held, map }: Shown) {
  const [marked, setMarked] = useState<HeatmapCell | null>(null);
  const [range, setRange] = useState<ColumnRange | null>(null);
  const [place, height] = useHeight();
  const scale = useMemo(() => scaleOf(map), [map]);
  const cells = useMemo(() => mapCells(map, scale), [map, scale]);
  const cellText = ({ row, column }: HeatmapCell) => {
    const value = map.values[row * map.positions + column] ?? NaN;
    const part = partAt(held, column);
    const where = part ? ` in ${partName(part)}` : '';
    return `layer ${layerOf(held, row)}, position ${column}, token ${shownPiece(held.pieces[column] ?? '')}${where}: ${measureNames[map.measure]} ${valueText(map.measure, value)}`;
  };
  const inside = marked && marked.row < map.layers && marked.column < map.positions ? marked : null;
  return (
    <div ref={place} className="grid min-h-0 flex-1 grid-cols-[minmax(0,1fr)] content-start gap-1 px-3 pb-2">
      <Spans held={held} />
      <Heatmap
        title={`Cache by layer and position: ${measureNames[map.measure]}`}
        cells={cells}
        rowName="layer"
        columnName="position"
        rowHeight={rowHeight(map.layers, height)}
        marked={inside}
        onMark={setMarked}
        cellText={cellText}
        range={range}
        onRange={setRange}
      />
      <Scale measure={map.measure} scale={scale} held={held} />
      <div className="grid min-h-18 grid-cols-[minmax(0,1fr)_auto] gap-4 border-t border-line pt-2">
        <CellFacts held={held} map={map} cell={inside} />
        <RangeFacts held={held} map={map} range={range} />
      </div>
    </div>
  );
}

/** Whose positions they are, above the cells. */
function Spans({ held }: Pick<Shown, 'held'>) {
  return (
    <div
      aria-hidden="true"
      className="flex h-4 gap-px text-1 text-text-muted"
      style={{ marginLeft: leftSpace, marginRight: rightSpace }}
    >
      {mergedSpans(held).map(({ from, to, name }) => (
        <span
          key={from}
          title={name}
          className="min-w-0 overflow-hidden bg-surface-sunken px-1 text-ellipsis whitespace-nowrap"
          style={{
            width: `${((to - from) / held.positions) * 100}%`,
            paddingInline: to - from < held.positions / 40 ? 0 : undefined,
          }}
        >
          {to - from < held.positions / 25 ? '' : name}
        </span>
      ))}
    </div>
  );
}

/** What the template writes around a part goes with the part after it. */
function mergedSpans({ spans, parts }: HeldConversation) {
  const merged: { from: number; to: number; name: string }[] = [];
  let from = 0;
  for (const span of spans) {
    const part = parts[span.part];
    if (!part || part.origin === 'template') continue;
    merged.push({ from, to: span.to, name: partName(part) });
    from = span.to;
  }
  return merged;
}

/** What the colours stand for, with units. */
function Scale({
  measure,
  scale,
  held,
}: {
  readonly measure: MapMeasure;
  readonly scale: MapScale;
  readonly held: HeldConversation;
}) {
  if (measure === 'precision') {
    const codecs = [...new Set(held.layers.map(({ codec }) => codec))];
    return <p className="text-1 text-text-muted">All layers: {codecs.join(', ')}</p>;
  }
  const units: Readonly<Record<Exclude<MapMeasure, 'precision'>, string>> = {
    bytes: 'bytes of a position',
    'key-norm': 'norm of the key',
    'value-norm': 'norm of the value',
    attention: 'share of the last position’s attention, log scale',
  };
  return (
    <p className="flex items-center gap-2 text-1 whitespace-nowrap text-text-muted">
      <span>{units[measure]}</span>
      <span>{valueText(measure, scale.low)}</span>
      <span aria-hidden="true" className="flex h-2 w-30">
        {sequentialRoles.map((role) => (
          <i key={role} className="flex-1" style={{ background: `var(${role})` }} />
        ))}
      </span>
      <span>{valueText(measure, scale.high)}</span>
      <span className="ml-auto">Drag, or Shift and arrows, for sums</span>
    </p>
  );
}

function MapTable({ held, map }: Shown) {
  const name = measureNames[map.measure];
  return (
    <LongTable
      label="Cache by position, table"
      className="flex-1"
      isCompact
      columns={[
        { name: 'position', isFigure: true },
        { name: 'token' },
        { name: 'part' },
        { name: `mean ${name} of layers`, isFigure: true },
        { name: `most ${name}`, isFigure: true },
        { name: 'in layer', isFigure: true },
      ]}
      rowCount={map.positions}
      row={(index) => {
        const { position, piece, part, mean, most, layer } = positionRow(held, map, index);
        return [
          formatNumber(position),
          <span key="piece" className="font-token">
            {shownPiece(piece)}
          </span>,
          part ? partName(part) : '',
          map.measure === 'precision' ? '' : valueText(map.measure, mean),
          valueText(map.measure, most),
          formatNumber(layer),
        ];
      }}
    />
  );
}
