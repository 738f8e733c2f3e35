/** What the timeline says before it draws anything. Pure. */
import type { TraceRecord } from '../../../electron/contract/trace.ts';
import { causes, causeTimes, type Cause } from '../../charts/causes.ts';
import { quantileOfSorted } from '../../charts/quantile.ts';
import { formatBytes, formatMilliseconds, formatNumber, formatRate } from '../../ui/format.ts';
import type { TimelineData } from './timeline-data.ts';

export interface CauseShare {
  readonly cause: Cause;
  readonly ms: number;
  /** Of all time, 0 to 1. */
  readonly share: number;
}

export interface TimelineSummary {
  readonly p50: number;
  readonly p95: number;
  readonly slowest: number;
  readonly shares: readonly CauseShare[];
}

export function summarizeTimeline(data: TimelineData): TimelineSummary {
  const totals = data.sortedTotals();
  return {
    p50: quantileOfSorted(totals, 0.5),
    p95: quantileOfSorted(totals, 0.95),
    slowest: data.slowest,
    shares: causes.flatMap((cause, index) => {
      const ms = data.causeSums[index] ?? 0;
      return data.isCauseKnown[index] ? [{ cause, ms, share: data.sumMs > 0 ? ms / data.sumMs : 0 }] : [];
    }),
  };
}

export interface Conclusion {
  /** The finding. */
  readonly finding: string;
  /** More memory would make it faster. */
  readonly waitsForFlash: boolean;
  /** The figures that show it. */
  readonly figures: string;
}

/** Which cause dominates, how long a token took, which took longest. */
export function conclusionOf(data: TimelineData, { p50, p95, slowest, shares }: TimelineSummary): Conclusion {
  if (data.timed === 0) {
    const finding = data.count === 0 ? 'No token yet.' : 'The step that read the prompt drew the only token.';
    return { finding, waitsForFlash: false, figures: '' };
  }
  const token = data.tokens[slowest];
  const name = token ? ` “${visibleText(token.text || token.piece)}”` : '';
  const figures =
    data.timed === 1
      ? `One token took ${formatMilliseconds(p50)}.`
      : `A token took ${formatMilliseconds(p50)} (p50) or ${formatMilliseconds(p95)} (p95); the slowest, token ${formatNumber(slowest)}${name}, ${formatMilliseconds(data.totalMs(slowest))}.`;
  return { finding: dominance(shares), waitsForFlash: waitsForFlash(shares), figures };
}

/** A cause has to take this much before it is named alone. */
const dominantShare = 0.5;

const waitsForFlash = (shares: readonly CauseShare[]): boolean =>
  shares.some(({ cause, share }) => cause.name === 'flash' && share >= dominantShare);

function dominance(shares: readonly CauseShare[]): string {
  const named = shares.filter(({ cause }) => cause.name !== 'other');
  if (!named.some(({ cause }) => cause.name === 'attention' || cause.name === 'feedForward')) {
    return 'The engine does not tell the time by cause.';
  }
  const [first, second] = [...shares].sort((left, right) => right.ms - left.ms);
  if (!first) return '';
  if (first.cause.name === 'flash' && waitsForFlash(shares)) {
    return `${shareWords(first.share)} of it waited for flash.`;
  }
  if (first.share >= dominantShare || !second)
    return `${shareWords(first.share)} of it was ${first.cause.label}.`;
  return `${percent(first.share)} of it was ${first.cause.label}, ${percent(second.share)} ${second.cause.label}.`;
}

const percent = (share: number): string => `${formatNumber(share * 100)} %`;

/** Shares that people say as words are said so. */
function shareWords(share: number): string {
  if (share >= 0.97) return 'Nearly all';
  if (Math.abs(share - 2 / 3) < 0.02) return 'Two thirds';
  if (Math.abs(share - 3 / 4) < 0.015) return 'Three quarters';
  if (Math.abs(share - 1 / 2) < 0.01) return 'Half';
  return percent(share);
}

export interface PrefillSummary {
  readonly tokens: number;
  readonly reused: number;
  /** From flash; null: not told. */
  readonly bytesRead: number | null;
  readonly ms: number;
  readonly shares: readonly CauseShare[];
}

/** What reading the prompt took; null: nothing was read that is known. */
export function summarizePrefill(records: readonly TraceRecord[]): PrefillSummary | null {
  const read = records.filter(({ phase }) => phase === 'prefill');
  if (read.length === 0) return null;
  const times = read.map(causeTimes);
  const ms = sum(read.map(({ timeNs }) => timeNs.total / 1e6));
  const shares = causes.flatMap((cause, index): CauseShare[] => {
    const known = times.map((of) => of[index] ?? NaN).filter((value) => !Number.isNaN(value));
    return known.length === 0 ? [] : [{ cause, ms: sum(known), share: ms > 0 ? sum(known) / ms : 0 }];
  });
  const known = read.flatMap(({ bytesRead }) => bytesRead ?? []);
  return {
    tokens: sum(read.map(({ tokens }) => tokens)),
    reused: read[0]?.reused ?? 0,
    bytesRead: known.length > 0 ? sum(known) : null,
    ms,
    shares,
  };
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

export function prefillText({ tokens, reused, bytesRead, ms }: PrefillSummary): string {
  const rate = ms > 0 ? `, ${formatRate((tokens * 1000) / ms)} tokens/s` : '';
  const flash = bytesRead === null ? '' : `, ${formatBytes(bytesRead)} from flash`;
  const kept = reused > 0 ? `; ${formatNumber(reused)} were held from before` : '';
  return `${formatNumber(tokens)} ${tokens === 1 ? 'token' : 'tokens'} of prompt read in ${formatMilliseconds(ms)}${rate}${flash}${kept}`;
}

/** A token's text so that spaces and line ends are seen. */
export function visibleText(text: string): string {
  return text.replaceAll(' ', '·').replaceAll('\n', '⏎').replaceAll('\t', '⇥').replaceAll('\r', '␍');
}
