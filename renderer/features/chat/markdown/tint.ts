/** How strongly a token is tinted: 0 not at all, 1 to 9 along the sequential scale. What is ordinary stays unpainted. */
import type { ReplyToken } from '../../../../electron/contract/chats.ts';
import type { TintMode } from '../chat-state.ts';
import type { Block } from './blocks.ts';
import type { TokenRange } from './token-spans.ts';

const steps = 10;

function stepOf(value: number, low: number, high: number): number {
  if (!(high > low)) return 0;
  return Math.max(0, Math.min(steps - 1, Math.floor(((value - low) / (high - low)) * steps)));
}

/** Bits of surprise: paint begins at 0.9 and is full at 5.4. */
const surpriseBits = { low: 0.35, high: 6 };

/** `usualNs`: the median time of the reply's tokens, or of their waits; paint begins a tenth above it and is full near its double. */
export function tintStep(token: ReplyToken, mode: TintMode, usualNs: number): number {
  const { logProbability, timeNs } = token.trace;
  switch (mode) {
    case 'none':
      return 0;
    case 'probability':
      return logProbability === undefined
        ? 0
        : stepOf(-logProbability / Math.LN2, surpriseBits.low, surpriseBits.high);
    case 'time':
      return stepOf(timeNs.total, usualNs, usualNs * 2);
    case 'flash':
      return stepOf(timeNs.readWait ?? 0, usualNs, usualNs * 2);
  }
}

/** A wait is no stall while the reply's tokens wait less than this part of their time. */
const leastStall = 0.05;

/** What the tint measures tokens by: the median of those that were decoded; of waits at least a small part of the time. */
export function usualTime(tokens: readonly ReplyToken[], mode: TintMode): number {
  const decoded = tokens.filter(({ trace }) => trace.phase === 'decode').map(({ trace }) => trace.timeNs);
  const time = median(decoded.map(({ total }) => total));
  if (mode !== 'flash') return time;
  return Math.max(time * leastStall, median(decoded.map(({ readWait }) => readWait ?? 0)));
}

function median(values: readonly number[]): number {
  const ascending = [...values].sort((one, other) => one - other);
  return ascending[Math.floor(ascending.length / 2)] ?? 0;
}

/** Whether any token tells how long it waited for flash. */
export const tellsStalls = (tokens: readonly ReplyToken[]): boolean =>
  tokens.at(-1)?.trace.timeNs.readWait !== undefined;

/** Where each token begins in the reply's text; one more at the end. */
export function tokenStarts(tokens: readonly ReplyToken[]): readonly number[] {
  const starts = [0];
  let at = 0;
  for (const { text } of tokens) starts.push((at += text.length));
  return starts;
}

/** The first token that ends behind `place`. */
function tokenAt(starts: readonly number[], place: number): number {
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((starts[middle + 1] ?? Infinity) > place) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The tokens of a block by their places in it. `offset`: where in the reply's text the blocks begin. */
export function rangesOf(
  block: Block,
  offset: number,
  tokens: readonly ReplyToken[],
  starts: readonly number[],
  mode: TintMode,
  usualNs: number,
): readonly TokenRange[] {
  const begin = offset + block.start;
  const end = begin + block.source.length;
  const ranges: TokenRange[] = [];
  for (let index = tokenAt(starts, begin); index < tokens.length; index += 1) {
    const token = tokens[index];
    const start = starts[index] ?? end;
    if (!token || start >= end) break;
    if (token.text === '') continue;
    ranges.push({
      token: index,
      start: Math.max(0, start - begin),
      end: Math.min(end, start + token.text.length) - begin,
      step: tintStep(token, mode, usualNs),
    });
  }
  return ranges;
}
