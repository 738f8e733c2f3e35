/** The only module that loads the native addon. */
import { createRequire } from 'node:module';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Activation } from '../../../models/families/model-spec.ts';
import { isErrorCode, LabError } from '../../contract/errors.ts';
import type { MatrixLayout, PackTile } from '../../contract/pack.ts';
import type { Arithmetic, StreamingState, WeightReads } from '../engine.ts';

/** Parameters as the addon takes them: SamplingParameters without the seed, names equal. */
export interface NativeSamplingParameters {
  temperature: number;
  topK: number;
  topP: number;
  minP: number;
  repetitionPenalty: number;
  presencePenalty: number;
  frequencyPenalty: number;
  penaltyWindow: number;
  biasIds: Int32Array;
  biasValues: Float32Array;
  topLogProbabilities: number;
}

export interface DrawnToken {
  id: number;
  /** Natural log under the model's own distribution: softmax of the raw logits, temperature 1. */
  logProbability: number;
  /** Probability under the filtered distribution it was drawn from. */
  probability: number;
  topIds: Int32Array;
  topLogProbabilities: Float64Array;
}

export interface NativeSampler {
  /** One draw. `history`: all ids so far, prompt included. `allowed`: bit i of word i/32 allows id i; null = all. Throws LabError codes as `code` on a JS Error. */
  sample(logits: Float32Array, history: Int32Array, allowed: Uint32Array | null): DrawnToken;
  /** The whole distribution a draw would use, ascending id; does not advance the generator. */
  probabilities(logits: Float32Array, history: Int32Array, allowed: Uint32Array | null): Float64Array;
  /** PCG32 state and increment as two unsigned 64-bit integers; for forks, saves and tests. */
  getState(): [bigint, bigint];
  setState(state: [bigint, bigint]): void;
}

/** A range of a model file, opened again by the addon and refused where it has another size. `path`: absolute, links resolved. */
export interface NativeFileRange {
  readonly path: string;
  /** The whole file's size when it was checked. */
  readonly fileBytes: number;
  readonly offset: number;
  readonly bytes: number;
}

/** native/include/retort/matrix.h says how the bytes of each type lie. */
export type NativeMatrixType =
  | 'f32' | 'f16' | 'bf16' | 'q4_0' | 'q4_1' | 'q5_0' | 'q8_0' | 'q4_k' | 'q6_k' | 'nbits2' | 'nbits4' | 'nbits8' | 'blocks8'; // prettier-ignore

export interface NativeMatrixSource {
  readonly type: NativeMatrixType;
  readonly rows: number;
  readonly columns: number;
  /** Where the bytes lie in a file, or the bytes themselves. */
  readonly file?: NativeFileRange;
  readonly bytes?: Uint8Array;
  /** nbits2, nbits4, nbits8 and blocks8: value = scale·(code − zero) + offset, one scale and offset per row and block of columns. */
  readonly block?: number;
  readonly zero?: number;
  readonly scales?: Float32Array;
  readonly offsets?: Float32Array | null;
}

export interface NativePackedMatrix {
  /** What a model's description names it by. */
  readonly number: number;
  readonly bytes: number;
  readonly layout: string;
}

/** A packed matrix: groups of eight rows one after another, the last padded. */
export interface NativeMatrixLayout extends MatrixLayout {
  readonly rows: number;
  readonly columns: number;
  readonly groups: number;
  readonly groupBytes: number;
}

/** A file of records that was checked; columns of equal length. */
export interface NativePack {
  /** Absolute, links resolved. */
  readonly path: string;
  /** The whole file's size when it was checked. */
  readonly fileBytes: number;
  readonly offsets: Float64Array;
  readonly bytes: Float64Array;
  /** CRC32C of each record. */
  readonly checksums: Uint32Array;
  /** Default: automatic, io_uring where it is allowed. */
  readonly reader?: 'automatic' | 'uring' | 'threads';
  /** Reads in flight; default 8. */
  readonly depth?: number;
  /** For tests: the read that is begun as the k-th fails. */
  readonly failRead?: number;
  /** Every read is noted until `takeReads`; default false. */
  readonly recordReads?: boolean;
}

/** A matrix as it lies in the records of the pack; tiles hold its groups in order. */
export interface NativePlacedMatrix {
  readonly rows: number;
  readonly columns: number;
  readonly layout: MatrixLayout;
  readonly tiles: readonly PackTile[];
}

