/**
 * What every engine implements. Chat, perplexity, images, speculation and comparison are all callers of Session.evaluate.
 * Anything an engine cannot do is a LabError `unsupported-feature`.
 */

import type { CacheLayer } from '../contract/held-cache.ts';
import type { KvCodec } from '../contract/open-model.ts';

export type Arithmetic = 'reference' | 'fast';

export interface SessionOptions {
  /** Most positions the session may hold; fixes rope factors that depend on length. */
  readonly context: number;
  /** How keys and values are kept; left out: as the engine was opened. Throws unsupported-feature where the engine has no choice. */
  readonly kvCodec?: KvCodec;
}

/** What is asked of each layer's cache: every position of one head or of the mean of all, or every head of one position. */
export type CacheView = { readonly head: number | 'mean' } | { readonly position: number };

export interface EvaluateInput {
  /** Token ids (S), or absent where `embeddings` is given. */
  readonly ids?: Int32Array;
  /** Rows (S × hiddenSize, row-major) that take the place of scaled token embeddings. */
  readonly embeddings?: Float32Array;
  /** Positions, axis-major: S values, or 3·S for three-axis rope. Default: the session's length onward. */
  readonly positions?: Int32Array;
  /**
   * A tree: for each new token the index (among the new ones) of the token it follows, −1 = the session's end. It then sees the session and its
   * ancestors only. Default: a chain. After a branching tree only `rollback` and `truncate` to before it, or `keep`, are defined.
   */
  readonly parents?: Int32Array;
  /** For which of the S new tokens to return logits. */
  readonly rows: 'all' | 'last' | 'none' | Int32Array;
  /** Also return hidden states and router choices, named as in the golden data. */
  readonly hidden?: boolean;
  /** Also return what the last new token attends to; not for trees. */
  readonly attention?: CacheView;
}

export interface HiddenState {
  readonly shape: readonly number[];
  readonly data: Float32Array | Int32Array;
}

/**
 * Of weights in a pack, per layer; the last of each is for the token rows and the head. A hit is a record or a token row that was in memory, a miss one
 * that was read. What the budget keeps in memory and was not there yet is read first, and is a hit after that.
 */
export interface WeightReads {
  readonly bytes: Float64Array;
  readonly reads: Float64Array;
  readonly hits: Float64Array;
  readonly misses: Float64Array;
  /** Nanoseconds that computing waited for reads. */
  readonly stallNs: Float64Array;
  /** Nanoseconds with at least one read in flight, over all layers: what of them was not waited for was read beside the computing. */
  readonly busyNs: number;
  /** Of `bytes`: read ahead for a layer that did not need it after all. */
  readonly vainBytes: number;
  /** Experts of a next layer that were guessed, and how many of them it chose. */
  readonly guesses: number;
  readonly rightGuesses: number;
}

/** Where the weights of a pack are, as of the last evaluation or budget. */
export interface StreamingState {
  /** 0: none was set yet. */
  readonly budgetBytes: number;
  /** The least that can be set. */
  readonly minimumBytes: number;
  /** From here on all weights stay in memory. */
  readonly totalBytes: number;
  readonly pinnedBytes: number;
  /** Buffer of what is read ahead. */
  readonly ringBytes: number;
  /** Buffer for token rows. */
  readonly lookupBytes: number;
  /** Places of experts, and the bytes of each. */
  readonly slots: number;
  readonly slotBytes: number;
  readonly layers: number;
  /** Most of a layer. */
  readonly experts: number;
  /** layers × experts: whether each is in memory. */
  readonly resident: Uint8Array;
  /** layers × experts: how often each was used, the past counting less and less. */
  readonly uses: Float64Array;
  /** layers × experts: how often each was used and had to be read, the past counting less alike. */
  readonly misses: Float64Array;
  /** Since the pack was opened. */
  readonly bytesRead: number;
  readonly reads: number;
  /** In line or in flight: what is read ahead for the next evaluation. */
  readonly pendingReads: number;
  readonly reader: string;
  /** Whether reads go around the page cache. */
  readonly direct: boolean;
}

