/** The one way to make a trace record. */
import type { TraceRecord } from '../contract/trace.ts';
import type { EvaluateResult } from './engine.ts';

/** What is known before a step is computed, and the cache after it. */
export type StepPlace = Pick<TraceRecord, 'phase' | 'tokens' | 'position' | 'startNs' | 'kvBytes'>;

/** Nanoseconds measured around the engine; what was not done is left out. */
export type TimesAround = Pick<TraceRecord['timeNs'], 'total' | 'sampling' | 'detokenize'>;

export function stepRecord(
  step: number,
  place: StepPlace,
  { timeNs, bytesTouched, flash }: Pick<EvaluateResult, 'timeNs' | 'bytesTouched' | 'flash'>,
  around: TimesAround,
): TraceRecord {
  const readWait = flash && { readWait: sum(flash.stallNs) };
  return {
    step,
    ...place,
    timeNs: { ...timeNs, ...readWait, ...around },
    ...(bytesTouched === undefined ? {} : { bytesTouched }),
    ...(flash && readCounts(flash)),
  };
}

function readCounts({
  bytes,
  reads,
  hits,
  misses,
  stallNs,
  busyNs,
  vainBytes,
}: NonNullable<EvaluateResult['flash']>) {
  const totals = { bytesRead: sum(bytes), reads: sum(reads), cacheHits: sum(hits), cacheMisses: sum(misses) };
  return {
    ...totals,
    readBusyNs: busyNs,
    bytesReadInVain: vainBytes,
    layers: {
      bytesRead: [...bytes],
      reads: [...reads],
      cacheHits: [...hits],
      cacheMisses: [...misses],
      waitNs: [...stallNs],
    },
  };
}

const sum = (values: Float64Array) => values.reduce((total, value) => total + value, 0);
