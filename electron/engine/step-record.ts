/** The one way to make a trace record, and what many of them come to. */
import { TraceRecord, type StepSummary } from '../contract/trace.ts';
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

const causes = Object.keys(TraceRecord.shape.timeNs.shape) as (keyof TraceRecord['timeNs'])[];

/** Medians per token. A cause no record has stays absent. */
export function summarizeSteps(records: readonly TraceRecord[]): StepSummary {
  const perToken = (value: (record: TraceRecord) => number | undefined) =>
    middle(
      records.flatMap((record) => (value(record) ?? NaN) / record.tokens).filter((each) => !isNaN(each)),
    );
  const times = causes.map((cause) => [cause, perToken((record) => record.timeNs[cause])] as const);
  const rates = records.flatMap(({ bytesTouched, timeNs }) =>
    bytesTouched === undefined || !timeNs.evaluate ? [] : [(bytesTouched * 1e9) / timeNs.evaluate],
  );
  const summary = {
    timeNs: { total: 0, ...Object.fromEntries(times.filter(([, value]) => value !== undefined)) },
    bytesTouched: perToken((record) => record.bytesTouched),
    bytesPerSecond: middle(rates),
    kvBytes: records.at(-1)?.kvBytes,
  };
  return Object.fromEntries(
    Object.entries(summary).filter(([, value]) => value !== undefined),
  ) as StepSummary;
}

/** The upper of two middle values. */
function middle(values: number[]): number | undefined {
  return values.sort((left, right) => left - right)[values.length >> 1];
}
