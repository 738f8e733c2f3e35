/** What the native engine's KV cache takes, from a model's sizes alone: the sums of native/src/cache/codec.cpp and block.h. */
import type { CacheLayer } from '../../contract/held-cache.ts';
import type { KvCodec } from '../../contract/open-model.ts';
import type { Arithmetic } from '../engine.ts';
import type {
  AttentionLayerSpec,
  LayerSpec,
  ModelSpec,
  StateSpaceLayerSpec,
} from '../../../models/families/model-spec.ts';

/** Where none is asked for. */
export function defaultKvCodec(arithmetic: Arithmetic): KvCodec {
  return arithmetic === 'reference' ? 'f32' : 'f16';
}

/** Slots of a block. */
const blockSlots = 32;
/** In front of each block's data, so that they begin on a cache line. */
const blockHeaderBytes = 64;
/** Values of a slot that share one float16 scale in q8. */
const scaleGroup = 32;
const scaleBytes = 2;
const elementBytes: Record<KvCodec, number> = { f32: 4, f16: 2, q8: 1 };

/** Bytes of the cache of a session that holds `length` positions. */
export function kvBytes(spec: ModelSpec, codec: KvCodec, length: number): number {
  const blocks = Math.ceil(length / blockSlots);
  const perBlock = spec.layers.reduce((sum, layer) => sum + layerBlockBytes(layer, codec), 0);
  const recurrent = spec.layers.reduce(
    (sum, layer) => sum + (layer.kind === 'stateSpace' ? stateSpaceBytes(layer) : 0),
    0,
  );
  return blocks * perBlock + recurrent;
}

/** Bytes of one more position; null where layers keep a state that does not grow with the length. */
export function kvBytesPerToken(spec: ModelSpec, codec: KvCodec): number | null {
  if (spec.layers.some((layer) => layer.kind !== 'attention')) return null;
  return kvBytes(spec, codec, blockSlots) / blockSlots;
}

/** The layers that have a cache, as they are kept. */
export function cacheLayers({ layers }: ModelSpec, codec: KvCodec): CacheLayer[] {
  return layers.flatMap((layer, index) => {
    if (layer.kind !== 'attention') return [];
    const { heads, keyValueHeads, headDimension, window } = layer.attention;
    const bytesPerToken = layerBlockBytes(layer, codec) / blockSlots;
    return [{ layer: index, heads, keyValueHeads, headDimension, window, codec, bytesPerToken }];
  });
}

/** Blocks of keys and of values that hold `length` positions. */
export function kvBlockCount({ layers }: ModelSpec, length: number): number {
  const heads = layers.reduce(
    (sum, layer) => sum + (layer.kind === 'attention' ? layer.attention.keyValueHeads : 0),
    0,
  );
  return 2 * heads * Math.ceil(length / blockSlots);
}

/** Keys and values that one more token looks at, without what blocks add around them. */
export function attendedBytes({ attention }: AttentionLayerSpec, codec: KvCodec, length: number): number {
  const { keyValueHeads, headDimension, window } = attention;
  const perValue = elementBytes[codec] + (codec === 'q8' ? scaleBytes / scaleGroup : 0);
  return 2 * Math.min(length, window ?? length) * keyValueHeads * headDimension * perValue;
}

/** Keys and values of one block of slots of all KV heads. */
function layerBlockBytes(layer: LayerSpec, codec: KvCodec): number {
  if (layer.kind !== 'attention') return 0;
  const { keyValueHeads, headDimension } = layer.attention;
  const padded = Math.ceil(headDimension / 8) * 8;
  const scales = codec === 'q8' ? Math.ceil(headDimension / scaleGroup) * scaleBytes : 0;
  const slotBytes = (headDimension + padded) * elementBytes[codec] + 2 * scales;
  return keyValueHeads * (2 * blockHeaderBytes + blockSlots * slotBytes);
}

/** What a state-space layer keeps between tokens: its convolution's window and its state, float32. */
export function stateSpaceBytes(layer: StateSpaceLayerSpec): number {
  const { convolution, innerSize, stateSize } = layer;
  return 4 * (stateSpaceChannels(layer) * (convolution - 1) + innerSize * stateSize);
}

/** Channels of the convolution. */
export function stateSpaceChannels({ version, innerSize, groups, stateSize }: StateSpaceLayerSpec): number {
  return version === 1 ? innerSize : innerSize + 2 * groups * stateSize;
}
