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

/** −ln p(target) and the likeliest id of each row. */
export interface RowScores {
  readonly negativeLogProbability: Float64Array;
  readonly argmax: Int32Array;
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

/** Scores rows (rows × V) of logits against one target id each, in float64. Throws `invalid-numbers` naming the row, and `bad-request`. */
export function scoreRows(logits: Float32Array, vocabularySize: number, targets: Int32Array): RowScores {
  return withCodes(() => nativeAddon().scoreRows(logits, vocabularySize, targets));
}

/** KL(reference ‖ model) in nats of each row (rows × V each), in float64. Throws `invalid-numbers` naming the row, and `bad-request`. */
export function divergenceRows(
  reference: Float32Array,
  model: Float32Array,
  vocabularySize: number,
): Float64Array {
  return withCodes(() => nativeAddon().divergenceRows(reference, model, vocabularySize));
}
