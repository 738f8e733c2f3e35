/** Chats: a tree of messages each, and what stands in a model's context because of them. */
import { z } from 'zod';
import { FinishReason } from './reply.ts';
import { TokenId } from './tokens.ts';
import { bytes, count, Failure, Id, text, time } from './identifiers.ts';
import { SamplingChoice } from './sampling.ts';
import { TraceRecord } from './trace.ts';

export const ChatTitle = z.string().trim().min(1).max(200);

/** A row of the chat list. */
export const ChatSummary = z.strictObject({
  id: Id,
  title: z.string(),
  isPinned: z.boolean(),
  createdAt: time,
  /** When a message last came or a reply ended. */
  changedAt: time,
  /** The model of the latest reply; null before the first. */
  modelTitle: z.string().nullable(),
  /** Prompt and reply of the latest reply. */
  tokens: count,
  messages: count,
});
export type ChatSummary = z.infer<typeof ChatSummary>;

/** A text file that was given with a message. */
export const AttachedFile = z.strictObject({ name: z.string().min(1).max(255), text });
export type AttachedFile = z.infer<typeof AttachedFile>;

/** streaming: being written now. interrupted: the process that wrote it died, or the engine did; what had come is kept. */
export const MessageState = z.enum(['streaming', 'complete', 'interrupted']);
export type MessageState = z.infer<typeof MessageState>;

/** What is known of a reply besides its text; figures are null until it has them. */
export const ReplyFacts = z.strictObject({
  model: z.string(),
  modelTitle: z.string(),
  modelIdentity: z.string().nullable(),
  finishReason: FinishReason.nullable(),
  /** Why it is interrupted. */
  error: Failure.nullable(),
  promptTokens: count.nullable(),
  /** Of the prompt: what the engine still held from the turn before and did not read again. */
  reusedTokens: count.nullable(),
  generatedTokens: count,
  firstTokenMs: z.number().nullable(),
  prefillTokensPerSecond: z.number().nullable(),
  decodeTokensPerSecond: z.number().nullable(),
  kvBytes: bytes.nullable(),
  seed: count.nullable(),
  /** Whether readTimeline has its tokens. */
  hasTimeline: z.boolean(),
});
export type ReplyFacts = z.infer<typeof ReplyFacts>;

/** Of a reply that has not begun. */
export function factsOfNew(model: string, modelTitle: string): ReplyFacts {
  return {
    model,
    modelTitle,
    modelIdentity: null,
    finishReason: null,
    error: null,
    promptTokens: null,
    reusedTokens: null,
    generatedTokens: 0,
    firstTokenMs: null,
    prefillTokensPerSecond: null,
    decodeTokensPerSecond: null,
    kvBytes: null,
    seed: null,
    hasTimeline: false,
  };
}

export const Message = z.strictObject({
  id: Id,
  chatId: Id,
  /** The message it follows; null: the first of its chat. Messages with one parent are branches of each other. */
  parentId: Id.nullable(),
  role: z.enum(['user', 'assistant']),
  text,
  files: z.array(AttachedFile),
  state: MessageState,
  createdAt: time,
  /** Of an assistant's message only. */
  reply: ReplyFacts.nullable(),
});
export type Message = z.infer<typeof Message>;

export const Chat = z.strictObject({
  ...ChatSummary.shape,
  systemPrompt: text,
  sampling: SamplingChoice,
  maxTokens: z.int().min(1).max(16_777_216).nullable(),
  /** The last message of the branch that is shown. */
  leafId: Id.nullable(),
  /** Text that was typed and not sent. */
  draft: text,
});
export type Chat = z.infer<typeof Chat>;

/** What of a chat a person may set. */
export const ChatChange = Chat.pick({
  isPinned: true,
  systemPrompt: true,
  sampling: true,
  maxTokens: true,
  leafId: true,
  draft: true,
})
  .extend({ title: ChatTitle })
  .partial();
export type ChatChange = z.infer<typeof ChatChange>;

export const SearchHit = z.strictObject({
  chatId: Id,
  chatTitle: z.string(),
  /** Null: the title matched. */
  messageId: Id.nullable(),
  /** Text around the match, in pieces; those that match are marked. */
  snippet: z.array(z.strictObject({ text: z.string(), isMatch: z.boolean() })),
  at: time,
});
export type SearchHit = z.infer<typeof SearchHit>;

export const ExportFormat = z.enum(['markdown', 'json', 'html']);
export type ExportFormat = z.infer<typeof ExportFormat>;

/** One token of a reply, as the timeline shows it. */
export const ReplyToken = z.strictObject({
  id: TokenId,
  /** What the reply's text grew by; '' while a character or a stop string is incomplete. All of them joined are the reply. */
  text: z.string(),
  /** What the id stands for in the vocabulary. */
  piece: z.string(),
  /** With `top`, the ten likeliest before sampling, where they were asked for. */
  trace: TraceRecord,
});
export type ReplyToken = z.infer<typeof ReplyToken>;

/** Reading, then writing; waiting: for a model that is being loaded or a reply before it. */
export const ReplyPhase = z.discriminatedUnion('phase', [
  z.strictObject({ phase: z.literal('waiting'), for: z.string() }),
  z.strictObject({ phase: z.literal('reading'), done: count, total: count }),
  z.strictObject({ phase: z.literal('writing') }),
]);
export type ReplyPhase = z.infer<typeof ReplyPhase>;

/** What a growing reply tells. `number` counts a reply's tokens: a page that has seen n of them joins with `from: n`. */
export const ReplyUpdate = z.strictObject({
  /** Number of the first of `tokens`; where there are none, of the next to come. */
  number: count,
  phase: ReplyPhase,
  tokens: z.array(ReplyToken),
  /** Steps that drew no token: parts of a long prompt. */
  prefill: z.array(TraceRecord),
});
export type ReplyUpdate = z.infer<typeof ReplyUpdate>;

/** What a part of the context is there for. template: what the chat template writes around and between; generated: drawn, and in no message as it is. */
export const LedgerOrigin = z.enum(['system', 'user', 'assistant', 'file', 'draft', 'template', 'generated']);
export const LedgerPart = z.strictObject({
  origin: LedgerOrigin,
  messageId: Id.nullable(),
  /** The beginning of its text, or a file's name. */
  label: z.string(),
  tokens: count,
  /** Of these: held by the engine now, so that the next turn does not read them. */
  reusedTokens: count,
});
export type LedgerPart = z.infer<typeof LedgerPart>;

/** What would be sent, counted by the model's own tokenizer and template. */
export const Ledger = z.strictObject({
  parts: z.array(LedgerPart),
  tokens: count,
  reusedTokens: count,
  /** Of the draft and its files. */
  draftTokens: count,
  /** Most tokens that the context holds. */
  context: count,
  /** False: it would not fit with room for one token of reply. */
  fits: z.boolean(),
  kvBytesPerToken: bytes.nullable(),
  warnings: z.array(z.string()),
});
export type Ledger = z.infer<typeof Ledger>;
