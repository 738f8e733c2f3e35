/** How a model is opened, and what is known of it then. */
import { z } from 'zod';
import { bytes } from './identifiers.ts';
import { GenerationDefaults } from './sampling.ts';
import { Streaming } from './streaming.ts';
import { TokenIds } from './tokens.ts';

export const EngineName = z.enum(['onnx', 'native']);
export const Arithmetic = z.enum(['reference', 'fast']);
export const Device = z.enum(['cpu', 'webgpu']);
/** How keys and values are kept in the KV cache. */
export const KvCodec = z.enum(['f32', 'f16', 'q8']);
export type KvCodec = z.infer<typeof KvCodec>;
/** Bytes for weights, KV cache, scratch and buffers of one model. */
export const MemoryBudgetBytes = z.int().nonnegative();
export const modelPath = z.string().min(1).max(4096);
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
