/**
 * The addon's functions as engines and the lab use them: contract parameters in, LabError out. The law of a draw: docs/sampling.md.
 */
import { LabError } from '../../contract/errors.ts';
import type { SamplingParameters } from '../../contract/sampling.ts';
import { nativeAddon, withCodes, type DrawnToken, type NativeSampler } from './addon.ts';

/** Bit i % 32 of word i / 32 allows id i; null allows all. Made for one vocabulary size: ceil(V / 32) words. */
export type AllowedTokens = Uint32Array | null;

export interface Sampler {
  /**
   * Draws one id. `logits`: one row (V) of the model's raw logits. `history`: all ids so far, prompt included.
   * Throws `invalid-numbers` (a NaN, +Infinity, or nothing finite that is allowed) and `bad-request` (sizes, ids, a mask that allows nothing);
   * the generator is then as before.
   */
  draw(logits: Float32Array, history: Int32Array, allowed?: AllowedTokens): DrawnToken;
  /** The probability of every id (V) the next draw would use; the generator stays where it is. Throws as `draw`. */
  probabilities(logits: Float32Array, history: Int32Array, allowed?: AllowedTokens): Float64Array;
  /** State and increment of the generator; for forks and saved sessions. */
  getState(): [bigint, bigint];
  setState(state: [bigint, bigint]): void;
}

/** Of one model's rows. */
export interface RowScores {
  /** −ln p(target). */
  readonly negativeLogProbability: Float64Array;
  /** The lowest of the likeliest ids. */
  readonly argmax: Int32Array;
  /** KL(first ‖ this) in nats; null for the first. */
  readonly divergence: Float64Array | null;
}

const largestId = 0x7fff_ffff;

function createNative(parameters: SamplingParameters): NativeSampler {
  const { seed, logitBias, ...rest } = parameters;
  const stray = logitBias.find(({ id }) => id > largestId);
  if (stray) throw new LabError('bad-request', `[sampling] logitBias: ${stray.id} is not a token id.`);
  const { Sampler } = nativeAddon();
  return new Sampler(
    {
      ...rest,
      biasIds: Int32Array.from(logitBias, ({ id }) => id),
      biasValues: Float32Array.from(logitBias, ({ bias }) => bias),
    },
    BigInt(seed),
  );
}

/** A sampler of its own generator, seeded by the parameters. Throws `bad-request` where a parameter is out of its limits. */
export function createSampler(parameters: SamplingParameters): Sampler {
  const native = withCodes(() => createNative(parameters));
  return {
    draw: (logits, history, allowed = null) => withCodes(() => native.sample(logits, history, allowed)),
    probabilities: (logits, history, allowed = null) =>
      withCodes(() => native.probabilities(logits, history, allowed)),
    getState: () => native.getState(),
    setState: (state) => withCodes(() => native.setState(state)),
  };
}

/**
 * Scores rows (rows × V each) of a reference, which is the first, and of up to seven models that read the same, against one target id each, in
 * float64. The number of threads changes no bit. Throws `invalid-numbers` naming the row, and `bad-request`.
 */
export function scoreRows(
  logits: readonly Float32Array[],
  vocabularySize: number,
  targets: Int32Array,
  threads = 1,
): RowScores[] {
  const scores = withCodes(() => nativeAddon().scoreRows(logits, vocabularySize, targets, threads));
  const part = <T extends Float64Array | Int32Array>(all: T, model: number) =>
    all.subarray(model * targets.length, (model + 1) * targets.length) as T;
  return logits.map((_, model) => ({
    negativeLogProbability: part(scores.negativeLogProbability, model),
    argmax: part(scores.argmax, model),
    divergence: model === 0 ? null : part(scores.divergence, model - 1),
  }));
}
