/** One sequence of tokens in a context of llama.cpp, decoded greedily. */
import type { Context, ContextOptions, LlamaCpp, Model, Sampler } from './llama-cpp-binding.ts';

const sequence = 0;
/** llama.cpp rounds contexts up to this. */
const contextStep = 256;

export class LlamaCppSequence {
  readonly #context: Context;
  readonly #sampler: Sampler;
  #length = 0;

  private constructor(context: Context, sampler: Sampler) {
    this.#context = context;
    this.#sampler = sampler;
  }

  static async open(llama: LlamaCpp, model: Model, options: ContextOptions): Promise<LlamaCppSequence> {
    const contextSize = Math.ceil(options.contextSize / contextStep) * contextStep;
    const context = await llama.openContext(model, { ...options, contextSize });
    return new LlamaCppSequence(context, llama.greedySampler(model));
  }

  get length(): number {
    return this.#length;
  }

  /** Appends the ids and returns the likeliest one after them. */
  async next(ids: Uint32Array): Promise<number> {
    this.#context.initBatch(ids.length);
    const [row] = this.#context.addToBatch(sequence, this.#length, ids, Uint32Array.of(ids.length - 1));
    await this.#context.decodeBatch();
    this.#length += ids.length;
    return this.#context.sampleToken(row!, this.#sampler);
  }

  truncate(length: number): void {
    this.#context.removeTokenCellsFromSequence(sequence, length, -1);
    this.#length = length;
  }

  async close(): Promise<void> {
    await this.#context.dispose();
  }
}
