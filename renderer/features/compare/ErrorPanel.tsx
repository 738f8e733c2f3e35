import { useCallback, useMemo, useState } from 'react';
import type { CompareWeights } from '../../../electron/contract/compare.ts';
import { ChartPanel } from '../../charts/ChartPanel.tsx';
import { drawHeatmap, heatmapHeight, type HeatmapCell } from '../../charts/draw-heatmap.ts';
import { Heatmap } from '../../charts/Heatmap.tsx';
import type { Draw } from '../../charts/picture.ts';
import { SegmentedControl } from '../../ui/SegmentedControl.tsx';
import { letterOf } from './draft.ts';
import {
  cellName,
  cellText,
  errorCells,
  errorFinding,
  errorMap,
  errorTable,
  errorText,
  partName,
  type ErrorMap,
} from './errors-map.ts';
import { HistogramPanel } from './HistogramPanel.tsx';
import type { Comparison } from './result.ts';
import { Scale } from './TintLegend.tsx';

/** How far the weights of a variant are from the reference's, and those of one matrix before and after. */
export function ErrorPanel({
  comparison,
  weights,
  fileName,
}: {
  readonly comparison: Comparison;
  readonly weights: CompareWeights;
  readonly fileName: string;
}) {
  const [variant, setVariant] = useState(0);
  const [tensor, setTensor] = useState<string | null>(null);
  const map = useMemo(() => errorMap(weights, variant), [weights, variant]);
  if (!map) return null;
  const shown = tensor ?? map.names.find((name) => name !== '') ?? weights.tensors[0]?.name ?? null;
  return (
    <div className="grid grid-cols-2 gap-3">
      <MapPanel
        comparison={comparison}
        weights={weights}
        map={map}
        variant={variant}
        onVariant={setVariant}
        onTensor={setTensor}
        fileName={fileName}
      />
      <HistogramPanel
        comparison={comparison}
        names={weights.tensors.map(({ name }) => name)}
        variant={variant}
        tensor={shown}
        onTensor={setTensor}
        fileName={fileName}
      />
    </div>
  );
}

const rowHeight = 24;

function MapPanel({
  comparison,
  weights,
  map,
  variant,
  onVariant,
  onTensor,
  fileName,
}: {
  readonly comparison: Comparison;
  readonly weights: CompareWeights;
  readonly map: ErrorMap;
  readonly variant: number;
  readonly onVariant: (variant: number) => void;
  readonly onTensor: (name: string) => void;
  readonly fileName: string;
}) {
  const [marked, setMarked] = useState<HeatmapCell | null>(null);
  const cells = useMemo(() => errorCells(map), [map]);
  const labels = useMemo(() => map.parts.map(partName), [map]);
  const draw = useCallback<Draw>(
    (context, size, theme) =>
      drawHeatmap(
        context,
        size,
        { cells, rowName: 'part', columnName: 'layer', rowLabels: labels, marked: null },
        theme,
      ),
    [cells, labels],
  );
  const choose = () => {
    const name = marked && cellName(map, marked);
    if (name) onTensor(name);
  };
  return (
    <ChartPanel
      title="Error by layer and tensor"
      fileName={`${fileName}-errors-${letterOf(variant + 1)}`}
      table={errorTable(weights, comparison.labels)}
      picture={{ size: { width: 640, height: heatmapHeight(map.parts.length, rowHeight) }, draw }}
      aside={
        comparison.labels.length > 2 && (
          <SegmentedControl
            label="Errors of"
            value={String(variant)}
            segments={comparison.labels.slice(1).map((_, index) => ({
              value: String(index),
              label: letterOf(index + 1),
            }))}
            onChange={(value) => onVariant(Number(value))}
          />
        )
      }
      note={
        <span className="flex flex-wrap items-center justify-between gap-2 text-1 text-text-muted">
          <span>
            {map.others
              .map(({ name, error }) => `${partName(name)} ${error === null ? 'none' : errorText(error)}`)
              .join(', ')}
          </span>
          {map.top > 0 && <Scale low={`relative RMS error ${map.bottom}`} high={String(map.top)} />}
        </span>
      }
    >
      <div
        className="px-3 pb-2"
        onClick={choose}
        onKeyDown={({ key }) => {
          if (key === 'Enter') choose();
        }}
      >
        <p className="pb-1 text-1 text-text-muted">
          {marked ? (
            <>
              <b className="text-text">{cellText(map, marked)}</b>, press for its weights
            </>
          ) : (
            errorFinding(map)
          )}
        </p>
        <Heatmap
          title={`Errors of ${letterOf(variant + 1)} by layer and tensor`}
          cells={cells}
          rowName="part"
          columnName="layer"
          rowLabels={labels}
          rowHeight={rowHeight}
          marked={marked}
          onMark={setMarked}
          cellText={(cell) => cellText(map, cell)}
        />
      </div>
    </ChartPanel>
  );
}
