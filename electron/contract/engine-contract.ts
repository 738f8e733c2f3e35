/** Operations of one engine process: the host's only way to a model file. A process serves one open model, or one lab job. */
import { z } from 'zod';
import {
  CompareForced,
  CompareQuality,
  CompareWeights,
  mostVariants,
  WeightHistogram,
  WindowScores,
} from './compare-figures.ts';
import { command, query, stream } from './operation.ts';
import { GenerationDefaults, SamplingParameters } from './sampling.ts';
import { TensorNames, TensorOutcome } from './tensor-statistics.ts';
import { StepSummary, TraceRecord } from './trace.ts';

export const EngineName = z.enum(['onnx', 'native']);
export const Arithmetic = z.enum(['reference', 'fast']);
export const Device = z.enum(['cpu', 'webgpu']);
/** How keys and values are kept in the KV cache. */
export const KvCodec = z.enum(['f32', 'f16', 'q8']);
export type KvCodec = z.infer<typeof KvCodec>;

const count = z.int().nonnegative();
const bytes = z.number().nonnegative();
/** Bytes for weights, KV cache, scratch and buffers of one model. */
export const MemoryBudgetBytes = z.int().nonnegative();
export const TokenId = z.int().nonnegative().max(0x7fff_ffff);
export const TokenIds = z.array(TokenId).max(16_777_216);
const modelPath = z.string().min(1).max(4096);

/**
 * How to open a model for computing. `path` is absolute; the cache folder is laid out by cache-layout.ts. Engine null: native where it can run the
 * model on the device, else onnx. Arithmetic null: fast on the native engine, reference on the onnx engine. KV codec null: f32 in reference
 * arithmetic and on the onnx engine, which has no other, else f16. Memory budget: bytes for weights, KV caches and buffers together; a pack then keeps
 * only a part of its weights in memory and reads the others as they are needed. Null: whatever is needed.
 */
export const OpenModel = z.strictObject({
  path: modelPath,
  engine: EngineName.nullable(),
  arithmetic: Arithmetic.nullable(),
  device: Device,
  threads: z.int().min(1).max(1024),
  kvCodec: KvCodec.nullable(),
  memoryBudget: MemoryBudgetBytes.nullable(),
  /** Nobody chose the budget: it is for a pack alone, raised to what the model needs at the least, and shrinks where memory gets short. */
  isAutoBudget: z.boolean().optional(),
  cacheFolder: modelPath,
});
export type OpenModel = z.infer<typeof OpenModel>;

/** Progress of long work: what, how far, of how much (bytes or items). */
export const Progress = z.strictObject({
  phase: z.string(),
  done: z.number().nonnegative(),
  total: z.number().nonnegative(),
});
export type Progress = z.infer<typeof Progress>;

/** What reading values tells on its way. Progress in bytes of the files. */
export const TensorEvent = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('progress'), progress: Progress }),
  ...TensorOutcome.options,
]);
export type TensorEvent = z.infer<typeof TensorEvent>;

export const TensorSummary = z.strictObject({
  name: z.string(),
  type: z.string(),
  shape: z.array(z.number()),
  file: z.string(),
  offset: z.number(),
  bytes: z.number(),
  /** Of codes whose scales lie in tensors of their own: the weights that they stand for, and the bytes of all that these take. */
  weights: z.strictObject({ count, bytes }).optional(),
  /** Of scales, zero points and group numbers: the codes that they belong to. */
  partOf: z.string().optional(),
});

export type TensorSummary = z.infer<typeof TensorSummary>;

