/**
 * An architecture as data: everything an executor must know to run a model, with no family name in it. One resolved
 * LayerSpec per layer. Executors (engine/onnx's graph builder, native/) read only this and the canonical weights.
 */
import type { QuantizedMatrix, TensorInfo } from '../../electron/contract/model-source.ts';

/** rms: x / sqrt(mean(x²) + epsilon) · (weight + weightOffset); layer: standard, with bias where the weight `<name>.bias` exists. */
export interface NormSpec {
  readonly kind: 'rms' | 'layer';
  readonly epsilon: number;
  /** 1 for Gemma's HF files, whose weights are stored minus one. */
  readonly weightOffset: 0 | 1;
}

/** Inverse frequencies are resolved numbers, length dimensions/2; `long` replaces `short` when the session's context exceeds `original` (longrope). `frequenciesForContext` in rope.ts picks. */
export interface RopeSpec {
  /** How many leading components of a head rotate. */
  readonly dimensions: number;
  /** halves: (i, i + dimensions/2), as HF; pairs: (2i, 2i+1), as GGUF's llama. */
  readonly style: 'halves' | 'pairs';
  readonly frequencies: RopeFrequencies;
  /** Components per position axis for three-axis positions (mrope), or null for one axis. */
  readonly sections: readonly number[] | null;
}

/**
 * `…factorsWeight`: GGUF keeps the factors of llama3 and longrope in tensors, whose data no header holds. The executor divides each
 * inverse frequency by the value at its index in this canonical weight (`rope_factors.weight`, `rope_factors_{short,long}.weight`).
 */
export type RopeFrequencies =
  /** Fixed inverse frequencies; cos and sin are multiplied by `magnitude` (yarn's and longrope's attention factor). */
  | {
      readonly kind: 'fixed';
      readonly inverse: readonly number[];
      readonly magnitude: number;
      readonly factorsWeight?: string;
    }
  /** longrope: chosen per session by the context asked for. */
  | {
      readonly kind: 'byContext';
      readonly original: number;
      readonly short: readonly number[];
      readonly long: readonly number[];
      readonly magnitude: number;
      readonly shortFactorsWeight?: string;
      readonly longFactorsWeight?: string;
    }
  /** dynamic NTK: base grows with the session's context L > original: base·(f·L/original − (f−1))^(d/(d−2)). */
  | { readonly kind: 'dynamic'; readonly base: number; readonly factor: number; readonly original: number };

export interface AttentionSpec {
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly headDimension: number;
  /** Multiplied onto q·k. */
  readonly scale: number;
  /** Key j is visible to query i iff i − j < window; null: all of the past. */
  readonly window: number | null;
  /** tanh soft cap of the scores: cap·tanh(s/cap). */
  readonly softcap: number | null;
  /** Index into ModelSpec.ropes, or null (learned or no positions). */
  readonly rope: number | null;
  /** Norm of q and k before rope: per head (weight of headDimension) or over the whole projection (weight of heads·headDimension). */
  readonly queryKeyNorm: { readonly norm: NormSpec; readonly over: 'head' | 'projection' } | null;
  /** Clamp q, k, v to ±clip after projection and after the norm of q and k, before rope (OLMoE's clip_qkv). */
  readonly clip: number | null;
}

export type Activation = 'silu' | 'gelu-tanh' | 'gelu' | 'relu';

export type FeedForwardSpec =
  | {
      readonly kind: 'dense';
      readonly size: number;
      readonly gated: boolean;
      readonly activation: Activation;
    }
  | {
      readonly kind: 'experts';
      readonly count: number;
      /** Experts chosen per token. */
      readonly used: number;
      /** Inner size of one expert; always gated. */
      readonly size: number;
      readonly activation: Activation;
      /** softmax over all experts, then top-k; divide the chosen weights by their sum? */
      readonly normalizeChosen: boolean;
    };

/**
 * Each norm is applied where it is not null: `…Input` to what enters the sub-layer, `…Output` to what it returns before it is
 * added to the residual stream, `…Residual` to the stream after the addition (post-LN).
 */
export interface LayerNorms {
  readonly attentionInput: NormSpec | null;
  readonly attentionOutput: NormSpec | null;
  readonly attentionResidual: NormSpec | null;
  readonly feedForwardInput: NormSpec | null;
  readonly feedForwardOutput: NormSpec | null;
  readonly feedForwardResidual: NormSpec | null;
}

