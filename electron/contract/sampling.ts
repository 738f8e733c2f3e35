import { z } from 'zod';

/**
 * Sampling settings; every engine draws with the same C++ (native/src/sampling), so a seed means the same everywhere.
 * Order: bias → repetition → presence/frequency penalties → temperature → top-k → top-p → min-p → draw.
 */
export const SamplingParameters = z.strictObject({
  /** 0 = greedy: the highest logit, the lowest id among equals. */
  temperature: z.number().min(0).max(100).default(0.8),
  /** 0 = all. */
  topK: z.int().min(0).max(10_000_000).default(40),
  topP: z.number().gt(0).max(1).default(0.95),
  minP: z.number().min(0).max(1).default(0),
  /** 1 = none; as in CTRL: positive logits are divided, negative ones multiplied. */
  repetitionPenalty: z.number().gt(0).max(100).default(1),
  presencePenalty: z.number().min(-100).max(100).default(0),
  frequencyPenalty: z.number().min(-100).max(100).default(0),
  /** How many of the latest ids the penalties look at; 0 = all. */
  penaltyWindow: z.int().min(0).max(10_000_000).default(64),
  /** Added to the logit of an id. */
  logitBias: z
    .array(z.strictObject({ id: z.int().min(0), bias: z.number() }))
    .max(100_000)
    .default([]),
  seed: z.int().min(0).max(Number.MAX_SAFE_INTEGER).default(0),
  /** How many of the likeliest ids to report with each token. */
  topLogProbabilities: z.int().min(0).max(100).default(0),
});
export type SamplingParameters = z.infer<typeof SamplingParameters>;

const asked = <T extends z.ZodType>(field: z.ZodDefault<T>): z.ZodOptional<T> => field.unwrap().optional();
const parameters = SamplingParameters.shape;
/** Sampling as asked for: what is absent comes from the model's author, then from SamplingParameters; an absent seed is drawn. */
export const SamplingChoice = z.strictObject({
  temperature: asked(parameters.temperature),
  topK: asked(parameters.topK),
  topP: asked(parameters.topP),
  minP: asked(parameters.minP),
  repetitionPenalty: asked(parameters.repetitionPenalty),
  presencePenalty: asked(parameters.presencePenalty),
  frequencyPenalty: asked(parameters.frequencyPenalty),
  penaltyWindow: asked(parameters.penaltyWindow),
  logitBias: asked(parameters.logitBias),
  seed: asked(parameters.seed),
  topLogProbabilities: asked(parameters.topLogProbabilities),
});
export type SamplingChoice = z.infer<typeof SamplingChoice>;

/** What a model's author may recommend, as far as the files name it. */
export const GenerationDefaults = SamplingChoice.pick({
  temperature: true,
  topK: true,
  topP: true,
  minP: true,
  repetitionPenalty: true,
});
