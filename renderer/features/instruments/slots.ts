/** What the last minute was, in slots of 0.4 s: 150 points, so that no chart ever draws more. */
import type { ReplyToken } from '../../../electron/contract/chats.ts';
import type { MemoryReading } from '../../../electron/contract/machine.ts';
import type { TraceRecord } from '../../../electron/contract/trace.ts';
import { causes, causeTimes, totalMs } from '../../charts/causes.ts';
import { cursorToken, isSameToken, type CursorToken } from '../../charts/cursor.ts';
import { TimeSlots } from '../../charts/ring.ts';
import type { HeldWeights } from './weight-parts.ts';

export const slotMs = 400;
export const slotCount = 150;
export const windowMs = slotMs * slotCount;

export interface InstrumentSlot {
  tokens: number;
  /** Sums in milliseconds. */
  totalMs: number;
  /** In the order of `causes`; NaN: no token of the slot told it. */
  readonly byCause: number[];
  slowestMs: number;
  /** Of each token. */
  readonly times: number[];
  /** In the order in which they came; for the cursor. */
  readonly cursorTokens: CursorToken[];
  kvBytes: number | null;
  /** Null: none of its steps tells what it read. */
  flash: FlashSlot | null;
  memory: HeldMemory | null;
}

/** A reading, and what was held of the weights then; null: all of them. */
export interface HeldMemory extends MemoryReading {
  readonly held: HeldWeights | null;
}

/** What steps read from flash, those that read the prompt too. */
export interface FlashSlot {
  bytes: number;
  reads: number;
  hits: number;
  misses: number;
  /** With a read in flight, and waited for one. */
  busyNs: number;
  waitNs: number;
  /** Of the steps, sum. */
  ms: number;
  longestMs: number;
}

export interface InstrumentPoint {
  readonly startMs: number;
  readonly slot: InstrumentSlot | undefined;
}

/** What came together, and when. */
interface Arrival {
  readonly atMs: number;
  readonly tokens: readonly ReplyToken[];
  /** Steps that drew no token. */
  readonly prefill: readonly TraceRecord[];
}

/** Tokens are only kept until somebody looks: what nobody looks at costs nothing. */
export class InstrumentData {
  readonly #slots = new TimeSlots<InstrumentSlot>(slotCount, slotMs, emptySlot);
  #arrivals: Arrival[] = [];

  addTokens(tokens: readonly ReplyToken[], atMs: number, prefill: readonly TraceRecord[] = []): void {
    this.#arrivals.push({ atMs, tokens, prefill });
    if ((this.#arrivals[0]?.atMs ?? atMs) < atMs - windowMs) {
      this.#arrivals = this.#arrivals.filter((arrival) => arrival.atMs >= atMs - windowMs);
    }
  }

  addMemory(reading: MemoryReading, held: HeldWeights | null = null): void {
    const slot = this.#slots.at(reading.at);
    if (slot) slot.memory = { ...reading, held };
  }

  /** The last minute, oldest first. */
  points(nowMs: number): InstrumentPoint[] {
    for (const arrival of this.#arrivals) this.#place(arrival);
    this.#arrivals = [];
    return this.#slots.upTo(nowMs);
  }

  /** When the token ended, where it is within the last minute. */
  timeOf(token: CursorToken, nowMs: number): number | null {
    const point = this.points(nowMs).find(({ slot }) =>
      slot?.cursorTokens.some((other) => isSameToken(other, token)),
    );
    return point ? point.startMs + slotMs / 2 : null;
  }

  /** The token that ended last before the end of that slot of time. */
  tokenAt(timeMs: number, nowMs: number): CursorToken | null {
    const point = this.points(nowMs).find(({ startMs }) => timeMs >= startMs && timeMs < startMs + slotMs);
    return point?.slot?.cursorTokens.at(-1) ?? null;
  }

  clear(): void {
    this.#slots.clear();
    this.#arrivals = [];
  }

  /** The last of them ended when they came; the others as long before as the engine's clock says. */
  #place({ atMs, tokens, prefill }: Arrival): void {
    const last = tokens.at(-1)?.trace ?? prefill.at(-1);
    if (!last) return;
    const slotOf = (trace: TraceRecord) => this.#slots.at(atMs - (endNs(last) - endNs(trace)) / 1e6);
    for (const trace of prefill) {
      const slot = slotOf(trace);
      if (slot) addReads(slot, trace);
    }
    for (const token of tokens) {
      const slot = slotOf(token.trace);
      if (!slot) continue;
      addReads(slot, token.trace);
      addToken(slot, token);
    }
  }
}

const endNs = ({ startNs, timeNs }: TraceRecord): number => startNs + timeNs.total;

function emptySlot(): InstrumentSlot {
  return {
    tokens: 0,
    totalMs: 0,
    byCause: causes.map(() => NaN),
    slowestMs: 0,
    times: [],
    cursorTokens: [],
    kvBytes: null,
    flash: null,
    memory: null,
  };
}

function addReads(slot: InstrumentSlot, trace: TraceRecord): void {
  if (trace.bytesRead === undefined) return;
  const flash = (slot.flash ??= {
    bytes: 0,
    reads: 0,
    hits: 0,
    misses: 0,
    busyNs: 0,
    waitNs: 0,
    ms: 0,
    longestMs: 0,
  });
  const ms = totalMs(trace);
  flash.bytes += trace.bytesRead;
  flash.reads += trace.reads ?? 0;
  flash.hits += trace.cacheHits ?? 0;
  flash.misses += trace.cacheMisses ?? 0;
  flash.busyNs += trace.readBusyNs ?? 0;
  flash.waitNs += trace.timeNs.readWait ?? 0;
  flash.ms += ms;
  flash.longestMs = Math.max(flash.longestMs, ms);
}

function addToken(slot: InstrumentSlot, { trace }: ReplyToken): void {
  slot.cursorTokens.push(cursorToken(trace));
  slot.kvBytes = trace.kvBytes ?? slot.kvBytes;
  // The step that read the prompt drew a token too; its time is no time per token.
  if (trace.phase === 'prefill') return;
  const ms = totalMs(trace);
  slot.tokens += 1;
  slot.totalMs += ms;
  slot.slowestMs = Math.max(slot.slowestMs, ms);
  slot.times.push(ms);
  causeTimes(trace).forEach((value, index) => {
    if (Number.isNaN(value)) return;
    const sum = slot.byCause[index] ?? NaN;
    slot.byCause[index] = (Number.isNaN(sum) ? 0 : sum) + value;
  });
}
