/**
 * llama.cpp by node-llama-cpp's own binding, without the queues and locks above it: a batch costs one trip to a worker thread, drawing a token another,
 * and nothing else happens in JavaScript. The package is installed beside this file and not known to the project's type checker.
 */
export interface Sampler {
  applyConfig(config: { temperature: number }): void;
}
export interface Model {
  init(): Promise<boolean>;
  getModelSize(): number;
  dispose(): Promise<void>;
}
type Row = readonly [id: number, probabilities: unknown, confidence: unknown, logits: readonly number[]];
export interface Context {
  init(): Promise<boolean>;
  dispose(): Promise<void>;
  initBatch(size: number): void;
  /** Returns the rows of the batch whose logits were asked for. */
  addToBatch(sequence: number, position: number, ids: Uint32Array, logitsOf: Uint32Array): Uint32Array;
  decodeBatch(): Promise<void>;
  sampleToken(row: number, sampler: Sampler): Promise<number>;
  /** With all logits: pairs of id and logit. */
  sampleToken(
    row: number,
    sampler: Sampler,
    probabilities: false,
    confidence: false,
    logits: true,
  ): Promise<Row>;
  removeTokenCellsFromSequence(sequence: number, start: number, end: number): boolean;
}
interface Binding {
  readonly AddonModel: new (path: string, options: { gpuLayers: number; useMmap: boolean }) => Model;
  readonly AddonContext: new (model: Model, options: ContextOptions) => Context;
  readonly AddonSampler: new (model: Model) => Sampler;
}
export interface ContextOptions {
  readonly contextSize: number;
  /** Most tokens of a batch; llama.cpp computes one of that size at once. */
  readonly batchSize: number;
  readonly threads: number;
}
interface Llama {
  readonly _bindings: Binding;
  readonly systemInfo: string;
  readonly llamaCppRelease: { readonly release: string };
  dispose(): Promise<void>;
}
interface Package {
  getLlama(options: object): Promise<Llama>;
}

const packageName = 'node-llama-cpp';

export class LlamaCpp {
  readonly #llama: Llama;

  private constructor(llama: Llama) {
    this.#llama = llama;
  }

  /** The prebuilt library for processors: nothing is built or fetched. */
  static async load(threads: number): Promise<LlamaCpp> {
    const module = (await import(packageName)) as Package;
    const options = { gpu: false, build: 'never', logLevel: 'error', maxThreads: threads };
    return new LlamaCpp(await module.getLlama(options));
  }

  /** The release and the instruction sets of the library it chose. */
  get description(): string {
    const { llamaCppRelease, systemInfo } = this.#llama;
    const sets = [...systemInfo.matchAll(/(\w+) = 1/g)].map(([, name]) => name);
    return `llama.cpp ${llamaCppRelease.release} (${sets.join(' ')})`;
  }

  /** Mapped into memory, as llama.cpp does where nothing else is said. */
  async openModel(path: string): Promise<Model> {
    const model = new this.#llama._bindings.AddonModel(path, { gpuLayers: 0, useMmap: true });
    if (!(await model.init())) throw new Error(`llama.cpp could not load ${path}`);
    return model;
  }

  async openContext(model: Model, options: ContextOptions): Promise<Context> {
    const all = { sequences: 1, flashAttention: 'auto', ...options };
    const context = new this.#llama._bindings.AddonContext(model, all);
    if (!(await context.init())) throw new Error('llama.cpp could not make a context');
    return context;
  }

  greedySampler(model: Model): Sampler {
    const sampler = new this.#llama._bindings.AddonSampler(model);
    sampler.applyConfig({ temperature: 0 });
    return sampler;
  }

  close(): Promise<void> {
    return this.#llama.dispose();
  }
}
