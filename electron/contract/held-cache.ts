/** The KV cache of a conversation as the engine shows it. */
import { z } from 'zod';
import { bytes, count } from './identifiers.ts';
import { Spread } from './lab-results.ts';
import { KvCodec } from './open-model.ts';
import { TokenIds } from './tokens.ts';

/** The KV cache of one layer with attention. */
export const CacheLayer = z.strictObject({
  /** Counts all layers of the model. */
  layer: count,
  heads: count,
  keyValueHeads: count,
  headDimension: count,
  /** Positions that a token sees of it; null: all. */
  window: count.nullable(),
  codec: KvCodec,
  /** Of one position: keys and values of all KV heads, scales and what blocks add included. */
  bytesPerToken: bytes,
});
export type CacheLayer = z.infer<typeof CacheLayer>;
/** attention: what the last position gives to each, by query head; the norms are of KV heads. */
export const CacheMeasure = z.enum(['key-norm', 'value-norm', 'attention']);
export type CacheMeasure = z.infer<typeof CacheMeasure>;
/** What the conversation holds. */
export const HeldCache = z.strictObject({
  ids: TokenIds,
  /** What each id stands for in the vocabulary; '' where the model has no tokenizer. */
  pieces: z.array(z.string()),
  /** From the first on: what the latest turn found there. */
  reusedTokens: count,
  /** Null: nothing is held. */
  context: count.nullable(),
  kvBytes: bytes,
  /** Empty where the engine cannot tell. */
  layers: z.array(CacheLayer),
  /** What one more position would take with each codec; null where that depends on the length. */
  codecs: z.array(z.strictObject({ codec: KvCodec, bytesPerToken: bytes.nullable() })),
});
export type HeldCache = z.infer<typeof HeldCache>;
/** Values of every layer and position of the cache; which is which is told by `layers` of HeldCache. */
export const CacheMap = z.strictObject({
  layers: count,
  positions: count,
  /** layers × positions float32 (floats.ts). A layer that lacks the head has NaN. */
  values: z.string(),
});
export type CacheMap = z.infer<typeof CacheMap>;
/** Null: the mean of all. */
const cacheHead = z.int().min(0).max(65_535).nullable();
export const CacheMapInput = z.strictObject({ measure: CacheMeasure, head: cacheHead });
/** `layer` counts those with a cache. */
export const CacheCellInput = z.strictObject({ measure: CacheMeasure, layer: count, position: count });
/** What a codec does to the conversation: its ids replayed through sessions of each, against the first. */
export const CodecResult = z.strictObject({
  codec: KvCodec,
  kvBytes: bytes,
  /** In nats, of each position; of the first codec 0. */
  kl: z.strictObject({ mean: z.number(), p99: z.number(), max: z.number() }),
  /** Share of positions whose likeliest next token is the same. */
  topOneAgreement: z.number(),
  /** One token at a time, all before it held. */
  tokensPerSecond: Spread,
});
export const CodecComparison = z.strictObject({
  positions: count,
  /** Positions whose time was taken. */
  timedTokens: count,
  codecs: z.array(CodecResult),
});
export type CodecComparison = z.infer<typeof CodecComparison>;
