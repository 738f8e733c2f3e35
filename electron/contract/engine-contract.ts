/** Operations of one engine process: the host's only way to a model file. A process serves one open model, or one lab job. */
import { z } from 'zod';
import {
  CompareForced,
  CompareQuality,
  CompareWeights,
  ComparingEvent,
  mostVariants,
  WeightHistogram,
  WindowScores,
} from './compare-figures.ts';
import { Estimate, EstimateFacts } from './estimate.ts';
import { CacheCellInput, CacheMap, CacheMapInput, CodecComparison, HeldCache } from './held-cache.ts';
import { bytes, count } from './identifiers.ts';
import {
  BenchResult,
  PackResult,
  PerplexityResult,
  QuantizeResult,
  QuantizeSettings,
  VerifyResult,
} from './lab-results.ts';
import { ModelSummary, TensorEvent } from './model-summary.ts';
import { KvCodec, Memory, MemoryBudgetBytes, ModelInfo, modelPath, OpenModel } from './open-model.ts';
import { command, query, stream } from './operation.ts';
import { Progress } from './progress.ts';
import { GenerateResult, ReplyEvent } from './reply.ts';
import { SamplingParameters } from './sampling.ts';
import { DiskCurve, FlashReading, Streaming } from './streaming.ts';
import { TensorNames } from './tensor-statistics.ts';
import { ChatMessages, Encoded, TokenIds } from './tokens.ts';

