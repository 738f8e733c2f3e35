/** What the panel shows, fed by whoever follows a reply and whoever reads memory. Keeps the last minute, outside React. */
import type { ReplyToken } from '../../../electron/contract/chats.ts';
import type { MemoryReading } from '../../../electron/contract/machine.ts';
import type { TraceRecord } from '../../../electron/contract/trace.ts';
import type { ChartView } from '../../charts/chart-view.ts';
import type { ChartSource } from '../../charts/LiveChart.tsx';
import { InstrumentData, type InstrumentPoint } from './slots.ts';
import type { HeldWeights } from './weight-parts.ts';
import { flashView, kvView, memoryView, speedView, timeView } from './views.ts';

export class Instruments {
  readonly #data = new InstrumentData();
  readonly #now: () => number;
  readonly #listeners = new Set<() => void>();

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** Tokens of a reply as they come, and the steps that read its prompt. */
  addTokens(tokens: readonly ReplyToken[], prefill: readonly TraceRecord[] = []): void {
    if (tokens.length === 0 && prefill.length === 0) return;
    this.#data.addTokens(tokens, this.#now(), prefill);
    this.#changed();
  }

  /** `held`: what is in memory of a streamed model's weights. */
  addMemory(reading: MemoryReading, held: HeldWeights | null = null): void {
    this.#data.addMemory(reading, held);
    this.#changed();
  }

  points(): readonly InstrumentPoint[] {
    return this.#data.points(this.#now());
  }

  /** Forgets everything. */
  clear(): void {
    this.#data.clear();
    this.#changed();
  }

  /** A chart of the points as `select` sees them. */
  source(select: (points: readonly InstrumentPoint[]) => ChartView): ChartSource {
    return {
      read: () => select(this.points()),
      onChange: (listener) => {
        this.#listeners.add(listener);
        return () => this.#listeners.delete(listener);
      },
      timeOf: (token) => this.#data.timeOf(token, this.#now()),
      tokenAt: (timeMs) => this.#data.tokenAt(timeMs, this.#now()),
    };
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }
}

export interface InstrumentChart {
  readonly title: string;
  /** Only of a model that is streamed. */
  readonly isOfFlash?: boolean;
  readonly select: (points: readonly InstrumentPoint[]) => ChartView;
}

/** From top to bottom. */
export const instrumentCharts: readonly InstrumentChart[] = [
  { title: 'Time per token', select: timeView },
  { title: 'Speed', select: speedView },
  { title: 'Flash reads', isOfFlash: true, select: flashView },
  { title: 'KV', select: kvView },
  { title: 'Memory', select: memoryView },
];

/** The page's own. */
export const instruments = new Instruments();
