/** What a model would take of memory and how fast it would be. */
import { z } from 'zod';
import { bytes, count } from './identifiers.ts';
import { KvCodec, modelPath } from './open-model.ts';

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