export interface EvaluateResult {
  /** Chosen rows × vocabularySize, row-major; float32. The caller's own: its memory may be given back. */
  readonly logits: Float32Array;
  readonly rows: number;
  /** hidden.embed, hidden.layer{i}, hidden.head_input (S × H), router.{i}.logits (S × E), router.{i}.topk and, where the engine gives them, router.{i}.weights (S × k). */
  readonly hidden?: ReadonlyMap<string, HiddenState>;
  /** Where asked: shares of positions by query head, per layer with attention; NaN where a layer lacks the head. */
  readonly attention?: readonly Float32Array[];
  /** Nanoseconds by cause as far as the engine can tell; keys of TraceRecord.timeNs. */
  readonly timeNs: {
    readonly evaluate: number;
    readonly attention?: number;
    readonly feedForward?: number;
    readonly head?: number;
    readonly other?: number;
  };
  /** Bytes of weights and cache read, where the engine counts them. */
  readonly bytesTouched?: number;
  /** What was read of weights that lie in a pack, by layer. */
  readonly flash?: WeightReads;
}

export interface Session {
  /** Positions held now. */
  readonly length: number;
  readonly context: number;
  readonly kvBytes: number;
  /** How many tokens of a prompt are best given at once, now; absent: it makes no difference. */
  readonly promptTokens?: number;
  /** Appends S tokens and returns the chosen logits. Throws `context-full` before computing anything when they do not fit, `cancelled` between chunks; the session is then as before the call. */
  evaluate(input: EvaluateInput, signal?: AbortSignal): Promise<EvaluateResult>;
  /** Norms of keys or values by KV head, per layer with attention; NaN where a layer lacks the head. Absent where the engine cannot tell. */
  cacheNorms?(part: 'keys' | 'values', view: CacheView): Promise<readonly Float32Array[]>;
  /** Forgets the last `count` positions. */
  rollback(count: number): void;
  /** Keeps the first `length` positions. */
  truncate(length: number): void;
  /** A second session with the same past; both go on independently. */
  fork(): Session;
  /** Writes the session to a file with the model's identity and settings, and its ids where they are told; built under a temporary name and renamed. */
  save(file: string, ids?: readonly number[]): Promise<void>;
  /** Replaces this session's contents by a saved one of the same model and settings; gives the ids it was saved with, null where it was without. */
  restore(file: string): Promise<readonly number[] | null>;
  close(): void;
}

export interface EngineInfo {
  readonly engine: 'onnx' | 'native';
  readonly arithmetic: Arithmetic;
  readonly device: string;
  readonly threads: number;
  /** Versions and kernel choice that a run records. */
  readonly versions: Readonly<Record<string, string>>;
  readonly vocabularySize: number;
  readonly hiddenSize: number;
  readonly contextLength: number;
  /** Bytes of weights the engine holds. */
  readonly weightsBytes: number;
  readonly kvCodec: KvCodec;
  /** What one more position takes in the KV cache; null where that depends on the length. */
  readonly kvBytesPerToken: number | null;
}

/** Weights that lie in a pack and are read into memory, all of them or as they are needed. */
export interface EngineStreaming {
  /** Bytes for weights, KV caches and buffers together; null: whatever is needed. */
  readonly memoryBudget: number | null;
  /** The budget is no one's choice: it is raised to the least that is needed, and may shrink. */
  readonly isAuto: boolean;
  /** Layers × experts, and how many of a layer a token uses; null: the model has none. */
  readonly experts: { readonly layers: number; readonly count: number; readonly used: number } | null;
  /** Since it was opened. */
  readonly totals: { readonly cacheHits: number; readonly cacheMisses: number };
  /** As of the last evaluation or budget. */
  state(): StreamingState;
  /** From now on, without loading anew. Throws bad-request with `minimumBytes`, but for an auto budget. */
  setMemoryBudget(bytes: number | null, isAuto?: boolean): Promise<void>;
}

/** What is known of an engine's KV caches from its model alone. */
export interface EngineCache {
  readonly layers: readonly CacheLayer[];
  /** What one more position takes with a codec; null where that depends on the length. */
  bytesPerToken(codec: KvCodec): number | null;
}

export interface Engine {
  readonly info: EngineInfo;
  /** Absent where the engine cannot tell. */
  readonly cache?: EngineCache;
  /** Absent or null where weights lie in no pack. */
  readonly streaming?: EngineStreaming | null;
  /** Throws bad-request for a context that no session can have, and with `minimumBytes` where the memory budget has no room for it. */
  createSession(options: SessionOptions): Promise<Session>;
  close(): Promise<void>;
}
