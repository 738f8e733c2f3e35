/** The only module that loads the native addon. */
import { createRequire } from 'node:module';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { LabError } from '../../contract/errors.ts';

/** Parameters as the addon takes them: SamplingParameters without the seed, names equal. */
export interface NativeSamplingParameters {
  temperature: number;
  topK: number;
  topP: number;
  minP: number;
  repetitionPenalty: number;
  presencePenalty: number;
  frequencyPenalty: number;
  penaltyWindow: number;
  biasIds: Int32Array;
  biasValues: Float32Array;
  topLogProbabilities: number;
}

export interface DrawnToken {
  id: number;
  /** Natural log under the model's own distribution: softmax of the raw logits, temperature 1. */
  logProbability: number;
  /** Probability under the filtered distribution it was drawn from. */
  probability: number;
  topIds: Int32Array;
  topLogProbabilities: Float64Array;
}

export interface NativeSampler {
  /** One draw. `history`: all ids so far, prompt included. `allowed`: bit i of word i/32 allows id i; null = all. Throws LabError codes as `code` on a JS Error. */
  sample(logits: Float32Array, history: Int32Array, allowed: Uint32Array | null): DrawnToken;
  /** The whole distribution a draw would use, ascending id; does not advance the generator. */
  probabilities(logits: Float32Array, history: Int32Array, allowed: Uint32Array | null): Float64Array;
  /** PCG32 state and increment as two unsigned 64-bit integers; for forks, saves and tests. */
  getState(): [bigint, bigint];
  setState(state: [bigint, bigint]): void;
}

export interface NativeAddon {
  readonly version: string;
  /** Every error code the C++ side knows, in order. */
  readonly statusCodes: readonly string[];
  Sampler: new (parameters: NativeSamplingParameters, seed: bigint) => NativeSampler;
  /** log-sum-exp, argmax and −log p(target) of each row (rows × V): the sums perplexity needs, in float64. */
  scoreRows(logits: Float32Array, vocabularySize: number, targets: Int32Array): {
    negativeLogProbability: Float64Array;
    argmax: Int32Array;
  };
  /** KL(reference ‖ model) in nats of each row, float64. */
  divergenceRows(reference: Float32Array, model: Float32Array, vocabularySize: number): Float64Array;
}

const addonPath = fileURLToPath(new URL('../../../build/native/retort.node', import.meta.url));
let loaded: NativeAddon | undefined;

/** Loads the addon once per process; the error says how to build it. */
export function nativeAddon(): NativeAddon {
  if (loaded) return loaded;
  if (!existsSync(addonPath)) {
    throw new LabError('engine-failed', 'The native addon is not built: run `npm run native`.', {
      file: 'build/native/retort.node',
    });
  }
  loaded = createRequire(import.meta.url)(addonPath) as NativeAddon;
  return loaded;
}
