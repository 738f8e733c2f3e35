/** llama.cpp behind the project's Engine, for comparing logits: whole chunks with all rows, and nothing else. */
import { LabError } from '../../../electron/contract/errors.ts';
import type {
  Engine,
  EngineInfo,
  EvaluateInput,
  EvaluateResult,
  Session,
  SessionOptions,
} from '../../../electron/engine/engine.ts';
import { vocabulary } from '../models/shapes.ts';
import { LlamaCpp, type Context, type Model, type Sampler } from './llama-cpp-binding.ts';

const sequence = 0;

/** Opens a model with the benchmark's vocabulary. */
export async function openLlamaCpp(path: string, threads: number): Promise<Engine> {
  const llama = await LlamaCpp.load(threads);
  return new LlamaCppLogits(llama, await llama.openModel(path), threads);
}

class LlamaCppLogits implements Engine {
  readonly info: EngineInfo;
  readonly #llama: LlamaCpp;
  readonly #model: Model;

  constructor(llama: LlamaCpp, model: Model, threads: number) {
    this.#llama = llama;
    this.#model = model;
    this.info = {
      engine: 'native',
      arithmetic: 'fast',
      device: 'cpu',
      threads,
      versions: { 'llama.cpp': llama.description },
      vocabularySize: vocabulary,
      hiddenSize: 0,
      contextLength: 1 << 30,
      weightsBytes: model.getModelSize(),
      kvCodec: 'f16',
      kvBytesPerToken: null,
    };
  }

  async createSession({ context }: SessionOptions): Promise<Session> {
    const options = { contextSize: context, batchSize: context, threads: this.info.threads };
    const opened = await this.#llama.openContext(this.#model, options);
    return new LogitsSession(opened, this.#llama.greedySampler(this.#model), context);
  }

  async close(): Promise<void> {
    await this.#model.dispose();
    await this.#llama.close();
  }
}

const refuse = (): never => {
  throw new LabError('unsupported-feature', 'The benchmark asks llama.cpp for logits alone.');
};

class LogitsSession implements Session {
  length = 0;
  readonly kvBytes = 0;
  readonly context: number;
  readonly #context: Context;
  readonly #sampler: Sampler;

  constructor(context: Context, sampler: Sampler, size: number) {
    this.#context = context;
    this.#sampler = sampler;
    this.context = size;
  }

  async evaluate({ ids, rows }: EvaluateInput): Promise<EvaluateResult> {
    if (!ids || rows !== 'all') return refuse();
    this.#context.initBatch(ids.length);
    const every = Uint32Array.from(ids, (_, i) => i);
    const places = this.#context.addToBatch(sequence, this.length, Uint32Array.from(ids), every);
    await this.#context.decodeBatch();
    this.length += ids.length;
    const logits = new Float32Array(ids.length * vocabulary);
    for (const [row, place] of places.entries()) {
      await this.#readRow(place, logits.subarray(row * vocabulary, (row + 1) * vocabulary));
    }
    return { logits, rows: ids.length, timeNs: { evaluate: 0 } };
  }

  /** The binding gives every logit of the row, unrounded, as pairs in descending order. Throws where one is missing. */
  async #readRow(place: number, row: Float32Array): Promise<void> {
    const [, , , pairs] = await this.#context.sampleToken(place, this.#sampler, false, false, true);
    if (pairs.length !== 2 * row.length) throw new Error(`${pairs.length / 2} logits of ${row.length}`);
    row.fill(NaN);
    for (let i = 0; i < pairs.length; i += 2) row[pairs[i]!] = pairs[i + 1]!;
    if (row.some(Number.isNaN)) throw new Error('a logit is missing');
  }

  rollback = refuse;
  truncate = refuse;
  fork = refuse;
  save = refuse;
  restore = refuse;

  close(): void {
    void this.#context.dispose();
  }
}
