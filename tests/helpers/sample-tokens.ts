/** Tokens of a reply with known times, for charts. */
import type { ReplyToken } from '../../electron/contract/chats.ts';
import type { TraceRecord } from '../../electron/contract/trace.ts';

const ms = 1e6;

/** Milliseconds; what is left out the engine does not tell. */
export interface SampleTimes {
  readonly total: number;
  readonly attention?: number;
  readonly feedForward?: number;
  readonly readWait?: number;
  readonly sampling?: number;
  readonly head?: number;
}

export function sampleTrace(step: number, times: SampleTimes, more: Partial<TraceRecord> = {}): TraceRecord {
  const timeNs = Object.fromEntries(Object.entries(times).map(([cause, value]) => [cause, value * ms]));
  return {
    step,
    phase: 'decode',
    tokens: 1,
    position: step,
    startNs: step * 10 * ms,
    timeNs: timeNs as TraceRecord['timeNs'],
    kvBytes: (step + 1) * 1024 * 1024,
    ...more,
  };
}

export function sampleToken(
  step: number,
  times: SampleTimes = { total: 8, attention: 2, feedForward: 5, sampling: 0.5 },
  more: Partial<TraceRecord> = {},
): ReplyToken {
  return {
    id: 100 + step,
    text: ` word${step}`,
    piece: ` word${step}`,
    trace: sampleTrace(step, times, more),
  };
}

export const sampleTokens = (count: number, from = 0): ReplyToken[] =>
  Array.from({ length: count }, (_, index) => sampleToken(from + index));
