/** What replies measured of their models: it stands beside what is predicted, and the next prediction begins with it. */
import type { KvCodec } from '../../contract/engine-contract.ts';
import type { TraceRecord } from '../../contract/trace.ts';
import type { Store } from '../store/store.ts';

export interface MeasuredSettings {
  readonly modelIdentity: string;
  readonly context: number;
  readonly kvCodec: KvCodec;
  readonly threads: number;
}

export interface Measurement extends MeasuredSettings {
  readonly at: number;
  /** The engine process's RSS after the reply less what it had before the model was opened. */
  readonly totalBytes: number;
  /** Positions in use after the reply. */
  readonly usedContext: number;
  readonly tokensPerSecond: number;
  /** Weights and KV read per second while the reply was written; null where the engine does not count. */
  readonly bytesPerSecond: number | null;
}

const nanosecondsPerSecond = 1e9;

export class Measurements {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /** In place of the one before with the same settings. */
  async record(measured: Measurement): Promise<void> {
    const { modelIdentity, context, kvCodec, threads, at } = measured;
    const { totalBytes, usedContext, tokensPerSecond, bytesPerSecond } = measured;
    await this.#store.run(
      `INSERT OR REPLACE INTO measurements (model_identity, context, kv_codec, threads, at, total_bytes, used_context, tokens_per_second, bytes_per_second)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      ...[modelIdentity, context, kvCodec, threads, at],
      ...[totalBytes, usedContext, tokensPerSecond, bytesPerSecond],
    );
  }

  /** The latest reply with exactly these settings. */
  async latest({ modelIdentity, context, kvCodec, threads }: MeasuredSettings): Promise<Measurement | null> {
    const [row] = await this.#store.run(
      'SELECT * FROM measurements WHERE model_identity = ? AND context = ? AND kv_codec = ? AND threads = ?',
      ...[modelIdentity, context, kvCodec, threads],
    );
    if (!row) return null;
    const { at, total_bytes, used_context, tokens_per_second, bytes_per_second } = row;
    return {
      ...{ modelIdentity, context, kvCodec, threads },
      at: Number(at),
      totalBytes: Number(total_bytes),
      usedContext: Number(used_context),
      tokensPerSecond: Number(tokens_per_second),
      bytesPerSecond: bytes_per_second === null ? null : Number(bytes_per_second),
    };
  }

  /**
   * Tokens per second where each touches `bytesPerToken`, at the rate of the latest reply of the same model, else of any, on as many
   * threads. Null: none was measured.
   */
  async predict(
    bytesPerToken: number,
    { modelIdentity, threads }: Pick<MeasuredSettings, 'modelIdentity' | 'threads'>,
  ) {
    const [row] = await this.#store.run(
      `SELECT bytes_per_second AS rate FROM measurements WHERE threads = ? AND bytes_per_second IS NOT NULL
       ORDER BY model_identity = ? DESC, at DESC LIMIT 1`,
      ...[threads, modelIdentity],
    );
    return row && bytesPerToken > 0 ? Number(row['rate']) / bytesPerToken : null;
  }
}

/** Bytes touched per second of writing; null where no step that wrote a token counted them. */
export function bytesPerSecond(records: readonly TraceRecord[]): number | null {
  const counted = records.filter(
    ({ phase, bytesTouched }) => phase === 'decode' && bytesTouched !== undefined,
  );
  const bytes = counted.reduce((sum, { bytesTouched = 0 }) => sum + bytesTouched, 0);
  const nanoseconds = counted.reduce((sum, { timeNs }) => sum + timeNs.total, 0);
  return nanoseconds > 0 ? (bytes / nanoseconds) * nanosecondsPerSecond : null;
}
