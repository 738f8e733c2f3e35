/** What the headers of a model say, and of its tensors. */
import { z } from 'zod';
import { bytes, count } from './identifiers.ts';
import { Progress } from './progress.ts';
import { TensorOutcome } from './tensor-statistics.ts';

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
