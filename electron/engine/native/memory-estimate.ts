/**
 * What a model will take in a process of the native engine, from its headers alone. Weights and KV cache are sums of what the engine
 * allocates; the rest is named part by part. tests/engine/estimate.test.ts holds the total against measured processes.
 */
import type { KvCodec } from '../../contract/open-model.ts';
import type { PackContents } from '../../contract/pack.ts';
import type {
  AttentionLayerSpec,
  FeedForwardSpec,
  LayerSpec,
  ModelSpec,
  ResolvedModel,
  StateSpaceLayerSpec,
} from '../../../models/families/model-spec.ts';
import { attendedBytes, kvBlockCount, kvBytes, stateSpaceChannels, stateSpaceBytes } from './kv-size.ts';
import { heldWeights } from './packed-size.ts';

export interface EstimateOptions {
  /** Positions of the session, all of them used. */
  readonly context: number;
  readonly kvCodec: KvCodec;
  readonly threads: number;
  /** Texts that the decoder keeps. */
  readonly vocabularyTokens: number;
  /** Of a model that is one. */
  readonly pack?: PackContents | undefined;
}

export interface MemoryEstimate {
  readonly weightsBytes: number;
  readonly kvBytes: number;
  /** All else that the process grows by. */
  readonly scratchBytes: number;
  /** Weights and cache that one more token reads when the context is full. */
  readonly bytesTouchedPerToken: number;
}

const mebibyte = 1_048_576;
const floatBytes = 4;

/** The addon, compiled JavaScript and what else a process has loaded after its first reply, whatever the model: measured on the smallest. */
const processBytes = 5 * mebibyte;
/** A string with its place in the decoder's table, and what the allocator keeps of reading it: measured on 32,000 to 262,145 tokens. */
const vocabularyTokenBytes = 100;
/** What a thread of the pool touches of its stack, and its share of buffers. */
const threadBytes = 64 * 1024;
/** Rows of logits: the step's, and what the sampler works on. */
const logitsRows = 3;
/** Tokens computed at once where nothing else is said (native/include/retort/model.h). */
export const usualPartTokens = 256;
/** The cache grows by large pages. */
const slabBytes = 2 * mebibyte;
/** A handle of a block, in a list that grows by doubling. */
const blockHandleBytes = 24;

export function estimateMemory(model: ResolvedModel, options: EstimateOptions): MemoryEstimate {
  const { spec } = model;
  const { context, kvCodec } = options;
  const weights = heldWeights(model, options.pack);
  const cacheBytes = kvBytes(spec, kvCodec, context);
  return {
    weightsBytes: sum(weights, ({ bytes }) => bytes),
    kvBytes: cacheBytes,
    scratchBytes: processScratchBytes(spec, options) + sessionBytes(spec, kvCodec, context) - cacheBytes,
    bytesTouchedPerToken: bytesTouched(spec, weights, kvCodec, context),
  };
}

/** What the process grows by besides weights and sessions. */
export function processScratchBytes(
  { vocabularySize }: ModelSpec,
  { threads, vocabularyTokens }: Pick<EstimateOptions, 'threads' | 'vocabularyTokens'>,
): number {
  const logits = logitsRows * vocabularySize * floatBytes;
  return processBytes + vocabularyTokens * vocabularyTokenBytes + threads * threadBytes + logits;
}

/** A session's KV cache, all of its positions used, and its buffers. */
export function sessionBytes(spec: ModelSpec, kvCodec: KvCodec, context: number): number {
  const cache = Math.ceil(kvBytes(spec, kvCodec, context) / slabBytes) * slabBytes;
  const activations = Math.min(context, usualPartTokens) * activationBytes(spec);
  return cache + activations + kvBlockCount(spec, context) * blockHandleBytes;
}

/** What a streamed model takes beside its matrices: KV cache, scratch, and vectors, which are always in memory. */
export function besideWeights(
  model: ResolvedModel,
  { kvBytes, scratchBytes }: Pick<MemoryEstimate, 'kvBytes' | 'scratchBytes'>,
): number {
  const vectors = heldWeights(model).filter(({ isMatrix }) => !isMatrix);
  return kvBytes + scratchBytes + sum(vectors, ({ bytes }) => bytes);
}

function sum<Item>(items: readonly Item[], value: (item: Item) => number): number {
  return items.reduce((total, item) => total + value(item), 0);
}

/** Buffers of the widest layer for one token, which all layers share (native/src/model/layers.h). */
export function activationBytes(spec: ModelSpec): number {
  const widest = Math.max(0, ...spec.layers.map((layer) => layerFloats(layer, spec.hiddenSize)));
  return (spec.hiddenSize + widest) * floatBytes;
}

function layerFloats(layer: LayerSpec, hidden: number): number {
  // What is normed, and what the layer returns.
  const around = 2 * hidden;
  return around + (layer.kind === 'attention' ? attentionFloats(layer, hidden) : stateSpaceFloats(layer));
}

function attentionFloats({ attention, feedForward }: AttentionLayerSpec, hidden: number): number {
  const { heads, keyValueHeads, headDimension } = attention;
  return 2 * heads * headDimension + 2 * keyValueHeads * headDimension + feedForwardFloats(feedForward, hidden);
}

/** Experts as though one were chosen by all tokens. */
function feedForwardFloats(layer: FeedForwardSpec, hidden: number): number {
  if (layer.kind === 'dense') return (layer.gated ? 2 : 1) * layer.size;
  return layer.count + 2 * layer.used + (2 + layer.used) * hidden + 2 * layer.size;
}

function stateSpaceFloats(layer: StateSpaceLayerSpec): number {
  const { innerSize, stateSize, timeStepRank, heads } = layer;
  const channels = stateSpaceChannels(layer);
  if (layer.version === 2) return innerSize + channels + heads + channels + innerSize;
  return 2 * innerSize + channels + 2 * innerSize + 2 * timeStepRank + 2 * stateSize;
}

function bytesTouched(
  spec: ModelSpec,
  weights: ReturnType<typeof heldWeights>,
  codec: KvCodec,
  context: number,
): number {
  const matrices = sum(
    weights.filter(({ isMatrix }) => isMatrix),
    ({ name, bytes }) => bytes * readShare(name, spec),
  );
  const cache = sum(spec.layers, (layer) =>
    layer.kind === 'attention' ? attendedBytes(layer, codec, context) : stateSpaceBytes(layer),
  );
  return Math.round(matrices + cache);
}

/** Of a matrix, how much one token reads. */
function readShare(name: string, { layers, vocabularySize, head }: ModelSpec): number {
  if (name === 'embedding.weight') return 1 / vocabularySize + (head.tied ? 1 : 0);
  const expert = /^layers\.(\d+)\.experts\./.exec(name);
  const layer = expert && layers[Number(expert[1])];
  if (layer?.kind !== 'attention' || layer.feedForward.kind !== 'experts') return 1;
  return layer.feedForward.used / layer.feedForward.count;
}
