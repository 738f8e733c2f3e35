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
import { LlamaCpp, type Model } from './llama-cpp-binding.ts';
import { LlamaCppSequence } from './llama-cpp-sequence.ts';

class LlamaCppEngine implements BenchEngine {
  #threads = 0;
  #llama: LlamaCpp | undefined;
  #model: Model | undefined;
  #sequence: LlamaCppSequence | undefined;
  /** The likeliest id after the prompt. */
  #first = 0;

  async open({ path, threads }: OpenRequest): Promise<Opened> {
    this.#threads = threads;
    const llama = await LlamaCpp.load(threads);
    this.#llama = llama;
    const seconds = await secondsOf(async () => {
      this.#model = await llama.openModel(path);
    });
    return { seconds, description: llama.description, weightsBytes: this.#model!.getModelSize() };
  }

  async start({ promptTokens, generateTokens }: StartRequest): Promise<Turn> {
    await this.#sequence?.close();
    this.#sequence = await LlamaCppSequence.open(this.#llama!, this.#model!, {
      contextSize: promptTokens + generateTokens,
      batchSize: promptTokens,
      threads: this.#threads,
    });
    const ids = Uint32Array.from(promptIds(promptTokens));
    const seconds = await secondsOf(async () => {
      this.#first = await this.#sequence!.next(ids);
    });
    return { seconds, kvBytes: null };
  }

  async decode(count: number): Promise<Turn> {
    const sequence = this.#sequence!;
    const start = sequence.length;
    let id = this.#first;
    const seconds = await secondsOf(async () => {
      for (let i = 0; i < count; i++) id = await sequence.next(Uint32Array.of(id));
    });
    sequence.truncate(start);
    return { seconds, kvBytes: null };
  }

  async close(): Promise<void> {
    await this.#sequence?.close();
    await this.#model?.dispose();
    await this.#llama?.close();
  }
}

export const createEngine = (): BenchEngine => new LlamaCppEngine();
