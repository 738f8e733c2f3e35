/** What work of the lab comes to. */
import { z } from 'zod';
import { bytes, count } from './identifiers.ts';
import { Arithmetic } from './open-model.ts';
import { StepSummary } from './trace.ts';

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
