/** The tokens of a reply as numbers, so that ten thousand of them are summed and drawn quickly. Grows with the reply. */
import type { ReplyToken } from '../../../electron/contract/chats.ts';
import type { TraceRecord } from '../../../electron/contract/trace.ts';
import { causes, causeTimes, totalMs } from '../../charts/causes.ts';

/** Tokens that were drawn by a step of their own; the one drawn by the step that read the prompt has no time of its own. */
export class TimelineData {
  #tokens: readonly ReplyToken[] = [];
  #count = 0;
  #totals = new Float64Array(256);
  #byCause = causes.map(() => new Float64Array(256));
  /** Of tokens with a time of their own, in milliseconds. */
  readonly causeSums = causes.map(() => 0);
  readonly isCauseKnown = causes.map(() => false);
  timed = 0;
  sumMs = 0;
  /** Index of the token that took longest; −1: none is timed. */
  slowest = -1;
  /** What tokens with a time of their own read from flash; null: none of them tells. */
  reads: { bytes: number; hits: number; misses: number; busyNs: number; waitNs: number } | null = null;

  get count(): number {
    return this.#count;
  }

  get tokens(): readonly ReplyToken[] {
    return this.#tokens;
  }

  /** Takes what is new; begins anew where `tokens` is another reply. */
  update(tokens: readonly ReplyToken[]): void {
    const isSame = tokens.length >= this.#count && tokens[0] === this.#tokens[0];
    const isGrown = isSame && (this.#count === 0 || tokens[this.#count - 1] === this.#last);
    if (!isGrown) this.#reset();
    this.#tokens = tokens;
    for (let index = this.#count; index < tokens.length; index++) {
      const token = tokens[index];
      if (token) this.#add(index, token);
    }
    this.#count = tokens.length;
    this.#last = tokens.at(-1);
  }
  #last: ReplyToken | undefined;

  /** Milliseconds; NaN: none of its own. */
  totalMs(index: number): number {
    return this.#totals[index] ?? NaN;
  }

  /** Milliseconds of one cause; 0 where it is not told. */
  causeMs(cause: number, index: number): number {
    return this.#byCause[cause]?.[index] ?? 0;
  }

  /** Of tokens with a time of their own, ascending. */
  sortedTotals(): Float64Array {
    const known = this.#totals.subarray(0, this.#count).filter((ms) => !Number.isNaN(ms));
    return known.sort();
  }

  #reset(): void {
    this.#count = 0;
    this.#last = undefined;
    this.causeSums.fill(0);
    this.isCauseKnown.fill(false);
    this.timed = 0;
    this.sumMs = 0;
    this.slowest = -1;
    this.reads = null;
  }

  #add(index: number, { trace }: ReplyToken): void {
    this.#reserve(index + 1);
    const isTimed = trace.phase === 'decode';
    const ms = isTimed ? totalMs(trace) : NaN;
    this.#totals[index] = ms;
    causeTimes(trace).forEach((value, cause) => {
      const part = isTimed && !Number.isNaN(value) ? value : 0;
      const column = this.#byCause[cause];
      if (column) column[index] = part;
      this.causeSums[cause] = (this.causeSums[cause] ?? 0) + part;
      if (isTimed && !Number.isNaN(value)) this.isCauseKnown[cause] = true;
    });
    if (!isTimed) return;
    this.timed += 1;
    this.sumMs += ms;
    if (this.slowest < 0 || ms > this.totalMs(this.slowest)) this.slowest = index;
    this.#addReads(trace);
  }

  #addReads({ bytesRead, cacheHits, cacheMisses, readBusyNs, timeNs }: TraceRecord): void {
    if (bytesRead === undefined) return;
    const reads = (this.reads ??= { bytes: 0, hits: 0, misses: 0, busyNs: 0, waitNs: 0 });
    reads.bytes += bytesRead;
    reads.hits += cacheHits ?? 0;
    reads.misses += cacheMisses ?? 0;
    reads.busyNs += readBusyNs ?? 0;
    reads.waitNs += timeNs.readWait ?? 0;
  }

  #reserve(size: number): void {
    if (size <= this.#totals.length) return;
    this.#totals = grown(this.#totals);
    this.#byCause = this.#byCause.map(grown);
  }
}

function grown(values: Float64Array): Float64Array<ArrayBuffer> {
  const next = new Float64Array(values.length * 2);
  next.set(values);
  return next;
}
