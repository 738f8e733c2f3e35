import type { Fit } from '../../../electron/contract/machine.ts';
import { Legend } from '../../charts/Legend.tsx';
import type { LegendEntry } from '../../charts/chart-view.ts';
import { formatBytes } from '../../ui/format.ts';
import { Meter } from '../../ui/Meter.tsx';
import { fitBar, overBytes } from './fit.ts';

const percent = (share: number): string => `${share * 100}%`;

/** Weights, KV and scratch against what is free, with the limit marked. The legend has the figures. */
export function FitBar({ fit }: { readonly fit: Fit }) {
  const { scaleBytes, freeShare, totalShare } = fitBar(fit);
  const over = overBytes(fit);
  const entries: LegendEntry[] = [
    { label: 'weights', role: '--mem-weights', mark: 'area', total: formatBytes(fit.weightsBytes) },
    { label: 'KV', role: '--mem-kv', mark: 'area', total: formatBytes(fit.kvBytes) },
    { label: 'scratch', role: '--mem-scratch', mark: 'hatched', total: formatBytes(fit.scratchBytes) },
  ];
  return (
    <div>
      <div className="relative pb-5">
        <Meter
          isTall
          limit={scaleBytes}
          parts={[
            { fill: 'weights', value: fit.weightsBytes },
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
      <Legend entries={entries} className="mt-1 justify-between">
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