/** What `retort inspect` prints: headers only. */
export const ModelSummary = z.strictObject({
  name: z.string(),
  format: z.enum(['gguf', 'safetensors', 'genai', 'transformersjs', 'pack']),
  /** Of a pack: the model it was made of, and by which recipe it was quantized; without one the weights are the model's own. */
  packOf: z
    .strictObject({
      name: z.string(),
      format: z.string(),
      identity: z.string(),
      recipe: z.string().optional(),
    })
    .optional(),
  architecture: z.string(),
  /** The resolved family and its sizes; null with the reason where no family takes it. */
  supported: z.boolean(),
  unsupportedReason: z.string().nullable(),
  identity: z.string(),
  parameters: count,
  bytes,
  layers: count.nullable(),
  hiddenSize: count.nullable(),
  vocabularySize: count.nullable(),
  contextLength: count.nullable(),
  heads: count.nullable(),
  keyValueHeads: count.nullable(),
  headDimension: count.nullable(),
  experts: count.nullable(),
  /** KV bytes per position in float32 of the onnx engine. */
  kvBytesPerToken: bytes.nullable(),
  /** Weight bytes by tensor type. */
  types: z.record(z.string(), bytes),
  tokenizer: z.string().nullable(),
  chatTemplate: z.boolean(),
  /** Why weights of an exported graph, which runs as it is, cannot be read one by one; absent: they can. */
  weightsProblem: z.string().optional(),
  files: z.array(z.strictObject({ name: z.string(), bytes })),
  tensors: z.array(TensorSummary),
});
export type ModelSummary = z.infer<typeof ModelSummary>;

/** A model whose weights lie in a pack and take less memory than they have: what its budget is spent on. */
export const Streaming = z.strictObject({
  /** All that the model may take: weights, KV cache, scratch and buffers; null: whatever it needs. */
  memoryBudgetBytes: bytes.nullable(),
  /** Chosen by Retort: it shrinks where memory gets short. */
  isAuto: z.boolean(),
  /** Of it, for weights. */
  budgetBytes: bytes,
  /** The least that weights need, and from where on nothing is read twice. */
  minimumBytes: bytes,
  totalBytes: bytes,
  /** Always in memory. */
  pinnedBytes: bytes,
  /** What is read ahead in order of use, and what token rows are looked up with. */
  ringBytes: bytes,
  lookupBytes: bytes,
  /** Room for experts, and bytes of each. */
  slots: count,
  slotBytes: bytes,
  /** How the file is read: "io_uring" or "threads"; and whether around the page cache. */
  reader: z.string(),
  isDirect: z.boolean(),
  /** Layers × experts, and how many of a layer a token uses; null: the model has none. */
  experts: z.strictObject({ layers: count, count, used: count }).nullable(),
});
export type Streaming = z.infer<typeof Streaming>;

/** As of the latest step. */
export const FlashReading = z.strictObject({
  streaming: Streaming,
  /** Layers × experts: decayed uses, of these the ones that had to read it, and 1 where it is in memory. Empty for models without experts. */
  uses: z.array(z.number().nonnegative()),
  misses: z.array(z.number().nonnegative()),
  resident: z.array(z.int().min(0).max(1)),
  /** Since it was opened. */
  totals: z.strictObject({ bytesRead: bytes, reads: count, cacheHits: count, cacheMisses: count }),
});
export type FlashReading = z.infer<typeof FlashReading>;

export const ModelInfo = z.strictObject({
  identity: z.string(),
  /** Of a pack: the identity of the model it was made of, whose saved caches it goes on with. */
  packOf: z.string().optional(),
  engine: EngineName,
  arithmetic: Arithmetic,
  device: z.string(),
  threads: z.int(),
  versions: z.record(z.string(), z.string()),
  vocabularySize: z.int(),
  contextLength: z.int(),
  weightsBytes: bytes,
  kvCodec: KvCodec,
  /** What one more position takes in the KV cache, scales included; null where that depends on the length: windows, state-space layers. */
  kvBytesPerToken: bytes.nullable(),
  /** Null: the model is no pack; all weights are in memory, and stay there. */
  streaming: Streaming.nullable(),
  loadMs: z.number(),
  ends: TokenIds,
  /** Sampling defaults that the model's author set. */
  generation: GenerationDefaults,
});
export type ModelInfo = z.infer<typeof ModelInfo>;

