import type { Fit } from '../../../electron/contract/machine.ts';
import { Legend } from '../../charts/Legend.tsx';
import type { LegendEntry } from '../../charts/chart-view.ts';
import { formatBytes } from '../../ui/format.ts';
import { Meter } from '../../ui/Meter.tsx';
import { weightParts, type WeightPart } from '../instruments/weight-parts.ts';
import { fitBar, overBytes } from './fit.ts';

const percent = (share: number): string => `${share * 100}%`;

/** Of a streamed model what its budget leaves for weights, part by part. */
function weightsOf({ streaming, weightsBytes }: Fit): readonly WeightPart[] {
  if (streaming) return weightParts(streaming, weightsBytes);
  return [{ label: 'weights', role: '--mem-weights', fill: 'weights', bytes: weightsBytes }];
}

/** Weights, KV and scratch against what is free, with the limit marked. The legend has the figures. */
export function FitBar({ fit }: { readonly fit: Fit }) {
  const { scaleBytes, freeShare, totalShare } = fitBar(fit);
  const over = overBytes(fit);
  const weights = weightsOf(fit);
  const budgetBytes = fit.streaming?.memoryBudgetBytes ?? null;
  const entries: LegendEntry[] = [
    ...weights.map(({ label, role, bytes }): LegendEntry => ({
      label,
      role,
      mark: 'area',
      total: formatBytes(bytes),
    })),
    { label: 'KV', role: '--mem-kv', mark: 'area', total: formatBytes(fit.kvBytes) },
    { label: 'scratch', role: '--mem-scratch', mark: 'hatched', total: formatBytes(fit.scratchBytes) },
  ];
  return (
    <div>
      {budgetBytes !== null && <BudgetMark bytes={budgetBytes} share={budgetBytes / scaleBytes} />}
      <div className="relative pb-5">
        <Meter
          isTall
          limit={scaleBytes}
          parts={[
            ...weights.map(({ fill, bytes }) => ({ fill, value: bytes })),
            { fill: 'kv', value: fit.kvBytes },
            { fill: 'scratch', value: fit.scratchBytes },
          ]}
        />
        {over > 0 && freeShare !== null && (
          <span
            aria-hidden="true"
            className="absolute top-6 h-1 bg-danger"
            style={{ left: percent(freeShare), width: percent(totalShare - freeShare) }}
          />
        )}
        <FreeMark freeBytes={fit.freeBytes} share={freeShare} />
        {over > 0 && (
          <span className="absolute right-0 bottom-0 text-1 font-strong text-danger">
            {formatBytes(over)} over
          </span>
        )}
      </div>
      <Legend entries={entries} className="mt-1 justify-between gap-x-2!">
        <li>
          sum <b className="font-strong text-text">{formatBytes(fit.totalBytes)}</b>
        </li>
      </Legend>
      <p className="text-1 text-text-muted">
        of {formatBytes(fit.memoryBytes)} of memory, {formatBytes(fit.reserveBytes)} stays the system’s
      </p>
    </div>
  );
}

/** A tick over the bar where the budget ends; beyond the bar it is told at its end. */
function BudgetMark({ bytes, share }: { readonly bytes: number; readonly share: number }) {
  const text = `budget ${formatBytes(bytes)}`;
  if (share > 1) return <p className="text-right text-1">{text}, beyond this bar →</p>;
  return (
    <p className="flex h-5 text-1 whitespace-nowrap">
      <span
        className={share > 0.3 ? 'border-r border-text pr-1 text-right' : 'border-r border-text'}
        style={{ width: percent(share) }}
      >
        {share > 0.3 && text}
      </span>
      {share <= 0.3 && <span className="pl-1">{text}</span>}
    </p>
  );
}

/** A dashed line where free memory ends; beyond the bar it is told at its end. */
function FreeMark({ freeBytes, share }: { readonly freeBytes: number; readonly share: number | null }) {
  const text = `free now ${formatBytes(freeBytes)}`;
  if (share === null) {
    return <span className="absolute right-0 bottom-0 text-1 text-text">{text}, beyond this bar →</span>;
  }
  // On the side that has room for it.
  return (
    <span
      className={
        share > 0.5
          ? 'absolute top-0 bottom-0 flex -translate-x-full items-end border-r border-dashed border-text pr-1 text-1 whitespace-nowrap'
          : 'absolute top-0 bottom-0 flex items-end border-l border-dashed border-text pl-1 text-1 whitespace-nowrap'
      }
      style={{ left: percent(share) }}
    >
      {text}
    </span>
  );
}
