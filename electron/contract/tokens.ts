/** Token ids, and what becomes them. */
import { z } from 'zod';

export const TokenId = z.int().nonnegative().max(0x7fff_ffff);
export const TokenIds = z.array(TokenId).max(16_777_216);

export const ChatMessage = z.strictObject({
  role: z.string().min(1).max(64),
  content: z.string().max(16_777_216),
});
export const ChatMessages = z.array(ChatMessage).min(1).max(100_000);
export type ChatMessage = z.infer<typeof ChatMessage>;
export const Encoded = z.strictObject({
  ids: TokenIds,
  /** The text each id stands for, as the vocabulary writes it (byte-level pieces decoded where they are whole characters). */
  pieces: z.array(z.string()),
  warnings: z.array(z.string()),
});
export type Encoded = z.infer<typeof Encoded>;
