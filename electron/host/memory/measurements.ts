/** What replies measured of their models: it stands beside what is predicted, and the next prediction begins with it. */
import { z } from 'zod';
import type { KvCodec } from '../../contract/open-model.ts';
import type { MemoryBudget } from '../../contract/machine.ts';
import type { TraceRecord } from '../../contract/trace.ts';
import type { Store } from '../store/store.ts';

export interface MeasuredSettings {
  readonly modelIdentity: string;
  readonly context: number;
  readonly kvCodec: KvCodec;
  readonly threads: number;
  /** As it was chosen; null: all weights in memory. */
  readonly memoryBudget: MemoryBudget | null;
}

export interface Measurement extends MeasuredSettings {
  readonly at: number;
  /** The engine process's RSS after the reply less what it had before the model was opened. */
  readonly totalBytes: number;
  /** Positions in use after the reply. */
  readonly usedContext: number;
  readonly tokensPerSecond: number;
  /** Weights and KV read from memory per second of computing; null where the engine does not count. */
  readonly bytesPerSecond: number | null;
  /** From the disk, for each token that was written, and of weights that were needed the share that was in memory; null: nothing is streamed. */
  readonly readBytesPerToken: number | null;
  readonly hitRate: number | null;
}

const nanosecondsPerSecond = 1e9;
/** Budgets as numbers of a key: no size is below 0. */
const budgetNames = { auto: -1, none: -2 };
/** Counts of a long past come close to a bound, and fall a little short of it as often as not. */
const nearly = 0.9;
const Uses = z.array(z.number().nonnegative());

export class Measurements {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /** In place of the one before with the same settings. */
  async record(measured: Measurement): Promise<void> {
    const { modelIdentity, context, kvCodec, threads, memoryBudget } = measured;
    const { at, totalBytes, usedContext, tokensPerSecond, bytesPerSecond } = measured;
    const { readBytesPerToken, hitRate } = measured;
    await this.#store.run(
      `INSERT OR REPLACE INTO measurements (model_identity, context, kv_codec, threads, memory_budget, at, total_bytes, used_context,
       tokens_per_second, bytes_per_second, read_bytes_per_token, hit_rate) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      ...[modelIdentity, context, kvCodec, threads, budgetKey(memoryBudget), at, totalBytes, usedContext],
      ...[tokensPerSecond, bytesPerSecond, readBytesPerToken, hitRate],
    );
  }

  /** The latest reply with exactly these settings; with `anyContext` one of another context where there is none. */
  async latest(settings: MeasuredSettings, { anyContext = false } = {}): Promise<Measurement | null> {
    const { modelIdentity, context, kvCodec, threads, memoryBudget } = settings;
    const [row] = await this.#store.run(
      `SELECT * FROM measurements WHERE model_identity = ? AND kv_codec = ? AND threads = ? AND memory_budget = ? AND (context = ? OR ?)
       ORDER BY context = ? DESC, at DESC LIMIT 1`,
      ...[modelIdentity, kvCodec, threads, budgetKey(memoryBudget), context, anyContext ? 1 : 0, context],
    );
    if (!row) return null;
    return {
      ...{ modelIdentity, context: Number(row['context']), kvCodec, threads, memoryBudget },
      at: Number(row['at']),
      totalBytes: Number(row['total_bytes']),
      usedContext: Number(row['used_context']),
      tokensPerSecond: Number(row['tokens_per_second']),
      bytesPerSecond: numberOrNull(row['bytes_per_second']),
      readBytesPerToken: numberOrNull(row['read_bytes_per_token']),
      hitRate: numberOrNull(row['hit_rate']),
    };
  }

  /**
   * Bytes of weights and KV that computing reads from memory per second: of the latest reply of the same model, else of any, on as many
   * threads. Null: none was measured.
   */
  async memoryRate({
    modelIdentity,
    threads,
  }: Pick<MeasuredSettings, 'modelIdentity' | 'threads'>): Promise<number | null> {
    const [row] = await this.#store.run(
      `SELECT bytes_per_second AS rate FROM measurements WHERE threads = ? AND bytes_per_second > 0
       ORDER BY model_identity = ? DESC, at DESC LIMIT 1`,
      ...[threads, modelIdentity],
    );
    return row ? Number(row['rate']) : null;
  }

  /**
   * How often replies used each expert of a model (layers × experts), the past counting less and less. In place of those before, unless these
   * are more: an engine that was started anew counts from nothing.
   */
  async recordUses(modelIdentity: string, uses: readonly number[], at: number): Promise<void> {
    const before = await this.uses(modelIdentity);
    if (before.length === uses.length && total(uses) < nearly * total(before)) return;
    await this.#store.run(
      'INSERT OR REPLACE INTO expert_uses (model_identity, at, uses) VALUES (?, ?, ?)',
      ...[modelIdentity, at, JSON.stringify(uses.map((use) => Number(use.toPrecision(6))))],
    );
  }

  /** Empty where none were recorded, or damage made nonsense of them. */
  async uses(modelIdentity: string): Promise<number[]> {
    const [row] = await this.#store.run(
      'SELECT uses FROM expert_uses WHERE model_identity = ?',
      modelIdentity,
    );
    return row ? parseUses(String(row['uses'])) : [];
  }
}

const total = (uses: readonly number[]) => uses.reduce((sum, use) => sum + use, 0);

function parseUses(text: string): number[] {
  try {
    return Uses.parse(JSON.parse(text));
  } catch {
    return [];
  }
}

function budgetKey(memoryBudget: MeasuredSettings['memoryBudget']): number {
  return typeof memoryBudget === 'number' ? memoryBudget : budgetNames[memoryBudget ?? 'none'];
}

const numberOrNull = (value: unknown) => (value === null ? null : Number(value));

const written = (records: readonly TraceRecord[]) => records.filter(({ phase }) => phase === 'decode');
const sum = (records: readonly TraceRecord[], value: (record: TraceRecord) => number | undefined) =>
  records.reduce((total, record) => total + (value(record) ?? 0), 0);

/** Bytes touched per second of writing, but for waiting for the disk; null where no step that wrote a token counted them. */
export function bytesPerSecond(records: readonly TraceRecord[]): number | null {
  const counted = written(records).filter(({ bytesTouched }) => bytesTouched !== undefined);
  const bytes = sum(counted, ({ bytesTouched }) => bytesTouched);
  const nanoseconds = sum(counted, ({ timeNs }) => timeNs.total - (timeNs.readWait ?? 0));
  return nanoseconds > 0 ? (bytes / nanoseconds) * nanosecondsPerSecond : null;
}

/** Of a streamed model's reply: what each token that was written read, and the share of hits; nulls where nothing is streamed. */
export function readsOf(records: readonly TraceRecord[]): Pick<Measurement, 'readBytesPerToken' | 'hitRate'> {
  const counted = written(records).filter(({ bytesRead }) => bytesRead !== undefined);
  if (counted.length === 0) return { readBytesPerToken: null, hitRate: null };
  const hits = sum(counted, ({ cacheHits }) => cacheHits);
  const misses = sum(counted, ({ cacheMisses }) => cacheMisses);
  return {
    readBytesPerToken: sum(counted, ({ bytesRead }) => bytesRead) / counted.length,
    hitRate: hits + misses > 0 ? hits / (hits + misses) : null,
  };
}
