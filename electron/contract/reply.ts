/** A reply as it grows, and what is known of it at its end. */
import { z } from 'zod';
import { count } from './identifiers.ts';
import { Memory } from './open-model.ts';
import { Progress } from './progress.ts';
import { TokenId, TokenIds } from './tokens.ts';
import { TraceRecord } from './trace.ts';

export const Timing = z.strictObject({
  loadMs: z.number(),
  firstTokenMs: z.number(),
  prefillTokensPerSecond: z.number(),
  decodeTokensPerSecond: z.number(),
});
export type Timing = z.infer<typeof Timing>;
export const FinishReason = z.enum(['end', 'length', 'stop', 'context', 'cancelled']);
/** A drawn id, and what the reply's text grew by at it. */
export const BatchToken = z.strictObject({
  id: TokenId,
  /**
   * Whole characters. '' while a character or what may become a stop string is incomplete: a later token then has it, the last one what is
   * left at the end. All of them joined are the reply's text.
   */
  text: z.string(),
  /** What the id stands for in the vocabulary; '' where the model has no tokenizer. */
  piece: z.string(),
});
export type BatchToken = z.infer<typeof BatchToken>;
/** What streams while a reply grows; `ids` and `text` are those of `tokens`. */
export const TokenBatch = z.strictObject({
  /** Counts batches from 0. */
  number: count,
  ids: TokenIds,
  text: z.string(),
  tokens: z.array(BatchToken),
  trace: z.array(TraceRecord),
});
export type TokenBatch = z.infer<typeof TokenBatch>;
/** What a growing reply tells: how far the prompt was read (of what a conversation did not hold already), then tokens. */
export const ReplyEvent = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('progress'), progress: Progress }),
  z.strictObject({ type: z.literal('tokens'), batch: TokenBatch }),
]);
export type ReplyEvent = z.infer<typeof ReplyEvent>;
export const GenerateResult = z.strictObject({
  text: z.string(),
  ids: TokenIds,
  finishReason: FinishReason,
  promptTokens: count,
  /** Of the prompt: what the conversation held already, so that it was not read again. */
  reusedTokens: count,
  generatedTokens: count,
  timing: Timing,
  memory: Memory,
});
export type GenerateResult = z.infer<typeof GenerateResult>;