export interface AttentionLayerSpec {
  readonly kind: 'attention';
  readonly norms: LayerNorms;
  readonly attention: AttentionSpec;
  readonly feedForward: FeedForwardSpec;
}

/** A selective state-space block (Mamba, Mamba-2). Read from files here; executed by the native engine. */
export interface StateSpaceLayerSpec {
  readonly kind: 'stateSpace';
  readonly version: 1 | 2;
  readonly norm: NormSpec;
  readonly innerSize: number;
  readonly stateSize: number;
  readonly convolution: number;
  /** Version 1: rank of the time-step projection; version 2: 0. */
  readonly timeStepRank: number;
  /** Version 2: heads and groups; version 1: 0. */
  readonly heads: number;
  readonly groups: number;
  /** Version 2: into how many groups the gated norm splits innerSize, each with a mean square of its own: 1 in HF, `groups` in GGUF; version 1: 0. */
  readonly gateNormGroups: number;
  /** Version 2: the time step is clamped to these after softplus; null: not at all. */
  readonly timeStepLimit: { readonly minimum: number; readonly maximum: number } | null;
}

export type LayerSpec = AttentionLayerSpec | StateSpaceLayerSpec;

export interface ModelSpec {
  /** For people and error messages only; executors must not branch on it. */
  readonly family: string;
  readonly hiddenSize: number;
  readonly vocabularySize: number;
  /** Positions the model was trained for. */
  readonly contextLength: number;
  readonly embedding: {
    /** Width of a token's row; differs from hiddenSize where `embedding_in.weight` projects it (OPT-350m). */
    readonly size: number;
    /** Multiplied onto token rows. */
    readonly scale: number;
    /** Learned positions: row = position + offset of `position_embedding.weight`. */
    readonly learnedPositions: { readonly offset: number; readonly rows: number } | null;
  };
  readonly ropes: readonly RopeSpec[];
  readonly layers: readonly LayerSpec[];
  readonly finalNorm: NormSpec | null;
  readonly head: {
    /** The head's matrix is the embedding's. */
    readonly tied: boolean;
    readonly softcap: number | null;
    /** Multiplied onto the logits before the soft cap. */
    readonly scale: number;
  };
}

/** Consecutive rows of a matrix, e.g. q inside a fused qkv. Applied after `transposed`. */
export interface RowRange {
  readonly start: number;
  readonly count: number;
}

/**
 * Where one canonical weight lies. `shape` is the canonical shape ([rows = outputs, columns = inputs] or [n]) after transposing and
 * taking rows. A stacked expert tensor [experts, rows, columns] is seen as one matrix of experts·rows rows, an expert as a row range.
 */
export interface WeightRef {
  readonly source:
    | { readonly kind: 'tensor'; readonly tensor: TensorInfo }
    | { readonly kind: 'matrix'; readonly matrix: QuantizedMatrix };
  readonly shape: readonly number[];
  /** The file stores [columns, rows] (GPT-2's Conv1D); of a stacked expert tensor each inner matrix is stored so. */
  readonly transposed: boolean;
  readonly rows: RowRange | null;
}

/**
 * Canonical names: `embedding.weight`, `embedding_in.weight`, `position_embedding.weight`, `embedding_out.weight` (before the head, OPT-350m),
 * `final_norm.{weight,bias}`, `head.{weight,bias}` (head.weight absent where tied), and under `layers.{i}.`:
 * `attention_input_norm`, `attention_output_norm`, `attention_residual_norm`, `feed_forward_input_norm`, `feed_forward_output_norm`,
 * `feed_forward_residual_norm`, `query_norm`, `key_norm` (.weight, .bias);
 * `query`, `key`, `value`, `output` (.weight, .bias); `gate`, `up`, `down` (.weight, .bias; not gated: `up` and `down`);
 * `router.weight`; `experts.{e}.{gate,up,down}.weight`;
 * state space: `norm.weight`, `in.{weight,bias}`, `convolution.{weight,bias}`, `x.weight`, `time_step.{weight,bias}`, `a_log` (HF) or `a` = −exp(a_log) (GGUF), `d`, `gate_norm.weight`, `out.{weight,bias}`.
 * Rope factors, where a RopeSpec names them: `rope_factors.weight`, `rope_factors_short.weight`, `rope_factors_long.weight`.
 */
export interface ResolvedModel {
  readonly spec: ModelSpec;
  readonly weights: ReadonlyMap<string, WeightRef>;
}
