/** What many trace records come to. */
import { TraceRecord, type StepSummary } from '../contract/trace.ts';
import { spread } from './spread.ts';

const causes = Object.keys(TraceRecord.shape.timeNs.shape) as (keyof TraceRecord['timeNs'])[];

/** Medians per token of at least one record. What no record tells stays absent. */
export function summarizeSteps(records: readonly TraceRecord[]): StepSummary {
  const perToken = (value: (record: TraceRecord) => number | undefined) =>
    medianOfKnown(records.map((record) => quotient(value(record), record.tokens)));
  const rates = records.map(({ bytesTouched, timeNs }) =>
    quotient(bytesTouched === undefined ? undefined : bytesTouched * 1e9, computing(timeNs)),
  );
  return known({
    timeNs: known(
      Object.fromEntries(causes.map((cause) => [cause, perToken(({ timeNs }) => timeNs[cause])])),
    ),
    bytesTouched: perToken(({ bytesTouched }) => bytesTouched),
    bytesPerSecond: medianOfKnown(rates),
    kvBytes: records.at(-1)?.kvBytes,
  }) as StepSummary;
}

/** Without what was waited for the disk. */
function computing({ evaluate, readWait = 0 }: TraceRecord['timeNs']): number | undefined {
  return evaluate === undefined ? undefined : evaluate - readWait;
}

function quotient(value: number | undefined, divisor: number | undefined): number | undefined {
  return value === undefined || !divisor ? undefined : value / divisor;
}

function medianOfKnown(values: readonly (number | undefined)[]): number | undefined {
  const numbers = values.filter((value) => value !== undefined);
  return numbers.length === 0 ? undefined : spread(numbers).median;
}

/** Without the fields that are undefined. */
function known(fields: object): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
