import { useCallback, useMemo } from 'react';
import { ChartPanel } from '../../charts/ChartPanel.tsx';
import { drawScatter } from '../../charts/draw-scatter.ts';
import type { Draw } from '../../charts/picture.ts';
import { StaticChart } from '../../charts/StaticChart.tsx';
import { scatterFinding, scatterPoints, scatterTable, scatterView, type Comparison } from './result.ts';

const pictureSize = { width: 480, height: 360 };

/** Size against divergence: what is worth its bytes. */
export function ScatterPanel({
  comparison,
  marked,
  fileName,
}: {
  readonly comparison: Comparison;
  readonly marked: string | null;
  readonly fileName: string;
}) {
  const points = useMemo(() => scatterPoints(comparison), [comparison]);
  const draw = useCallback<Draw>(
    (context, size, theme) => drawScatter(context, size, scatterView(comparison, points, marked), theme),
    [comparison, points, marked],
  );
  const finding = scatterFinding(points, comparison.columns[0]?.weightsBytes ?? 0);
  return (
    <ChartPanel
      title="Quality against size"
      className="min-h-75"
      fileName={`${fileName}-quality`}
      table={scatterTable(points)}
      picture={{ size: pictureSize, draw }}
      note={<span className="text-1">{finding ?? 'Not measured yet.'}</span>}
    >
      {finding === null && (
        <p className="grid min-h-50 flex-1 place-items-center p-3 text-center text-text-muted">
          Each variant is a point here once it has read the reference’s reply.
        </p>
      )}
      {finding !== null && (
        <StaticChart
          name="quality against size"
          label={`Mean KL against size. ${finding ?? ''}`}
          draw={draw}
          className="mx-2 min-h-50 flex-1"
        />
      )}
    </ChartPanel>
  );
}
