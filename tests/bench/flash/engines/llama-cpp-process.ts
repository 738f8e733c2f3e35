/** llama.cpp with mapped weights, as a process of its own. */
import { secondsOf } from '../../engines/bench-engine.ts';
import { LlamaCpp, type Context, type Model, type Sampler } from '../../engines/llama-cpp-binding.ts';
import { serveCalls } from '../../engines/serve-calls.ts';
import {
  callsOf,
  type Fed,
  type FlashEngine,
  type Opened,
  type OpenRequest,
  type PrepareRequest,
  type StartRequest,
} from './flash-engine.ts';

const sequence = 0;
/** llama.cpp rounds contexts up to this. */
const contextStep = 256;

class LlamaCppEngine implements FlashEngine {
  #threads = 0;
  #llama: LlamaCpp | undefined;
  #model: Model | undefined;
  #context: Context | undefined;
  #sampler: Sampler | undefined;
  #length = 0;

  /** Its tokenizer comes with the model. */
  async prepare({ threads }: PrepareRequest): Promise<void> {
    this.#threads = threads;
    this.#llama = await LlamaCpp.load(threads);
  }

  async open({ path }: OpenRequest): Promise<Opened> {
    const llama = this.#llama!;
    const seconds = await secondsOf(async () => {
      this.#model = await llama.openModel(path);
    });
    this.#sampler = llama.greedySampler(this.#model!);
    return { seconds, description: llama.description };
  }

  async start({ prompt, context }: StartRequest): Promise<number> {
    await this.#context?.dispose();
    this.#context = await this.#llama!.openContext(this.#model!, {
      contextSize: Math.ceil(context / contextStep) * contextStep,
      batchSize: prompt.length,
      threads: this.#threads,
    });
    this.#length = 0;
    return secondsOf(() => this.#next(Uint32Array.from(prompt)));
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

  async feed(ids: Int32Array): Promise<Fed> {
    const fed = { seconds: [] as number[], likeliest: [] as number[] };
    for (const id of ids) {
      const seconds = await secondsOf(async () => {
        fed.likeliest.push(await this.#next(Uint32Array.of(id)));
      });
      fed.seconds.push(seconds);
    }
    return fed;
  }
}

const calls = callsOf(new LlamaCppEngine());
export type LlamaCppCalls = typeof calls;
serveCalls(calls);
