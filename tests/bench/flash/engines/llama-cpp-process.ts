/** llama.cpp with mapped weights, as a process of its own. */
import { secondsOf } from '../../engines/bench-engine.ts';
import { LlamaCpp, type Model } from '../../engines/llama-cpp-binding.ts';
import { LlamaCppSequence } from '../../engines/llama-cpp-sequence.ts';
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

class LlamaCppEngine implements FlashEngine {
  #threads = 0;
  #llama: LlamaCpp | undefined;
  #model: Model | undefined;
  #sequence: LlamaCppSequence | undefined;

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
    return { seconds, description: llama.description };
  }

  async start({ prompt, context }: StartRequest): Promise<number> {
    await this.#sequence?.close();
    const sequence = await LlamaCppSequence.open(this.#llama!, this.#model!, {
      contextSize: context,
      batchSize: prompt.length,
      threads: this.#threads,
    });
    this.#sequence = sequence;
    return secondsOf(() => sequence.next(Uint32Array.from(prompt)));
  }

  async feed(ids: Int32Array): Promise<Fed> {
    const fed = { seconds: [] as number[], likeliest: [] as number[] };
    for (const id of ids) {
      const seconds = await secondsOf(async () => {
        fed.likeliest.push(await this.#sequence!.next(Uint32Array.of(id)));
      });
      fed.seconds.push(seconds);
    }
    return fed;
  }
}

const calls = callsOf(new LlamaCppEngine());
export type LlamaCppCalls = typeof calls;
serveCalls(calls);
