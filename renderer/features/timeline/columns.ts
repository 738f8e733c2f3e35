/** Tokens as columns of a width that can be seen: one a token, or several tokens in one. Pure. */
import { causes } from '../../charts/causes.ts';
import { axisFor, type Axis } from '../../charts/ticks.ts';
import type { TimelineData } from './timeline-data.ts';

export interface Columns {
  readonly tokensPerColumn: number;
  readonly count: number;
  /** From the beginning of one column to the next, in pixels. */
  readonly pitch: number;
}

/** Columns are never narrower than this, nor wider than a few tokens would make them. */
const narrowest = 2;
const widest = 24;

export function layoutColumns(tokenCount: number, width: number): Columns {
  const room = Math.max(1, Math.floor(width / narrowest));
  const tokensPerColumn = Math.max(1, Math.ceil(tokenCount / room));
  const count = Math.ceil(tokenCount / tokensPerColumn);
  return { tokensPerColumn, count, pitch: Math.min(widest, count > 0 ? width / count : width) };
}

export interface Column {
  /** Mean milliseconds a token by cause, in the order of `causes`. */
  readonly byCause: readonly number[];
  readonly meanMs: number;
  readonly slowestMs: number;
  /** Index of the slowest token, else of the first. */
  readonly token: number;
  readonly kvBytes: number | null;
  /** Of expert or row loads, 0 to 1; null: not told. */
  readonly missShare: number | null;
}

export function columnAt(data: TimelineData, { tokensPerColumn }: Columns, index: number): Column {
  const first = index * tokensPerColumn;
  const end = Math.min(data.count, first + tokensPerColumn);
  const byCause = causes.map(() => 0);
  const state = { timed: 0, sumMs: 0, slowestMs: 0, token: first };
  for (let token = first; token < end; token++) {
    const ms = data.totalMs(token);
    if (Number.isNaN(ms)) continue;
    state.timed += 1;
    state.sumMs += ms;
    for (let cause = 0; cause < byCause.length; cause++) {
      byCause[cause] = (byCause[cause] ?? 0) + data.causeMs(cause, token);
    }
    if (ms > state.slowestMs) Object.assign(state, { slowestMs: ms, token });
  }
  const { timed, sumMs, slowestMs, token } = state;
  const last = data.tokens[end - 1]?.trace;
  return {
    byCause: byCause.map((ms) => (timed > 0 ? ms / timed : 0)),
    meanMs: timed > 0 ? sumMs / timed : 0,
    slowestMs,
    token,
    kvBytes: last?.kvBytes ?? null,
    missShare: missShareOf(data, first, end),
  };
}

function missShareOf(data: TimelineData, first: number, end: number): number | null {
  let hits = 0;
  let misses = 0;
  let isKnown = false;
  for (let token = first; token < end; token++) {
    const trace = data.tokens[token]?.trace;
    if (trace?.cacheMisses === undefined) continue;
    isKnown = true;
    misses += trace.cacheMisses;
    hits += trace.cacheHits ?? 0;
  }
  if (!isKnown) return null;
  return hits + misses === 0 ? 0 : misses / (hits + misses);
}

/** One token far above the rest must not press them to the axis: then it is cut, and says how high it is. */
const cutAbove = 3;

export function timeAxis(slowestMs: number, p95: number): Axis {
  const reference = Number.isNaN(p95) ? slowestMs : p95;
  return axisFor(slowestMs > cutAbove * reference ? reference * 2 : slowestMs, 4);
}

/** The column under a place; null: beside them. */
export function columnOfX({ pitch, count }: Columns, x: number): number | null {
  const index = Math.floor(x / pitch);
  return index >= 0 && index < count ? index : null;
}
