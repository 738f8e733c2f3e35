/** An engine whose logits are a fixed table: row = the last id, so that a test knows every token in advance. */
import type {
  Engine,
  EngineInfo,
  EvaluateInput,
  EvaluateResult,
  Session,
} from '../../electron/engine/engine.ts';
import { LabError } from '../../electron/contract/errors.ts';

export interface TableOptions {
  /** Logits after an id. */
  readonly rowAfter: (id: number) => Float32Array;
  readonly vocabularySize: number;
  readonly contextLength?: number;
  /** Called before each evaluation. */
  readonly onEvaluate?: (ids: Int32Array) => Promise<void> | void;
}

export interface TableEngine extends Engine {
  /** Lengths of the id lists of every evaluation. */
  readonly evaluations: number[];
  openSessions: number;
}

export function tableEngine(options: TableOptions): TableEngine {
  const info: EngineInfo = {
    engine: 'onnx',
    arithmetic: 'reference',
    device: 'cpu',
    threads: 1,
    versions: {},
    vocabularySize: options.vocabularySize,
    hiddenSize: 1,
    contextLength: options.contextLength ?? 1000,
    weightsBytes: 0,
    kvCodec: 'f32',
    kvBytesPerToken: 8,
  };
  const engine: TableEngine = {
    info,
    evaluations: [],
    openSessions: 0,
    createSession: ({ context }) => {
      engine.openSessions += 1;
      return Promise.resolve(new TableSession(engine, options, context));
    },
    close: () => Promise.resolve(),
  };
  return engine;
}

class TableSession implements Session {
  length = 0;
  readonly context: number;
  readonly #engine: TableEngine;
  readonly #options: TableOptions;

  constructor(engine: TableEngine, options: TableOptions, context: number) {
    this.#engine = engine;
    this.#options = options;
    this.context = context;
  }

  get kvBytes(): number {
    return this.length * 8;
  }

  async evaluate(input: EvaluateInput, signal?: AbortSignal): Promise<EvaluateResult> {
    const ids = input.ids ?? new Int32Array(0);
    signal?.throwIfAborted();
    await this.#options.onEvaluate?.(ids);
    signal?.throwIfAborted();
    if (this.length + ids.length > this.context) throw new LabError('context-full', 'Too many ids.');
    this.#engine.evaluations.push(ids.length);
    this.length += ids.length;
    const chosen = input.rows === 'all' ? ids : input.rows === 'last' ? ids.subarray(-1) : ids.subarray(0, 0);
    const size = this.#options.vocabularySize;
    const logits = new Float32Array(chosen.length * size);
    chosen.forEach((id, row) => logits.set(this.#options.rowAfter(id), row * size));
    return { logits, rows: chosen.length, timeNs: { evaluate: 1000 } };
  }

  rollback(count: number): void {
    this.length -= count;
  }
  truncate(length: number): void {
    this.length = length;
  }
  fork(): Session {
    throw new LabError('unsupported-feature', 'A table has no fork.');
  }
  save(): Promise<void> {
    return Promise.reject(new LabError('unsupported-feature', 'A table is not saved.'));
  }
  restore(): Promise<never> {
    return Promise.reject(new LabError('unsupported-feature', 'A table is not saved.'));
  }
  close(): void {
    this.#engine.openSessions -= 1;
  }
}

/** The id after `id` is the likeliest with a logit of `margin`, all others have 0. */
export function peakAt(next: (id: number) => number, vocabularySize: number, margin = 10) {
  return (id: number): Float32Array => {
    const row = new Float32Array(vocabularySize);
    row[next(id)] = margin;
    return row;
  };
}
