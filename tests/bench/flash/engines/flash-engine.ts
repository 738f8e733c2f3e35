/** What `npm run bench:flash` asks of an engine, in a process of its own. Times are seconds measured inside that process. */

export interface PrepareRequest {
  /** The model, whose tokenizer is loaded where the engine has it apart from the weights. */
  readonly path: string;
  readonly threads: number;
}

export interface OpenRequest extends PrepareRequest {
  /** For what an engine keeps between runs. */
  readonly cacheFolder: string;
  /** Bytes of weights, KV, scratch and buffers; null: the whole model. The peers' caps lie outside of them. */
  readonly memoryBudget: number | null;
}

export interface Opened {
  readonly seconds: number;
  /** What ran: versions, instruction sets, layouts. */
  readonly description: string;
}

export interface StartRequest {
  /** Evaluated at once in a session of its own, which takes the place of the last one. */
  readonly prompt: Int32Array;
  /** Positions of the session. */
  readonly context: number;
}

export interface Fed {
  /** Of each token. */
  readonly seconds: readonly number[];
  /** The likeliest id after each. */
  readonly likeliest: readonly number[];
}

export interface FlashEngine {
  /** Loads the library and what is no part of the model's weights: memory is counted from there. */
  prepare(request: PrepareRequest): Promise<void>;
  open(request: OpenRequest): Promise<Opened>;
  start(request: StartRequest): Promise<number>;
  /** Appends the ids one by one, whatever the likeliest ones were: what every engine computes is then the same. */
  feed(ids: Int32Array): Promise<Fed>;
}

export const callsOf = (engine: FlashEngine) => ({
  prepare: (request: PrepareRequest) => engine.prepare(request),
  open: (request: OpenRequest) => engine.open(request),
  start: (request: StartRequest) => engine.start(request),
  feed: (ids: Int32Array) => engine.feed(ids),
});
