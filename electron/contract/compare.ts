/**
 * Comparing two to four models or settings: what is asked for, what it would take, and what came out. The first variant is the reference: its
 * reply is read by the others, and they are measured against it.
 */
import { z } from 'zod';
import { Arithmetic, EngineName, KvCodec } from './open-model.ts';
import { Progress } from './progress.ts';
import { BatchToken, FinishReason } from './reply.ts';
import { ChatMessages } from './tokens.ts';
import { bytes, count, Failure, Id, text, time } from './identifiers.ts';
import { CompareForced, CompareQuality, CompareWeights, mostVariants } from './compare-figures.ts';
import { Compute } from './machine.ts';

export * from './compare-figures.ts';

export const mostForcedTokens = 4096;

/** What every variant begins with. */
export const ComparePrompt = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('chat'), messages: ChatMessages }),
  /** Continued as it stands; `special`: names of special tokens in it are obeyed. */
  z.strictObject({ kind: z.literal('text'), text: text.min(1), special: z.boolean() }),
]);
export type ComparePrompt = z.infer<typeof ComparePrompt>;

/** The text on which quality is measured: windows of `context` ids without overlap, each alone from position 0. */
export const QualityRequest = z.strictObject({
  text: text.min(1),
  context: z.int().min(2).max(1_000_000),
  /** How many of the text's first ids to use; null: all. */
  tokens: z.int().min(2).max(16_777_216).nullable(),
});
export type QualityRequest = z.infer<typeof QualityRequest>;

/** A request whose models are named as `model` says: by ids of pages, or by names and paths of the command line. */
export function compareRequestOf<M extends z.ZodType>(model: M) {
  const variant = z.strictObject({
    model,
    /** Null: made of the model's title and what sets it apart from the others. */
    label: z.string().trim().min(1).max(200).nullable(),
    compute: Compute,
    kvCodec: KvCodec.nullable(),
  });
  return z.strictObject({
    variants: z.array(variant).min(2).max(mostVariants),
    prompt: ComparePrompt,
    /** Of each reply. Replies are greedy: no seed changes them. */
    maxTokens: z.int().min(1).max(mostForcedTokens),
    /** Null: only the prompt is compared. */
    quality: QualityRequest.nullable(),
    /** Also how far every matrix is from the reference's: reads all weights of all models once more. */
    weightErrors: z.boolean(),
  });
}
export const CompareRequest = compareRequestOf(Id);
export type CompareRequest = z.infer<typeof CompareRequest>;

/** What a model is, from its headers. */
const weightsOf = {
  format: z.string(),
  architecture: z.string(),
  /** Such as "Q4_1, 4.9 bits". */
  precision: z.string(),
  /** Bytes of weights in the file, by tensor type and together; `bitsPerWeight` is of these. */
  types: z.record(z.string(), bytes),
  weightsBytes: bytes,
  parameters: count,
  bitsPerWeight: z.number().nonnegative(),
};

/** What a comparison would take, before anything runs. */
export const PricedVariant = z.strictObject({
  label: z.string(),
  ...weightsOf,
  /** Weights, KV cache and scratch while it is measured; null: not known before it is opened. */
  memoryBytes: bytes.nullable(),
  /** Null before replies measured this machine, and where they say nothing of these settings. */
  predictedTokensPerSecond: z.number().nonnegative().nullable(),
  fits: z.boolean(),
});
export const ComparePrice = z.strictObject({
  variants: z.array(PricedVariant),
  /** Free for a model now, beside the model that chats use: a comparison opens its own. */
  freeBytes: bytes,
  reserveBytes: bytes,
  /** Of all that is in memory at once while they are compared token by token; null: not known. */
  peakBytes: bytes.nullable(),
  /** together: all at once, so that the reference runs once. pairs: the reference with one variant after the other. null: not even that fits. */
  mode: z.enum(['together', 'pairs']).nullable(),
  /** Of the prompt, and of the text on which quality is measured. */
  promptTokens: count,
  qualityTokens: count.nullable(),
  windows: count.nullable(),
  /** Why it would be refused; null: it would not. */
  problem: Failure.nullable(),
});
export type ComparePrice = z.infer<typeof ComparePrice>;

/** Measured in turn: one process with one model at a time. */
export const CompareColumn = z.strictObject({
  label: z.string(),
  /** What pages know the model by; null: it is not in the library. */
  model: Id.nullable(),
  name: z.string(),
  identity: z.string(),
  ...weightsOf,
  engine: EngineName,
  arithmetic: Arithmetic,
  device: z.string(),
  threads: z.int().positive(),
  /** The native engine's kernel set; null for other engines. */
  kernels: z.string().nullable(),
  kvCodec: KvCodec,
  residency: z.enum(['resident', 'streamed']),
  memoryBudgetBytes: bytes.nullable(),
  speed: z.strictObject({
    loadMs: z.number(),
    firstTokenMs: z.number(),
    promptTokens: count,
    prefillTokensPerSecond: z.number(),
    decodeTokensPerSecond: z.number(),
    /** Resident memory of its process at the most, and what the KV cache held of it in the end. */
    peakBytes: bytes,
    kvBytes: bytes,
  }),
  /** Its own reply to the prompt. */
  reply: z.strictObject({
    text: z.string(),
    tokens: z.array(BatchToken),
    finishReason: FinishReason,
  }),
});
export type CompareColumn = z.infer<typeof CompareColumn>;

export const CompareResult = z.strictObject({
  mode: z.enum(['together', 'pairs']),
  columns: z.array(CompareColumn).min(2).max(mostVariants),
  forced: CompareForced,
  quality: CompareQuality.nullable(),
  weights: CompareWeights.nullable(),
});
export type CompareResult = z.infer<typeof CompareResult>;

/** What a comparison tells on its way; `index` is a variant's place. */
export const CompareEvent = z.discriminatedUnion('type', [
  /** It is a job now, and can be gone on with. */
  z.strictObject({ type: z.literal('begun'), jobId: Id }),
  z.strictObject({ type: z.literal('progress'), progress: Progress }),
  z.strictObject({ type: z.literal('column'), index: count, column: CompareColumn }),
  z.strictObject({ type: z.literal('forced'), forced: CompareForced }),
  /** Of the windows so far. */
  z.strictObject({ type: z.literal('quality'), quality: CompareQuality }),
  z.strictObject({ type: z.literal('weights'), weights: CompareWeights }),
]);
export type CompareEvent = z.infer<typeof CompareEvent>;

/** A number that a list of runs shows. */
export const Headline = z.strictObject({ name: z.string(), value: z.number(), unit: z.string() });
export type Headline = z.infer<typeof Headline>;

export const ReportFormat = z.enum(['json', 'csv', 'html']);
export type ReportFormat = z.infer<typeof ReportFormat>;
export const Report = z.strictObject({ fileName: z.string(), mediaType: z.string(), text: z.string() });
export type Report = z.infer<typeof Report>;

/** What a page knows of a comparison that runs or was interrupted. */
export const OpenComparison = z.strictObject({
  jobId: Id,
  startedAt: time,
  labels: z.array(z.string()),
  prompt: ComparePrompt,
  maxTokens: count,
  /** Without the text, which may be long. */
  quality: QualityRequest.omit({ text: true }).nullable(),
});
export type OpenComparison = z.infer<typeof OpenComparison>;
