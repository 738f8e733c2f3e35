/** What engines measure where models are compared token by token and weight by weight. */
import { z } from 'zod';
import { count } from './identifiers.ts';
import { Progress } from './progress.ts';
import { histogramBins } from './tensor-statistics.ts';

export const mostVariants = 4;

export const LikelyToken = z.strictObject({
  id: count,
  piece: z.string(),
  probability: z.number().min(0).max(1),
});
export type LikelyToken = z.infer<typeof LikelyToken>;

/** What a model thought at one token of the reference's reply. */
const forcedToken = {
  /** Natural logarithm; of the token that the reference chose. */
  logProbability: z.number(),
  /** The likeliest, at most ten, first the likeliest. */
  top: z.array(LikelyToken),
};
export const ReferenceToken = z.strictObject({ ...forcedToken, id: count, piece: z.string() });
/** `kl`: KL(reference ‖ variant) in nats, over the whole vocabulary. */
export const ForcedToken = z.strictObject({ ...forcedToken, kl: z.number().nonnegative() });
export const ForcedVariant = z.strictObject({
  /** One for each token of the reference's reply. */
  tokens: z.array(ForcedToken),
  /** The first token at which this variant would have chosen another; null: none. */
  firstDivergence: count.nullable(),
  meanKl: z.number().nonnegative(),
});
export type ForcedVariant = z.infer<typeof ForcedVariant>;
/** The reference's reply, read by all. */
export const CompareForced = z.strictObject({
  reference: z.array(ReferenceToken),
  /** One for each variant after the reference, in order. */
  variants: z.array(ForcedVariant),
});
export type CompareForced = z.infer<typeof CompareForced>;

/**
 * A figure with its 95 % interval: Student's t over blocks of 64 neighbouring tokens (what is left of a window is shared among its blocks), which
 * takes neighbours to be alike and blocks to be independent. Null: one block alone says nothing of that.
 */
export const Interval = z.strictObject({
  value: z.number(),
  low: z.number().nullable(),
  high: z.number().nullable(),
});
export type Interval = z.infer<typeof Interval>;

export const QualityColumn = z.strictObject({
  /** Its interval is that of the mean log-probability, exponentiated. */
  perplexity: Interval,
  /** Natural logarithms; null for the reference itself. */
  kl: z.strictObject({ mean: Interval, median: z.number(), p99: z.number(), max: z.number() }).nullable(),
  /** How often its likeliest token is the reference's; null for the reference itself. */
  topOneAgreement: Interval.nullable(),
});
export type QualityColumn = z.infer<typeof QualityColumn>;
export const CompareQuality = z.strictObject({
  context: count,
  windows: count,
  /** That were predicted: all but the first of each window. */
  tokens: count,
  /** One for each variant, the reference first. */
  columns: z.array(QualityColumn),
});
export type CompareQuality = z.infer<typeof CompareQuality>;

/** A matrix by its canonical name, such as layers.3.attention.query.weight. */
export const ComparedTensor = z.strictObject({
  name: z.string(),
  /** Null: of no layer. */
  layer: count.nullable(),
  /** What is left of the name without the layer. */
  part: z.string(),
  elements: count,
});
export type ComparedTensor = z.infer<typeof ComparedTensor>;
/** Root mean square of the difference from the reference's weight, over that of the reference's weight. */
export const CompareWeights = z.strictObject({
  tensors: z.array(ComparedTensor),
  /** One list for each variant after the reference, in the order of `tensors`; null: the variant has no such matrix of that shape. */
  errors: z.array(z.array(z.number().nonnegative().nullable())),
});
export type CompareWeights = z.infer<typeof CompareWeights>;

/** Weights of one matrix in bins of equal width over the reference's range; what lies outside is in the first and last. */
export const WeightHistogram = z.strictObject({
  low: z.number(),
  high: z.number(),
  reference: z.array(count).length(histogramBins),
  variant: z.array(count).length(histogramBins),
  /** As in CompareWeights. */
  error: z.number().nonnegative(),
});
export type WeightHistogram = z.infer<typeof WeightHistogram>;

/** Of a model's reading of a window of the text: numbers for each position that counts. */
const ModelScores = z.strictObject({
  /** −ln p of each id. */
  negativeLogProbability: z.array(z.number()),
  /** KL(reference ‖ model) in nats, and whether the likeliest id is the reference's (1) or not (0); empty for the reference. */
  divergence: z.array(z.number().nonnegative()),
  agreement: z.array(z.int().min(0).max(1)),
});
export type ModelScores = z.infer<typeof ModelScores>;
/** One for each model, the reference first. */
export const WindowScores = z.array(ModelScores);
export type WindowScores = z.infer<typeof WindowScores>;

/** What a comparison tells on its way: its windows are what it can go on from. */
export const ComparingEvent = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('progress'), progress: Progress }),
  z.strictObject({ type: z.literal('forced'), forced: CompareForced }),
  z.strictObject({ type: z.literal('window'), index: count, scores: WindowScores }),
  /** Of the windows so far. */
  z.strictObject({ type: z.literal('quality'), quality: CompareQuality }),
]);
export type ComparingEvent = z.infer<typeof ComparingEvent>;
