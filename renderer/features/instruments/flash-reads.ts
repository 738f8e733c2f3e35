/** What steps read from flash. Pure. */
import type { TraceRecord } from '../../../electron/contract/trace.ts';

export interface FlashReads {
  /** While the steps were computed. */
  readonly bytesPerSecond: number;
  /** Of what the steps used, the part that was in memory, 0 to 1; null: nothing was asked for. */
  readonly hitRate: number | null;
}

/** Null: none of them tells, as of a model that is in memory. */
export function flashReadsOf(steps: readonly TraceRecord[]): FlashReads | null {
  const known = steps.filter(({ bytesRead }) => bytesRead !== undefined);
  if (known.length === 0) return null;
  const sum = { bytes: 0, ns: 0, hits: 0, misses: 0 };
  for (const { bytesRead, timeNs, cacheHits, cacheMisses } of known) {
    sum.bytes += bytesRead ?? 0;
    sum.ns += timeNs.total;
    sum.hits += cacheHits ?? 0;
    sum.misses += cacheMisses ?? 0;
  }
  return {
    bytesPerSecond: sum.ns > 0 ? (sum.bytes * 1e9) / sum.ns : 0,
    hitRate: hitRate(sum.hits, sum.misses),
  };
}

/** Of the time that reads took, the part that computing went on beside them, 0 to 1; null: nothing was read. */
export const overlap = (busyNs: number, waitNs: number): number | null =>
  busyNs > 0 ? Math.max(0, 1 - waitNs / busyNs) : null;

export const hitRate = (hits: number, misses: number): number | null =>
  hits + misses > 0 ? hits / (hits + misses) : null;
