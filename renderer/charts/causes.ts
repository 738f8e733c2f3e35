/** What the time of a token was spent on. Order, colour and names are the same in every drawing. */
import type { TraceRecord } from '../../electron/contract/trace.ts';

export interface Cause {
  readonly name: CauseName;
  readonly label: string;
  /** The role of its colour in tokens.css. */
  readonly role: string;
}
export type CauseName = 'attention' | 'feedForward' | 'flash' | 'sampling' | 'other';

/** From the axis upward. */
export const causes: readonly Cause[] = [
  { name: 'attention', label: 'attention', role: '--cause-attention' },
  { name: 'feedForward', label: 'feed-forward', role: '--cause-feedforward' },
  { name: 'flash', label: 'flash wait', role: '--cause-flash' },
  { name: 'sampling', label: 'sampling', role: '--cause-sampling' },
  { name: 'other', label: 'other', role: '--cause-other' },
];

/** Milliseconds by cause, in the order of `causes`; NaN: the engine does not tell. */
export type CauseTimes = readonly number[];

/** `other` is what the named causes leave of the whole, so that a column is as high as its token took. */
export function causeTimes({ timeNs }: TraceRecord): CauseTimes {
  const named = [timeNs.attention, timeNs.feedForward, timeNs.readWait, timeNs.sampling];
  const rest = named.reduce<number>((left, value) => left - (value ?? 0), timeNs.total);
  return [...named.map((value) => (value === undefined ? NaN : value / 1e6)), Math.max(0, rest) / 1e6];
}

/** What of `other` has a name of its own, in milliseconds; for the readout of one token. */
export function otherParts({ timeNs }: TraceRecord): { label: string; ms: number }[] {
  const parts = [
    { label: 'output head', ns: timeNs.head },
    { label: 'text', ns: timeNs.detokenize },
  ];
  return parts.flatMap(({ label, ns }) => (ns === undefined ? [] : [{ label, ms: ns / 1e6 }]));
}

export const totalMs = (record: TraceRecord): number => record.timeNs.total / 1e6;