export const ChatMessage = z.strictObject({
  role: z.string().min(1).max(64),
  content: z.string().max(16_777_216),
});
export const ChatMessages = z.array(ChatMessage).min(1).max(100_000);
export type ChatMessage = z.infer<typeof ChatMessage>;

const encoded = z.strictObject({
  ids: TokenIds,
  /** The text each id stands for, as the vocabulary writes it (byte-level pieces decoded where they are whole characters). */
  pieces: z.array(z.string()),
  warnings: z.array(z.string()),
});
export const Encoded = encoded;
export type Encoded = z.infer<typeof Encoded>;

export const Memory = z.strictObject({
  /** Resident memory of the process now. */
  residentBytes: bytes,
  /** The same before it opened its model; null: it has opened none. */
  residentBeforeOpenBytes: bytes.nullable(),
  /** The same with the addon loaded, just before the model: what the runtime takes for itself, beside any memory budget. */
  baselineBytes: bytes.nullable(),
  weightsBytes: bytes,
  /** Of the conversation; in a reply's result, of that reply's session. */
  kvBytes: bytes,
  /** The most that was ever resident. */
  peakBytes: bytes,
});
export type Memory = z.infer<typeof Memory>;

/** How fast a disk gives bytes around the page cache. */
export const DiskCurve = z
  .strictObject({
    /** Bytes of one read, and reads in flight: each ascending. */
    sizes: z.array(z.int().positive()).min(1).max(32),
    depths: z.array(z.int().positive()).min(1).max(32),
    /** Of each size, all depths. */
    bytesPerSecond: z.array(z.number().positive()),
    at: z.number().nonnegative(),
  })
  .refine(
    ({ sizes, depths, bytesPerSecond }) => bytesPerSecond.length === sizes.length * depths.length,
    'a rate for each size and depth',
  );
export type DiskCurve = z.infer<typeof DiskCurve>;

/** What streaming the weights of a pack within a memory budget comes to. Nulls: not known, or not measured yet. */
export const StreamingEstimate = z.strictObject({
  memoryBudgetBytes: bytes,
  /** The least that it can be: of weights, KV cache and scratch; and of weights alone. */
  minimumMemoryBudgetBytes: bytes,
  minimumBytes: bytes,
  /** All weights: from there on nothing is read twice. */
  totalBytes: bytes,
  pinnedBytes: bytes,
  ringBytes: bytes,
  lookupBytes: bytes,
  slots: count,
  slotBytes: bytes,
  /** Bytes that a token reads from the disk, misses by `hitRate`. */
  readBytesPerToken: bytes,
  /** Of an expert that a token uses, to be in memory; null for models without experts. */
  hitRate: z.number().min(0).max(1).nullable(),
  /** measured: from how often replies used each expert; assumed: from what others measured of such models; null: all are in memory. */
  hitRateFrom: z.enum(['measured', 'assumed']).nullable(),
  /** At the size and depth of these reads, where there are any. */
  diskBytesPerSecond: z.number().positive().nullable(),
  computeSecondsPerToken: z.number().nonnegative().nullable(),
  tokensPerSecond: z.number().nonnegative().nullable(),
  isWorthIt: z.boolean(),
  /** Why not, and what to do instead; also where it is worth it with a reserve. */
  advice: z.string().nullable(),
});
export type StreamingEstimate = z.infer<typeof StreamingEstimate>;

/** What the host knows that a prediction of streaming needs; null: it does not know. */
export const EstimateFacts = z.strictObject({
  /** Free for this model now. */
  freeBytes: bytes.nullable(),
  /** Of weights and KV that a reply read from memory while it computed. */
  memoryBytesPerSecond: z.number().positive().nullable(),
  /** Layers × experts: how often replies used each; empty: none did. */
  uses: z.array(z.number().nonnegative()).max(1_048_576),
  /** Where the disk's curve is kept. */
  cacheFolder: modelPath.nullable(),
});
export type EstimateFacts = z.infer<typeof EstimateFacts>;