export interface NativeNorm {
  readonly kind: 'rms' | 'layer';
  readonly epsilon: number;
  /** Holds the offset of files that store it minus one. */
  readonly weight: Float32Array;
  readonly bias: Float32Array | null;
}

export interface NativeLinear {
  readonly matrix: number;
  readonly bias: Float32Array | null;
  /** Input column of each matrix column; null: in order. */
  readonly columnOrder: Int32Array | null;
}

export interface NativeExpert {
  readonly gate: NativeLinear;
  readonly up: NativeLinear;
  readonly down: NativeLinear;
}

export type NativeFeedForward = { readonly activation: Activation; readonly gated: boolean } & (
  | { readonly gate: NativeLinear | null; readonly up: NativeLinear; readonly down: NativeLinear }
  | {
      readonly router: NativeLinear;
      readonly used: number;
      readonly normalizeChosen: boolean;
      readonly experts: readonly NativeExpert[];
    }
);

/** The fields of AttentionSpec and LayerNorms in models/families/model-spec.ts, with weights. */
export interface NativeAttentionLayer {
  readonly kind: 'attention';
  readonly attentionInput: NativeNorm | null;
  readonly attentionOutput: NativeNorm | null;
  readonly attentionResidual: NativeNorm | null;
  readonly feedForwardInput: NativeNorm | null;
  readonly feedForwardOutput: NativeNorm | null;
  readonly feedForwardResidual: NativeNorm | null;
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly headDimension: number;
  readonly scale: number;
  readonly window: number | null;
  readonly softcap: number | null;
  readonly rope: number | null;
  readonly query: NativeLinear;
  readonly key: NativeLinear;
  readonly value: NativeLinear;
  readonly output: NativeLinear;
  readonly queryNorm: NativeNorm | null;
  readonly keyNorm: NativeNorm | null;
  readonly normsPerHead: boolean;
  readonly clip: number | null;
  readonly feedForward: NativeFeedForward;
}

/** The fields of StateSpaceLayerSpec in models/families/model-spec.ts, with weights. */
export interface NativeStateSpaceLayer {
  readonly kind: 'stateSpace';
  readonly version: 1 | 2;
  readonly norm: NativeNorm;
  readonly innerSize: number;
  readonly stateSize: number;
  readonly convolution: number;
  readonly timeStepRank: number;
  readonly heads: number;
  readonly groups: number;
  readonly gateNormGroups: number;
  readonly timeStepLimit: { readonly minimum: number; readonly maximum: number } | null;
  readonly in: NativeLinear;
  readonly out: NativeLinear;
  /** Version 1. */
  readonly x: NativeLinear | null;
  readonly timeStep: NativeLinear | null;
  /** [channels, convolution]. */
  readonly convolutionWeight: Float32Array;
  readonly convolutionBias: Float32Array | null;
  /** −exp(a_log): [innerSize, stateSize] or [heads]. */
  readonly a: Float32Array;
  readonly d: Float32Array;
  /** Version 2. */
  readonly timeStepBias: Float32Array | null;
  readonly gateNorm: NativeNorm | null;
}

export interface NativeModelDescription {
  readonly hiddenSize: number;
  readonly vocabularySize: number;
  readonly embeddingSize: number;
  readonly embeddingScale: number;
  /** Number of the matrix of token rows. */
  readonly embedding: number;
  readonly embeddingIn: NativeLinear | null;
  readonly embeddingOut: NativeLinear | null;
  readonly learnedPositions: {
    readonly offset: number;
    readonly rows: number;
    readonly table: Float32Array;
  } | null;
  readonly layers: readonly (NativeAttentionLayer | NativeStateSpaceLayer)[];
  readonly finalNorm: NativeNorm | null;
  readonly head: NativeLinear;
  readonly headSoftcap: number | null;
  readonly headScale: number;
}

export type NativeKvCodec = 'f32' | 'f16' | 'q8';

export interface NativeRope {
  readonly dimensions: number;
  readonly style: 'halves' | 'pairs';
  /** For the session's context, factors divided in. */
  readonly inverse: Float64Array;
  readonly magnitude: number;
  readonly sections: Int32Array | null;
}

export interface NativeSessionOptions {
  readonly context: number;
  readonly kvCodec: NativeKvCodec;
  readonly ropes: readonly NativeRope[];
}

/** One head (left out: the mean of all) and every slot; or one slot and every head. */
export interface NativeCacheView {
  readonly head?: number;
  readonly position?: number;
}

