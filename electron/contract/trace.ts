import { z } from 'zod';

const nanoseconds = z.number().nonnegative();

/**
 * One record per evaluated step: the source of every chart, timeline and benchmark. A cause the engine cannot tell is absent, never 0.
 * Times in nanoseconds of one monotonic clock.
 */
export const TraceRecord = z.strictObject({
  /** Counts from 0 within a reply. */
  step: z.int().nonnegative(),
  phase: z.enum(['prefill', 'decode']),
  /** Tokens evaluated in this step. */
  tokens: z.int().positive(),
  /** Position of the first of them. */
  position: z.int().nonnegative(),
  /** Of a reply's first step in a conversation: positions kept from before, which were not computed again. */
  reused: z.int().nonnegative().optional(),
  /** The id drawn after this step, if one was. */
  id: z.int().nonnegative().optional(),
  startNs: nanoseconds,
  timeNs: z.strictObject({
    total: nanoseconds,
    evaluate: nanoseconds.optional(),
    attention: nanoseconds.optional(),
    feedForward: nanoseconds.optional(),
    head: nanoseconds.optional(),
    sampling: nanoseconds.optional(),
    detokenize: nanoseconds.optional(),
    readWait: nanoseconds.optional(),
    other: nanoseconds.optional(),
  }),
  bytesTouched: z.number().nonnegative().optional(),
  /** From the disk, where weights are streamed: bytes, reads, and weights that were in memory when they were needed, or not. */
  bytesRead: z.number().nonnegative().optional(),
  reads: z.int().nonnegative().optional(),
  cacheHits: z.int().nonnegative().optional(),
  cacheMisses: z.int().nonnegative().optional(),
  /** Time with at least one read in flight: what of it is not `readWait` was read beside the computing. */
  readBusyNs: nanoseconds.optional(),
  /** Of bytesRead: read ahead for a layer that did not need it after all. */
  bytesReadInVain: z.number().nonnegative().optional(),
  /** By layer, the last one for token rows and the head, where weights are streamed: what adds up to the four above and to readWait. */
  layers: z
    .strictObject({
      bytesRead: z.array(z.number().nonnegative()),
      reads: z.array(z.int().nonnegative()),
      cacheHits: z.array(z.int().nonnegative()),
      cacheMisses: z.array(z.int().nonnegative()),
      waitNs: z.array(nanoseconds),
    })
    .optional(),
  kvBytes: z.number().nonnegative().optional(),
  drafted: z.int().nonnegative().optional(),
  accepted: z.int().nonnegative().optional(),
  /** Natural log of the probability of the drawn id under the model's own (temperature 1, unfiltered) distribution. */
  logProbability: z.number().optional(),
  /** The likeliest ids before sampling, where they were asked for. */
  top: z
    .array(
      z.strictObject({
        id: z.int().nonnegative(),
        logProbability: z.number(),
        /** What the id stands for in the vocabulary. */
        piece: z.string().optional(),
      }),
    )
    .optional(),
});
export type TraceRecord = z.infer<typeof TraceRecord>;

/** Medians per token over many records; a cause none of them has is absent. */
export const StepSummary = z.strictObject({
  timeNs: TraceRecord.shape.timeNs,
  bytesTouched: z.number().nonnegative().optional(),
  /** Of `bytesTouched` while the engine computes. */
  bytesPerSecond: z.number().nonnegative().optional(),
  /** After the last step. */
  kvBytes: z.number().nonnegative().optional(),
});
export type StepSummary = z.infer<typeof StepSummary>;
