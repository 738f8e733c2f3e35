/** onnxruntime-node on an exported folder as its documentation has it: what `run` gives as present goes back in as past. */
import { join } from 'node:path';
import {
  argmax,
  promptIds,
  secondsOf,
  type BenchEngine,
  type Opened,
  type OpenRequest,
  type StartRequest,
  type Turn,
} from './bench-engine.ts';

/** The part of onnxruntime-node used here; the package is installed beside this file and not known to the project's type checker. */
interface Tensor {
  readonly data: Float32Array;
  readonly dims: readonly number[];
}
interface InferenceSession {
  readonly inputNames: readonly string[];
  readonly inputMetadata: readonly { readonly name: string; readonly shape?: readonly (number | string)[] }[];
  run(feeds: Readonly<Record<string, Tensor>>): Promise<Readonly<Record<string, Tensor>>>;
  release(): Promise<void>;
}
interface Package {
  readonly InferenceSession: { create(path: string, options: object): Promise<InferenceSession> };
  readonly Tensor: new (type: string, data: Float32Array | BigInt64Array, dims: readonly number[]) => Tensor;
  readonly env: { readonly versions: { readonly node?: string } };
}

const packageName = 'onnxruntime-node';
type Past = Readonly<Record<string, Tensor>>;

class OnnxruntimeEngine implements BenchEngine {
  #package: Package | undefined;
  #session: InferenceSession | undefined;
  #promptTokens = 0;
  /** After the prompt. */
  #past: Past = {};
  #next = 0;

  async open({ path, threads }: OpenRequest): Promise<Opened> {
    // CommonJS: the names that Node's import finds depend on how the package is written.
    const module = (await import(packageName)) as Package & { default?: Package };
    this.#package = module.default ?? module;
    const { InferenceSession, env } = this.#package;
    const seconds = await secondsOf(async () => {
      this.#session = await InferenceSession.create(join(path, 'model.onnx'), {
        executionProviders: ['cpu'],
        intraOpNumThreads: threads,
        interOpNumThreads: 1,
        graphOptimizationLevel: 'all',
      });
    });
    return { seconds, description: `onnxruntime ${env.versions.node ?? ''}`, weightsBytes: null };
  }

  async start({ promptTokens }: StartRequest): Promise<Turn> {
    this.#promptTokens = promptTokens;
    return {
      seconds: await secondsOf(async () => {
        const result = await this.#run(promptIds(promptTokens), 0, this.#emptyPast());
        [this.#next, this.#past] = [result.next, result.past];
      }),
      kvBytes: null,
    };
  }

  #emptyPast(): Past {
    const { Tensor } = this.#package!;
    const past = this.#session!.inputMetadata.filter(({ name }) => name.startsWith('past_key_values.'));
    return Object.fromEntries(
      past.map(({ name, shape }) => {
        const [, heads, , width] = shape ?? [];
        return [name, new Tensor('float32', new Float32Array(), [1, Number(heads), 0, Number(width)])];
      }),
    );
  }

  async #run(ids: Int32Array, before: number, past: Past): Promise<{ next: number; past: Past }> {
    const { Tensor } = this.#package!;
    const total = before + ids.length;
    const results = await this.#session!.run({
      input_ids: new Tensor('int64', BigInt64Array.from(ids, BigInt), [1, ids.length]),
      attention_mask: new Tensor('int64', new BigInt64Array(total).fill(1n), [1, total]),
      ...past,
    });
    const { data, dims } = results['logits']!;
    const vocabulary = dims.at(-1)!;
    const presents = Object.entries(results).filter(([name]) => name !== 'logits');
    return {
      next: argmax(data.subarray(data.length - vocabulary)),
      past: Object.fromEntries(
        presents.map(([name, tensor]) => [name.replace('present', 'past_key_values'), tensor]),
      ),
    };
  }

  async decode(count: number): Promise<Turn> {
    let state = { next: this.#next, past: this.#past };
    const seconds = await secondsOf(async () => {
      for (let i = 0; i < count; i++) {
        state = await this.#run(Int32Array.of(state.next), this.#promptTokens + i, state.past);
      }
    });
    return { seconds, kvBytes: null };
  }

  async close(): Promise<void> {
    await this.#session?.release();
  }
}

export const createEngine = (): BenchEngine => new OnnxruntimeEngine();