export const engineContract = {
  /** Reads headers only; works in a process that never opens weights. */
  inspect: query({ input: z.strictObject({ path: modelPath }), output: ModelSummary }),
  /**
   * Reads tensors one at a time, in a process that never opens weights. Throws not-found for a name that is not there, bad-request where the model
   * is another than `identity` (null: whatever it is), bad-file where it is damaged.
   */
  tensorStatistics: stream({
    input: z.strictObject({ path: modelPath, identity: z.string().nullable(), tensors: TensorNames }),
    chunk: TensorEvent,
    done: z.null(),
  }),

  /** Loads the tokenizer and the templates only; after it this process serves encode, encodeInfill, encodeChat, decode and nothing that computes. */
  openText: command({
    input: z.strictObject({ path: modelPath }),
    output: z.strictObject({ ends: TokenIds, hasTemplate: z.boolean(), vocabularySize: count }),
  }),
  /** `special`: obey names of special tokens in the text. */
  encode: query({
    input: z.strictObject({ text: z.string().max(16_777_216), special: z.boolean(), addBos: z.boolean() }),
    output: Encoded,
  }),
  /** A fill-in-the-middle prompt; both parts are plain text. */
  encodeInfill: query({
    input: z.strictObject({ prefix: z.string().max(16_777_216), suffix: z.string().max(16_777_216) }),
    output: Encoded,
  }),
  /** The text that a reply of these ids is. */
  decode: query({ input: z.strictObject({ ids: TokenIds }), output: z.strictObject({ text: z.string() }) }),
  /** Renders the chat template, encodes it with message contents taken as plain text. */
  encodeChat: query({
    input: z.strictObject({ messages: ChatMessages, addGenerationPrompt: z.boolean() }),
    output: z.strictObject({
      ...Encoded.shape,
      /** For each id the index of the message whose content it comes from; −1: the template wrote it. */
      origins: z.array(z.int().min(-1)),
      /**
       * For each id where it begins in that message's content, in UTF-16 units, so that parts of a content (a file's text) can be counted:
       * an id belongs to the part that holds its offset. Exact where tokenizer and template take the text as it is. −1 with origin −1.
       */
      offsets: z.array(z.int().min(-1)),
      rendered: z.string(),
      /** What ends a turn of this template: ids besides the model's own ends, and texts that are no token. */
      ends: TokenIds,
      stops: z.array(z.string()),
    }),
  }),

  /**
   * What the native engine would take of memory, from headers alone: works in a process that never opens weights. Context null or beyond the
   * model's: the model's. KV codec null: f16. Memory budget null: all weights in memory. Throws what reading the model throws, where its
   * architecture is not supported, unsupported-feature for a budget that a model which is no pack does not keep to, and bad-request for one
   * that a pack cannot; both say the least as `minimumBytes`.
   */
  estimate: query({
    input: z.strictObject({
      path: modelPath,
      context: z.int().min(1).max(16_777_216).nullable(),
      kvCodec: KvCodec.nullable(),
      threads: z.int().min(1).max(1024),
      memoryBudget: MemoryBudgetBytes.nullable().default(null),
      facts: EstimateFacts.nullable().default(null),
    }),
    output: Estimate,
  }),

  /**
   * How fast the disk is that `path` (absolute) lies on: measured once by reading, and kept in the cache folder. Throws unsupported-feature
   * where the file system has no reads around the page cache.
   */
  measureDisk: stream({
    input: z.strictObject({ path: modelPath, cacheFolder: modelPath }),
    chunk: Progress,
    done: DiskCurve,
  }),

  open: stream({ input: OpenModel, chunk: Progress, done: ModelInfo }),
  generate: stream({
    input: z.strictObject({
      ids: TokenIds.min(1),
      maxTokens: z.int().min(1).max(16_777_216),
      sampling: SamplingParameters,
      /** End ids besides the model's own; ignored ends are not obeyed at all. */
      ends: TokenIds,
      ignoreEnds: z.boolean(),
      stops: z.array(z.string().min(1).max(1024)).max(64),
      /** The reply goes on in the prompt's last text: a leading space is kept. */
      continues: z.boolean(),
      trace: z.boolean(),
      /**
       * Null: a session of its own, closed at the end. Else the process's one conversation, with room for `context` positions: the ids it
       * holds that the prompt begins with stay, and only those after them are read. It starts over where `context` changed, and where a
       * state-space model would have to go back. Afterwards it holds prompt and reply, but for the last id, which nothing was computed from.
       * Replies of a conversation wait for each other.
       */
      conversation: z.strictObject({ context: z.int().min(1).max(16_777_216) }).nullable(),
    }),
    chunk: ReplyEvent,
    done: GenerateResult,
  }),
  /** The ids that the conversation holds now, also while a reply grows. */
  conversation: query({ input: z.strictObject({}), output: z.strictObject({ ids: TokenIds }) }),
  /** Ends the conversation and frees its memory; waits for a growing reply. */
  forget: command({ input: z.strictObject({}), output: z.null() }),
  /** What the conversation holds, told in full; waits for a growing reply, as the operations on it below do. */
  heldCache: query({ input: z.strictObject({}), output: HeldCache }),
  /**
   * The attention of the last position is computed anew, which takes one step. Throws bad-request where nothing is held, unsupported-feature where the
   * engine cannot tell.
   */
  readCacheMap: query({ input: CacheMapInput, output: CacheMap }),
  /** One cell of it, head by head. */
  readCacheCell: query({ input: CacheCellInput, output: z.array(z.number().nullable()) }),
  /** Writes what is held, with its ids, to a file that is not there yet (absolute). Throws bad-request where nothing is held. */
  saveCache: command({
    input: z.strictObject({ path: modelPath }),
    output: z.strictObject({ tokens: count, bytes }),
  }),
  /**
   * Puts a saved cache in place of what is held. Throws bad-request where model, settings or `context` are others, bad-file where it is damaged; then what is held
   * stays.
   */
  restoreCache: command({
    input: z.strictObject({ path: modelPath, context: z.int().min(1).max(16_777_216) }),
    output: z.strictObject({ tokens: count, kvBytes: bytes }),
  }),
  /** Replays what is held with each codec, block by block; the first is the reference. */
  compareCodecs: stream({
    input: z.strictObject({ codecs: z.array(KvCodec).min(1).max(3) }),
    chunk: Progress,
    done: CodecComparison,
  }),
  /** Writes `logits` (S,V) and, with `hidden`, hidden and router tensors to a safetensors file. */
  logits: stream({
    input: z.strictObject({ ids: TokenIds.min(1), hidden: z.boolean(), out: modelPath }),
    chunk: Progress,
    done: z.strictObject({ out: z.string(), tokens: count, vocabularySize: count, bytes }),
  }),
  bench: stream({
    input: z.strictObject({
      promptTokens: z.int().min(1).max(1_000_000),
      generateTokens: z.int().min(1).max(1_000_000),
      repeat: z.int().min(1).max(1000),
    }),
    chunk: Progress,
    done: BenchResult,
  }),
  /** A lab job: opens its model(s) itself, in lock-step with the reference; sums only. */
  perplexity: stream({
    input: z.strictObject({
      model: OpenModel,
      reference: OpenModel.nullable(),
      ids: TokenIds.min(2),
      context: z.int().min(2).max(1_000_000),
      secondHalf: z.boolean(),
    }),
    chunk: Progress,
    done: z.strictObject({
      ...PerplexityResult.shape,
      model: ModelInfo,
      reference: ModelInfo.nullable(),
    }),
  }),
  /** A lab job: opens its models together, the reference first; they read the reference's reply, then a text. */
  compare: stream({
    input: z.strictObject({
      models: z.array(OpenModel).min(2).max(mostVariants),
      /** What errors call them. */
      names: z.array(z.string()).min(2).max(mostVariants),
      /** Null: not asked for, or known already. */
      reply: z.strictObject({ promptIds: TokenIds.min(1), ids: TokenIds }).nullable(),
      quality: z
        .strictObject({
          ids: TokenIds.min(2),
          context: z.int().min(2).max(1_000_000),
          /** Those that were read before. */
          windows: z.array(WindowScores).max(16_777_216),
        })
        .nullable(),
    }),
    chunk: ComparingEvent,
    done: z.strictObject({ forced: CompareForced.nullable(), quality: CompareQuality.nullable() }),
  }),
  /** Every matrix of variants against the reference's, one at a time. */
  weightErrors: stream({
    input: z.strictObject({
      reference: modelPath,
      variants: z
        .array(modelPath)
        .min(1)
        .max(mostVariants - 1),
    }),
    chunk: Progress,
    done: CompareWeights,
  }),
  /** Weights of one matrix by its canonical name. Throws bad-request where one of the two has no such matrix. */
  weightHistogram: query({
    input: z.strictObject({ reference: modelPath, variant: modelPath, tensor: z.string().min(1).max(300) }),
    output: WeightHistogram,
  }),
  /**
   * Writes a pack of a model (electron/formats/pack). `out` is absolute, and nothing has this name yet. Cancelled, killed or out of room, it leaves an unfinished file
   * with which the same call goes on. Progress in bytes.
   */
  pack: stream({
    input: z.strictObject({ path: modelPath, out: modelPath, threads: z.int().min(1).max(1024) }),
    chunk: Progress,
    done: PackResult,
  }),
  /**
   * Variants of a model with its linear layers rounded by a recipe, in the folder `out` (absolute). What cannot be is refused before anything is written. Cancelled or
   * out of room, an unfinished pack is left, with which the same call goes on, and nothing of an unfinished folder.
   */
  quantize: stream({
    input: z.strictObject({
      path: modelPath,
      name: z.string().min(1).max(1024),
      out: modelPath,
      threads: z.int().min(1).max(1024),
      ...QuantizeSettings.shape,
    }),
    chunk: Progress,
    done: QuantizeResult,
  }),
  /** Reads all of a pack. Throws bad-file with the first record whose checksum is another, bad-request for what is no pack. */
  verifyPack: stream({
    input: z.strictObject({ path: modelPath }),
    chunk: Progress,
    done: VerifyResult,
  }),
  memory: query({ input: z.strictObject({}), output: Memory }),
  /** Null: the model is no pack. */
  flashState: query({ input: z.strictObject({}), output: FlashReading.nullable() }),
  /**
   * Another budget for the open model, without a reload; waits for a growing reply. Null: all weights in memory. `isAuto`: it shrinks where
   * memory gets short. Throws unsupported-feature for a model that is not streamed, and bad-request with `minimumBytes` below the least; all
   * is then as before.
   */
  setMemoryBudget: command({
    input: z.strictObject({ memoryBudget: MemoryBudgetBytes.nullable(), isAuto: z.boolean() }),
    output: Streaming,
  }),
};
export type EngineContract = typeof engineContract;