export interface NativeEvaluateInput {
  readonly ids: Int32Array | null;
  readonly embeddings: Float32Array | null;
  readonly positions: Int32Array;
  readonly parents: Int32Array | null;
  readonly rows: Int32Array;
  readonly hidden: boolean;
  readonly attention?: NativeCacheView | null;
  /** Tokens computed at once, 256 to 4096; left out: 256. */
  readonly partTokens?: number;
}

export interface NativeEvaluateResult {
  readonly logits: Float32Array;
  readonly attentionNs: number;
  readonly feedForwardNs: number;
  readonly headNs: number;
  readonly otherNs: number;
  readonly bytesTouched: number;
  /** Where weights lie in a pack. */
  readonly flash?: WeightReads;
  /** Where asked, per layer with attention. */
  readonly attention: readonly Float32Array[];
  readonly hidden: readonly {
    readonly name: string;
    readonly shape: readonly number[];
    readonly data: Float32Array | Int32Array;
  }[];
}

/** Seconds for a fixed amount of work with a kernel set, the least of several rounds: one input row, and sixteen. */
export interface NativeKernelTime {
  readonly kernels: string;
  readonly decodeSeconds: number;
  readonly prefillSeconds: number;
}

/** What to read of a file to learn how fast its disk is. `path`: absolute, links resolved. */
export interface NativeDiskPlan {
  readonly path: string;
  /** The whole file's size when it was checked; at least the largest of the sizes. */
  readonly fileBytes: number;
  /** Bytes of one read: multiples of 4096, 16 MiB at most. Reads in flight: 1 to 64. 1 to 32 of either. */
  readonly sizes: Int32Array;
  readonly depths: Int32Array;
  /** Read for each size and depth, in three rounds of at least one read, and no longer than a second; 4 GiB at most. */
  readonly bytesPerPoint: number;
}

/** Stops what it was given to. */
export interface NativeCancellation {
  cancel(): void;
}

/**
 * Errors carry a LabError code as `code`; promises reject with them. Pack all matrices, or open a pack and place them; then give the model that
 * names them, and where it lies in a pack a budget.
 */
export interface NativeEngine {
  /** The kernel set that runs. */
  readonly kernels: string;
  pack(matrix: NativeMatrixSource): Promise<NativePackedMatrix>;
  matrixLayout(number: number): NativeMatrixLayout;
  /** The bytes of some groups of a packed matrix, as they lie. */
  copyGroups(number: number, first: number, count: number): Uint8Array<ArrayBuffer>;
  /** Forgets a matrix that no model will name. Memory goes back when no other is left. */
  release(number: number): void;
  openPack(pack: NativePack): void;
  /** In place of `pack`. Throws bad-file where sizes, layout and tiles do not agree; nothing is read. */
  place(matrix: NativePlacedMatrix): NativePackedMatrix;
  /** The bytes of a record, checked. */
  readRecord(record: number): Promise<Uint8Array>;
  setModel(model: NativeModelDescription): void;
  /**
   * Spends that many bytes on weights in memory, buffers and experts' places, now and between any evaluations. What stays in memory is read until
   * `most` bytes were read (default: all); resolves to the bytes left to read, by calls with the same budget or by the next evaluation. Rejects
   * with bad-request and `minimumBytes` where the model needs more, and with what reading throws: then the budget before is in force, where there was one.
   */
  setWeightBudget(bytes: number, most?: number): Promise<number>;
  /** Null where no pack was opened. */
  flashState(): StreamingState | null;
  /** The reads begun since the pack was opened or they were taken last, where it was opened with `recordReads`. */
  takeReads(): Promise<NativeReads>;
  /** Ends its sessions too. */
  close(): void;
}

/** One call at a time; every other method refuses while `evaluate` or `cacheNorms` runs, but for `cancel` and `close`. */
export interface NativeSession {
  readonly length: number;
  readonly kvBytes: number;
  evaluate(input: NativeEvaluateInput): Promise<NativeEvaluateResult>;
  cancel(): void;
  truncate(length: number): void;
  /** Per layer with attention; NaN where a layer lacks the head. */
  cacheNorms(view: NativeCacheView & { readonly part: 'keys' | 'values' }): Promise<Float32Array[]>;
  save(): Uint8Array;
  restore(saved: Uint8Array): void;
  close(): void;
}

/** Reads in the order they were begun in. */
export interface NativeReads {
  readonly offsets: Float64Array;
  readonly bytes: Float64Array;
  /** Others that were in line or in flight when each was begun. */
  readonly pending: Int32Array;
}

