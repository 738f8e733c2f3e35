/** What the engine holds of a conversation, as the Cache screen and `retort cache` show it, and what was saved of such. */
import { z } from 'zod';
import { Ledger, LedgerPart } from './chats.ts';
import { CacheLayer, CodecComparison, HeldCache } from './held-cache.ts';
import { KvCodec } from './open-model.ts';
import { TokenIds } from './tokens.ts';
import { bytes, count, Id, time } from './identifiers.ts';

/** Positions [from, to) that belong to one part. */
export const CacheSpan = z.strictObject({ part: count, from: count, to: count });
export type CacheSpan = z.infer<typeof CacheSpan>;

/** The ledger of what is held: its parts are those of the prompt, and what was generated since. */
export const CacheLedger = z.strictObject({
  parts: z.array(LedgerPart),
  /** Over all positions, in order. */
  spans: z.array(CacheSpan),
  positions: count,
  reusedTokens: count,
  context: count,
  kvBytes: bytes,
  layers: z.array(CacheLayer),
  codecs: HeldCache.shape.codecs,
  /** The text of each position. */
  pieces: z.array(z.string()),
});
export type CacheLedger = z.infer<typeof CacheLedger>;

export const HeldConversation = z.strictObject({
  ...CacheLedger.shape,
  /** Whose turn it was; null: it is gone, or it was none. */
  chat: z.strictObject({ id: Id, title: z.string() }).nullable(),
  /** What the chat's next message costs as it stands in its draft; null: there is no chat. */
  next: Ledger.nullable(),
});
export type HeldConversation = z.infer<typeof HeldConversation>;

export const CacheName = z.string().trim().min(1).max(100);

export const SavedCache = z.strictObject({
  id: Id,
  name: CacheName,
  savedAt: time,
  modelTitle: z.string(),
  kvCodec: KvCodec,
  context: count,
  tokens: count,
  bytes,
  /** Why the model that is loaded cannot go on from it; null: it can. */
  refusal: z.string().nullable(),
});
export type SavedCache = z.infer<typeof SavedCache>;

export const RestoredCache = z.strictObject({ tokens: count, kvBytes: bytes, milliseconds: z.number() });
export type RestoredCache = z.infer<typeof RestoredCache>;

/** What the cache of a prompt is like. */
export const CacheReport = z.strictObject({
  ...CacheLedger.shape,
  /** Of each part: its share of what the last position attends to, the mean of all heads and layers; empty where the engine cannot tell. */
  attention: z.array(z.number()),
  /** Where it was asked for. */
  comparison: CodecComparison.nullable(),
});
export type CacheReport = z.infer<typeof CacheReport>;

/** What followed a restored cache. */
export const ContinuedCache = z.strictObject({
  ...RestoredCache.shape,
  name: CacheName,
  /** Tokens after those that were restored: read, and drawn. */
  readTokens: count,
  ids: TokenIds,
  text: z.string(),
});
export type ContinuedCache = z.infer<typeof ContinuedCache>;
