import { useEffect, useMemo, useState } from 'react';
import type { FlashReading } from '../../../electron/contract/streaming.ts';
import type { HeatmapCell } from '../../charts/draw-heatmap.ts';
import { Heatmap } from '../../charts/Heatmap.tsx';
import { LongTable } from '../../charts/LongTable.tsx';
import { useSaveCsv } from '../../charts/save-csv.ts';
import { ShowAs, type Display } from '../../charts/ShowAs.tsx';
import { useInSight } from '../../charts/use-in-sight.ts';
import { useHost } from '../../ipc/host-context.ts';
import { formatCount, formatNumber } from '../../ui/format.ts';
import { Panel } from '../../ui/Panel.tsx';
import { SegmentedControl } from '../../ui/SegmentedControl.tsx';
import { Switch } from '../../ui/Switch.tsx';
import {
  columnOrder,
  expertAt,
  expertCells,
  expertCsv,
  expertMap,
  expertPlaces,
  expertRow,
  expertText,
  layerSkew,
  mixtureLayers,
  mostSkewed,
  skewText,
  type ExpertMap,
  type ExpertView,
} from './expert-map.ts';
import { ExpertScale } from './ExpertScale.tsx';
import { followFlash } from './follow-flash.ts';

/** The experts of the streamed model in memory, layer by layer; live while it writes and somebody looks. Nothing where it has none. */
export function ExpertPanel({
  isBusy,
  budgetBytes,
}: {
  readonly isBusy: boolean;
  /** Of its weights: with another one other experts are in memory. */
  readonly budgetBytes: number;
}) {
  const { client } = useHost();
  const [reading, setReading] = useState<FlashReading | null>(null);
  const [measured, isInSight] = useInSight();
  useEffect(
    () => followFlash(client, isBusy && isInSight, setReading),
    [client, isBusy, isInSight, budgetBytes],
  );
  const map = useMemo(() => reading && expertMap(reading), [reading]);
  return <div ref={measured}>{map && <Experts map={map} />}</div>;
}

function Experts({ map }: { readonly map: ExpertMap }) {
  const [view, setView] = useState<ExpertView>('use');
  const [isByUse, setIsByUse] = useState(false);
  const [display, setDisplay] = useState<Display>('chart');
  const order = useMemo(() => columnOrder(map, isByUse), [map, isByUse]);
  const save = useSaveCsv();
  return (
    <Panel
      title="Experts"
      aside={
        <>
          <span className="text-1 text-text-muted">
            {layersText(map)} × {formatNumber(map.count)}, {formatNumber(map.used)} of a layer for each token
          </span>
          <span className="ml-auto flex flex-wrap items-center gap-2">
            <Switch label="Sorted by use" isOn={isByUse} onChange={setIsByUse} />
            <SegmentedControl
              label="Experts by"
              value={view}
              segments={[
                { value: 'use', label: 'use' },
                { value: 'cache', label: 'in cache' },
                { value: 'misses', label: 'misses' },
              ]}
              onChange={setView}
            />
            <ShowAs
              label="Show experts as"
              saveLabel="Save experts as CSV"
              drawing="map"
              display={display}
              onSave={() => void save('experts', expertCsv(map, order))}
              onChange={setDisplay}
            />
          </span>
        </>
      }
    >
      {display === 'chart' ? (
        <MapView map={map} view={view} order={order} isByUse={isByUse} />
      ) : (
        <TableView map={map} order={order} />
      )}
    </Panel>
  );
}

const layersText = (map: ExpertMap): string => {
  const mixtures = mixtureLayers(map);
  const layers = formatCount(map.layers, 'layer');
  return mixtures === map.layers ? layers : `${formatNumber(mixtures)} of ${layers}`;
};

/** High enough to point at, and no higher than a screen has room for. */
const rowHeight = (layers: number): number => Math.max(4, Math.min(14, Math.floor(320 / layers)));

function MapView({
  map,
  view,
  order,
  isByUse,
}: {
  readonly map: ExpertMap;
  readonly view: ExpertView;
  readonly order: Uint32Array;
  readonly isByUse: boolean;
}) {
  const [marked, setMarked] = useState<HeatmapCell | null>(null);
  const cells = useMemo(() => expertCells(map, view, order), [map, view, order]);
  const skew = marked ? layerSkew(map, marked.row) : mostSkewed(map);
  const cellText = (cell: HeatmapCell) => expertText(map, cell.row, expertAt(map, order, cell));
  return (
    <div className="px-3 pb-2">
      <p className="pb-1 text-1 text-text-muted">
        {marked && <b className="text-text">{cellText(marked)}</b>}
        {marked && skew && ' · '}
        {skew && skewText(skew)}
        {!skew && !marked && 'No expert was used yet.'}
      </p>
      <Heatmap
        title="Experts by layer"
        cells={cells}
        rowName="layer"
        columnName={isByUse ? 'rank' : 'expert'}
        rowHeight={rowHeight(map.layers)}
        marked={marked}
        onMark={setMarked}
        cellText={cellText}
      />
      <ExpertScale map={map} view={view} />
    </div>
  );
}

function TableView({ map, order }: { readonly map: ExpertMap; readonly order: Uint32Array }) {
  const places = useMemo(() => expertPlaces(map, order), [map, order]);
  return (
    <LongTable
      label="Experts, table"
      className="h-80"
      isCompact
      columns={[
        { name: 'layer', isFigure: true },
        { name: 'expert', isFigure: true },
        { name: 'share of tokens, %', isFigure: true },
        { name: 'that read it, %', isFigure: true },
        { name: 'weights' },
      ]}
      rowCount={places.length}
      row={(index) => {
        const { layer, expert, share, missed, isResident } = expertRow(map, order, places[index] ?? 0);
        return [
          formatNumber(layer),
          formatNumber(expert),
          formatNumber(share * 100, 1),
          formatNumber(missed * 100, 1),
          isResident ? 'in memory' : 'in flash',
        ];
      }}
    />
  );
}