export interface NativeAddon {
  readonly version: string;
  /** Every error code the C++ side knows, in order. */
  readonly statusCodes: readonly string[];
  Sampler: new (parameters: NativeSamplingParameters, seed: bigint) => NativeSampler;
  /** Kernel sets that this processor runs, the widest first; the scalar one only where it is alone. */
  kernelSets(): string[];
  /** Times sets against each other, turn about, in about a tenth of a second. Rejects for a set that this processor does not run. */
  measureKernelSets(names: readonly string[]): Promise<NativeKernelTime[]>;
  /**
   * Bytes per second of reads at random places around the page cache: all depths of the first size, then of the next. Rejects with
   * unsupported-feature where the file system has no such reads.
   */
  measureDisk(plan: NativeDiskPlan, cancellation?: NativeCancellation): Promise<Float64Array>;
  /**
   * Makes reads of a file again in their order, each as soon as no more others are under way than were then, at most `depth` of them in flight. Seconds from
   * the first one's beginning to the last one's end.
   */
  replayReads(
    replay: NativeReads & { readonly path: string; readonly fileBytes: number; readonly depth: number },
    cancellation?: NativeCancellation,
  ): Promise<number>;
  NativeCancellation: new () => NativeCancellation;
  /** `kernels`: a kernel set's name, or '' for the widest this processor runs. */
  NativeEngine: new (options: {
    readonly arithmetic: Arithmetic;
    readonly threads: number;
    readonly kernels: string;
  }) => NativeEngine;
  /** A new session of an engine, or a fork of another session. */
  NativeSession: {
    new (engine: NativeEngine, options: NativeSessionOptions): NativeSession;
    new (fork: NativeSession): NativeSession;
  };
  /**
   * Matrices (rows × V) of a reference, which is the first, and of models that read the same: 1 to 8. −log p(target) and argmax of each row, matrix
   * after matrix, and KL(reference ‖ model) in nats of each but the first, all in float64. JavaScript waits.
   */
  scoreRows(
    logits: readonly Float32Array[],
    vocabularySize: number,
    targets: Int32Array,
    threads: number,
  ): {
    negativeLogProbability: Float64Array;
    argmax: Int32Array;
    divergence: Float64Array;
  };
  /** The values of so many rows of a packed matrix, whose groups are `bytes`. Throws bad-file for a layout that is none. */
  unpackGroups(layout: MatrixLayout, rows: number, columns: number, bytes: Uint8Array): Float32Array;
  /** Round-to-nearest codes of rows (native/include/retort/quantize.h), one to a byte, with a float16 scale per block. */
  quantizeRows(
    values: Float32Array,
    columns: number,
    bits: number,
    block: number,
    hasZeroPoints: boolean,
  ): { codes: Uint8Array; scales: Float32Array; zeroPoints: Uint8Array | null };
  /** CRC32C of bytes. `seed`: that of what comes before them, 0 at the beginning. */
  crc32c(bytes: Uint8Array, seed: number): number;
  /** Gives pages of the C library's heap that hold nothing back to the system. */
  releaseHeapPages(): void;
  /** Locks an open file, by its number, against others that ask for it too, in any process, until it is closed. False: another holds it. */
  lockFile(descriptor: number): boolean;
}

const addonPath = fileURLToPath(new URL('../../../build/native/retort.node', import.meta.url));
let loaded: NativeAddon | undefined;

/** Loads the addon once per process; the error says how to build it. */
export function nativeAddon(): NativeAddon {
  if (loaded) return loaded;
  if (!existsSync(addonPath)) {
    throw new LabError('engine-failed', 'The native addon is not built: run `npm run native`.', {
      file: 'build/native/retort.node',
    });
  }
  loaded = createRequire(import.meta.url)(addonPath) as NativeAddon;
  return loaded;
}

/** The addon marks each error with a code of the contract: it leaves as a LabError. */
export function toCodedError(thrown: unknown): unknown {
  if (thrown instanceof Error && 'code' in thrown && isErrorCode(thrown.code)) {
    const minimumBytes = 'minimumBytes' in thrown ? Number(thrown.minimumBytes) : undefined;
    const detail = minimumBytes === undefined ? {} : { minimumBytes };
    return new LabError(thrown.code, thrown.message, detail, { cause: thrown });
  }
  return thrown;
}

/** Runs a call of the addon. */
export function withCodes<T>(body: () => T): T {
  try {
    return body();
  } catch (thrown) {
    throw toCodedError(thrown);
  }
}
