/** llama.cpp: KV cache of float16, flash attention where it chooses so, the prompt in one batch. */
import {
  promptIds,
  secondsOf,
  type BenchEngine,
  type Opened,
  type OpenRequest,
  type StartRequest,
  type Turn,
} from './bench-engine.ts';
import { LlamaCpp, type Context, type Model, type Sampler } from './llama-cpp-binding.ts';

const sequence = 0;
/** llama.cpp rounds contexts up to this. */
const contextStep = 256;

class LlamaCppEngine implements BenchEngine {
  #threads = 0;
  #llama: LlamaCpp | undefined;
  #model: Model | undefined;
  #context: Context | undefined;
  #sampler: Sampler | undefined;
  #length = 0;
  /** The likeliest id after the prompt. */
  #first = 0;

  async open({ path, threads }: OpenRequest): Promise<Opened> {
    this.#threads = threads;
    const llama = await LlamaCpp.load(threads);
    this.#llama = llama;
    const seconds = await secondsOf(async () => {
      this.#model = await llama.openModel(path);
    });
    this.#sampler = llama.greedySampler(this.#model!);
    return { seconds, description: llama.description, weightsBytes: this.#model!.getModelSize() };
  }

  async start({ promptTokens, generateTokens }: StartRequest): Promise<Turn> {
    await this.#context?.dispose();
    this.#context = await this.#llama!.openContext(this.#model!, {
      contextSize: Math.ceil((promptTokens + generateTokens) / contextStep) * contextStep,
      batchSize: promptTokens,
      threads: this.#threads,
    });
    this.#length = 0;
    const ids = Uint32Array.from(promptIds(promptTokens));
    const seconds = await secondsOf(async () => {
      this.#first = await this.#next(ids);
    });
    return { seconds, kvBytes: null };
  }

  /** Appends the ids and returns the likeliest one after them. */
  async #next(ids: Uint32Array): Promise<number> {
    const context = this.#context!;
    context.initBatch(ids.length);
    const [row] = context.addToBatch(sequence, this.#length, ids, Uint32Array.of(ids.length - 1));
    await context.decodeBatch();
    this.#length += ids.length;
    return context.sampleToken(row!, this.#sampler!);
  }

  async decode(count: number): Promise<Turn> {
    const start = this.#length;
    let id = this.#first;
    const seconds = await secondsOf(async () => {
      for (let i = 0; i < count; i++) id = await this.#next(Uint32Array.of(id));
    });
    this.#context!.removeTokenCellsFromSequence(sequence, start, -1);
    this.#length = start;
    return { seconds, kvBytes: null };
  }

  async close(): Promise<void> {
    await this.#context?.dispose();
    await this.#model?.dispose();
    await this.#llama?.close();
  }
}

export const createEngine = (): BenchEngine => new LlamaCppEngine();
