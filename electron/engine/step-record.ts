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
  { timeNs, bytesTouched }: Pick<EvaluateResult, 'timeNs' | 'bytesTouched'>,
  around: TimesAround,
): TraceRecord {
  const record = { step, ...place, timeNs: { ...timeNs, ...around } };
  return bytesTouched === undefined ? record : { ...record, bytesTouched };
}
