import { useState, type PointerEvent } from 'react';
import type { TensorOutcome, TensorStatistics } from '../../../electron/contract/tensor-statistics.ts';
import { Histogram } from '../../charts/Histogram.tsx';
import { LongTable } from '../../charts/LongTable.tsx';
import { Button } from '../../ui/Button.tsx';
import { formatBytes, formatCount, formatNumber } from '../../ui/format.ts';
import { SegmentedControl } from '../../ui/SegmentedControl.tsx';
import { bitsText, formatValue, shapeText, type Tensor } from './tensors.ts';

/** The chosen tensor: what its values are. */
export function TensorDetail({
  tensor,
  outcome,
  isReading,
  onRead,
  onClose,
}: {
  readonly tensor: Tensor;
  readonly outcome: TensorOutcome | undefined;
  readonly isReading: boolean;
  readonly onRead: () => void;
  readonly onClose: () => void;
}) {
  const [display, setDisplay] = useState<'histogram' | 'table'>('histogram');
  const statistics = outcome?.type === 'statistics' ? outcome.statistics : null;
  return (
    <section aria-label={`Values of ${tensor.name}`} className="grid gap-2 border-t border-line px-3 py-2">
      <header className="flex flex-wrap items-center gap-2">
        <h3 className="min-w-0 truncate font-token">{tensor.name}</h3>
        <span className="text-1 text-text-muted">
          {[shapeText(tensor), tensor.type, formatBytes(tensor.bytes)].join(' · ')}
          {bitsText(tensor) !== '' && ` · ${bitsText(tensor)} bits a weight`}
        </span>
        <span className="ml-auto flex items-center gap-2">
          {statistics?.finite && (
            <SegmentedControl
              label="Show values as"
              value={display}
              segments={[
                { value: 'histogram', label: 'histogram' },
                { value: 'table', label: 'table' },
              ]}
              onChange={setDisplay}
            />
          )}
          <Button size="small" onClick={onClose}>
            Close
          </Button>
        </span>
      </header>
      {!outcome && (
        <p className="flex items-center gap-2 text-text-muted">
          Its values were not read yet.
          <Button size="small" disabled={isReading} onClick={onRead}>
            Read its values
          </Button>
        </p>
      )}
      {outcome?.type === 'refused' && <p className="text-text-muted">{outcome.reason}</p>}
      {statistics && <Values statistics={statistics} display={display} name={tensor.name} />}
    </section>
  );
}

function Values({
  statistics,
  display,
  name,
}: {
  readonly statistics: TensorStatistics;
  readonly display: 'histogram' | 'table';
  readonly name: string;
}) {
  const { finite } = statistics;
  return (
    <div className="grid grid-cols-[200px_minmax(0,1fr)] gap-4">
      <dl className="grid grid-cols-[auto_minmax(0,1fr)] content-start gap-x-3">
        {facts(statistics).map(([label, value]) => (
          <div key={label} className="col-span-2 grid grid-cols-subgrid">
            <dt className="text-text-muted">{label}</dt>
            <dd className="text-right">{value}</dd>
          </div>
        ))}
      </dl>
      {!finite && <p className="text-text-muted">No value is a finite number.</p>}
      {finite && display === 'histogram' && <Bars {...finite} count={statistics.values} />}
      {finite && display === 'table' && <BinTable {...finite} count={statistics.values} name={name} />}
    </div>
  );
}

function facts({ values, zeros, notNumbers, infinities, finite }: TensorStatistics): [string, string][] {
  const spread: [string, string][] = finite
    ? [
        ['minimum', formatValue(finite.minimum)],
        ['maximum', formatValue(finite.maximum)],
        ['mean', formatValue(finite.mean)],
        ['standard deviation', formatValue(finite.deviation)],
      ]
    : [];
  return [
    ['values', formatNumber(values)],
    ...spread,
    ['zeros', values === 0 ? '–' : `${formatNumber((100 * zeros) / values, 2)} %`],
    ['not a number', formatNumber(notNumbers)],
    ['infinite', formatNumber(infinities)],
  ];
}

interface Binned {
  readonly minimum: number;
  readonly maximum: number;
  readonly histogram: readonly number[];
  readonly count: number;
}

/** Where a bin begins. */
const edge = ({ minimum, maximum, histogram }: Binned, bin: number): number =>
  minimum + ((maximum - minimum) * bin) / histogram.length;

function binText(binned: Binned, bin: number): string {
  const { histogram, count } = binned;
  const own = histogram[bin] ?? 0;
  const range = `${formatValue(edge(binned, bin))} to ${formatValue(edge(binned, bin + 1))}`;
  return `${range}: ${formatCount(own, 'value')}, ${formatNumber((100 * own) / count, 2)} %`;
}

function Bars(binned: Binned) {
  const { minimum, maximum, histogram } = binned;
  const [marked, setMarked] = useState<number | null>(null);
  const most = Math.max(...histogram);
  const onPointerMove = ({ clientX, currentTarget }: PointerEvent<HTMLElement>) => {
    const { left, width } = currentTarget.getBoundingClientRect();
    const bin = Math.floor(((clientX - left) / width) * histogram.length);
    setMarked(Math.max(0, Math.min(histogram.length - 1, bin)));
  };
  return (
    <figure aria-label="Histogram of its values" className="min-w-0">
      <p className="h-5 text-1 text-text-muted">
        {marked === null
          ? `${histogram.length} bins, the highest holds ${formatCount(most, 'value')}`
          : binText(binned, marked)}
      </p>
      <div
        className="h-26 border-b border-line-strong"
        onPointerMove={onPointerMove}
        onPointerLeave={() => setMarked(null)}
      >
        <Histogram counts={histogram} marked={marked} className="size-full" />
      </div>
      <figcaption className="flex justify-between text-1 text-text-muted">
        <span>{formatValue(minimum)}</span>
        <span>value of a weight</span>
        <span>{formatValue(maximum)}</span>
      </figcaption>
    </figure>
  );
}

function BinTable({ name, ...binned }: Binned & { readonly name: string }) {
  const { histogram, count } = binned;
  return (
    <LongTable
      label={`Histogram of ${name}, table`}
      className="h-36"
      isCompact
      columns={[
        { name: 'from', isFigure: true },
        { name: 'to', isFigure: true },
        { name: 'values', isFigure: true },
        { name: 'share, %', isFigure: true },
      ]}
      rowCount={histogram.length}
      row={(bin) => [
        formatValue(edge(binned, bin)),
        formatValue(edge(binned, bin + 1)),
        formatNumber(histogram[bin] ?? 0),
        formatNumber((100 * (histogram[bin] ?? 0)) / count, 2),
      ]}
    />
  );
}
