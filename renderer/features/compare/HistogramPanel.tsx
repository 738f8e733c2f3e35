import { useCallback, useEffect, useState } from 'react';
import type { WeightHistogram } from '../../../electron/contract/compare.ts';
import { toLabError } from '../../../electron/contract/errors.ts';
import { ChartPanel } from '../../charts/ChartPanel.tsx';
import { drawHistogram } from '../../charts/draw-histogram.ts';
import type { FigureTableData } from '../../charts/FigureTable.tsx';
import type { Draw } from '../../charts/picture.ts';
import { StaticChart } from '../../charts/StaticChart.tsx';
import { useHost } from '../../ipc/host-context.ts';
import type { Answer } from '../../ipc/use-answer.ts';
import { formatNumber } from '../../ui/format.ts';
import { Select } from '../../ui/Select.tsx';
import { letterOf } from './draft.ts';
import { errorText } from './errors-map.ts';
import type { Comparison } from './result.ts';

const pictureSize = { width: 560, height: 320 };

/** Weights of one matrix in the reference and in a variant. */
export function HistogramPanel({
  comparison,
  names,
  variant,
  tensor,
  onTensor,
  fileName,
}: {
  readonly comparison: Comparison;
  readonly names: readonly string[];
  /** After the reference. */
  readonly variant: number;
  readonly tensor: string | null;
  readonly onTensor: (name: string) => void;
  readonly fileName: string;
}) {
  const answer = useHistogram(comparison, variant, tensor);
  const histogram = answer && 'value' in answer ? answer.value : null;
  const letter = letterOf(variant + 1);
  const draw = useCallback<Draw>(
    (context, size, theme) => {
      if (!histogram) return context.clearRect(0, 0, size.width, size.height);
      const { low, high, reference: before, variant: after } = histogram;
      const names = { xName: 'weight', yName: 'weights a bin, log' };
      drawHistogram(context, size, { low, high, before, after, ...names }, theme);
    },
    [histogram],
  );
  const note = (
    <span className="flex gap-3 text-1 text-text-muted">
      <Key className="h-2 bg-mem-cache" text="A, before" />
      <Key className="h-0.5 bg-accent" text={`${letter}, after`} />
      {histogram && <span className="ml-auto">relative RMS error {errorText(histogram.error)}</span>}
    </span>
  );
  return (
    <ChartPanel
      title="Weights before and after"
      fileName={`${fileName}-weights-${letter}`}
      table={histogramTable(histogram, letter)}
      picture={{ size: pictureSize, draw }}
      aside={
        tensor !== null && (
          <Select
            label="Matrix"
            hidesLabel
            value={tensor}
            options={names.map((name) => ({ value: name, label: name }))}
            onChange={onTensor}
          />
        )
      }
      note={note}
    >
      {answer && 'error' in answer ? (
        <p role="alert" className="px-3 pb-3 text-danger">
          The weights cannot be read: {answer.error}
        </p>
      ) : histogram === null ? (
        <p className="grid min-h-50 flex-1 place-items-center text-text-muted">
          Reading {tensor ?? 'the weights'} of A and {letter}…
        </p>
      ) : (
        <StaticChart
          name="weights before and after"
          label={`Histogram of ${tensor ?? 'a matrix'} in A and in ${letter}`}
          draw={draw}
          className="mx-2 min-h-50 flex-1"
        />
      )}
    </ChartPanel>
  );
}

function Key({ className, text }: { readonly className: string; readonly text: string }) {
  return (
    <span className="flex items-center gap-1">
      <i aria-hidden="true" className={`w-3 ${className}`} />
      {text}
    </span>
  );
}

/** Null while it is read. */
function useHistogram(
  comparison: Comparison,
  variant: number,
  tensor: string | null,
): Answer<WeightHistogram> {
  const { client } = useHost();
  const referenceId = comparison.columns[0]?.model ?? null;
  const variantId = comparison.columns[variant + 1]?.model ?? null;
  const asked = `${referenceId} ${variantId} ${tensor}`;
  const [answer, setAnswer] = useState<{
    readonly of: string;
    readonly answer: Answer<WeightHistogram>;
  } | null>(null);
  useEffect(() => {
    if (tensor === null || referenceId === null || variantId === null) return undefined;
    const leaving = new AbortController();
    const { signal } = leaving;
    client.readHistogram({ referenceId, variantId, tensor }, { signal }).then(
      (value) => !signal.aborted && setAnswer({ of: asked, answer: { value } }),
      (error: unknown) =>
        !signal.aborted && setAnswer({ of: asked, answer: { error: toLabError(error).message } }),
    );
    return () => leaving.abort();
  }, [client, referenceId, variantId, tensor, asked]);
  if (referenceId === null || variantId === null) {
    return { error: 'a model of this comparison is not in the library: add it under Models.' };
  }
  return answer?.of === asked ? answer.answer : null;
}

function histogramTable(histogram: WeightHistogram | null, letter: string): FigureTableData {
  const columns = ['from', 'to', 'A, weights', `${letter}, weights`];
  if (!histogram) return { columns, rows: [] };
  const { low, high, reference, variant } = histogram;
  const edge = (bin: number) => formatNumber(low + ((high - low) * bin) / reference.length, 4);
  return {
    columns,
    rows: reference.map((count, bin) => [
      edge(bin),
      edge(bin + 1),
      formatNumber(count),
      formatNumber(variant[bin] ?? 0),
    ]),
  };
}