/** Memory of one model in a process of its own, and what a token reads of it. */
export const Estimate = z.strictObject({
  /** Of the model whose headers were read. */
  identity: z.string(),
  /** As the engine packs them. */
  weightsBytes: bytes,
  /** Of a session that holds `context` positions. */
  kvBytes: bytes,
  /** What one more position takes; null where that depends on the length. */
  kvBytesPerToken: bytes.nullable(),
  /** All else that the process's resident memory grows by from before it opens the model until a reply has filled the context. */
  scratchBytes: bytes,
  context: count,
  /** Positions the model was trained for. */
  modelContext: count,
  kvCodec: KvCodec,
  /** Weights and cache that one more token reads when the context is full. */
  bytesTouchedPerToken: bytes,
  /** Whether the weights can be streamed: they lie in a pack. `retort pack` makes one of any other model. */
  canStream: z.boolean(),
  /** Null: all weights in memory, which is so for all that is no pack. */
  streaming: StreamingEstimate.nullable(),
});
export type Estimate = z.infer<typeof Estimate>;

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

export const Spread = z.strictObject({ min: z.number(), median: z.number(), max: z.number() });

/** `perToken`: what the trace records of the measured rounds say. */
export const PhaseSpeed = z.strictObject({ tokensPerSecond: Spread, perToken: StepSummary });
export type PhaseSpeed = z.infer<typeof PhaseSpeed>;

export const BenchResult = z.strictObject({
  promptTokens: count,
  generateTokens: count,
  repeat: count,
  prefill: PhaseSpeed,
  decode: PhaseSpeed,
  peakBytes: bytes,
});

export const PerplexityResult = z.strictObject({
  perplexity: z.number(),
  tokens: count,
  kl: z.strictObject({ mean: z.number(), median: z.number(), p99: z.number(), max: z.number() }).optional(),
  topOneAgreement: z.number().optional(),
});

export const PackResult = z.strictObject({
  /** The pack. */
  out: z.string(),
  identity: z.string(),
  bytes,
  records: count,
  /** Of records that an earlier, unfinished run had written. */
  resumedBytes: bytes,
});

export const QuantizeSettings = z.strictObject({
  /** e.g. q8, q4-g128 or q4-g32-zp. */
  recipe: z.string().max(64),
  formats: z
    .array(z.enum(['pack', 'onnx']))
    .min(1)
    .max(2),
  /** In which an ONNX graph computes: it is written into it. */
  arithmetic: Arithmetic,
  /** Says what would be made, and makes nothing. */
  isEstimate: z.boolean(),
});
export type QuantizeSettings = z.infer<typeof QuantizeSettings>;

/** What a recipe makes of a model, or would make. */
export const QuantizeResult = z.strictObject({
  /** In full, e.g. q4-g32. */
  recipe: z.string(),
  /** For a person. */
  description: z.string(),
  variants: z.array(
    z.strictObject({
      format: z.enum(['pack', 'onnx']),
      out: z.string(),
      bytes,
      /** Of what an earlier, unfinished run had written. */
      resumedBytes: bytes,
    }),
  ),
  /** Of quantized weights in a pack, scales and zero points among them. */
  bitsPerWeight: z.number().nonnegative(),
  quantizedWeights: count,
  weights: count,
  /** Types of quantized weights that were codes before, so that they are rounded a second time. */
  requantized: z.array(z.string()),
});
export type QuantizeResult = z.infer<typeof QuantizeResult>;

export const VerifyResult = z.strictObject({ records: count, bytes });

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
/** What a comparison tells on its way: its windows are what it can go on from. */
export const ComparingEvent = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('progress'), progress: Progress }),
  z.strictObject({ type: z.literal('forced'), forced: CompareForced }),
  z.strictObject({ type: z.literal('window'), index: count, scores: WindowScores }),
  /** Of the windows so far. */
  z.strictObject({ type: z.literal('quality'), quality: CompareQuality }),
]);
export type ComparingEvent = z.infer<typeof ComparingEvent>;

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
      ...encoded.shape,
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
