/** The models of `npm run bench:flash`: each about 2 GB as a file, more layers of the mixture where more is asked for. */
import type { MixtureShape } from '../models/random-mixture.ts';
import type { RandomType } from '../models/random-blocks.ts';
import { llama1b, type ModelShape } from '../models/shapes.ts';

export interface DenseCase {
  readonly shape: ModelShape;
  readonly type: RandomType;
}

/** The width of `llama-1b` and as many layers as make 1.8 GB. */
export const denseCases: readonly DenseCase[] = [
  { shape: { ...llama1b, name: 'llama-1.7b', layers: 26 }, type: 'Q8_0' },
  { shape: { ...llama1b, name: 'llama-2.6b', layers: 41 }, type: 'Q5_0' },
];

/**
 * Shares that give the hit rate told of Qwen3-30B-A3B: about three of four experts that are asked for are in a cache of a quarter of all. About a third
 * of a token's experts are those of the token before.
 */
export const trainedStream = { deviation: 2, constant: 0.18, drift: 0.25, persistence: 0.95 };

export interface MixtureCase {
  readonly shape: MixtureShape;
  readonly type: RandomType;
}

const common = {
  experts: 128,
  expertsUsed: 8,
  headDimension: 128,
  contextLength: 32_768,
  stream: trainedStream,
};

/** Half of Qwen3-30B-A3B's width in everything but the heads' dimension; 12 of its 48 layers have 2 GB of experts. */
export const halfWidth = (gigabytes: number): MixtureCase => ({
  shape: {
    ...common,
    name: `mixture-half-${gigabytes}g`,
    hidden: 1024,
    expertSize: 384,
    heads: 16,
    keyValueHeads: 2,
    layers: 6 * gigabytes,
  },
  type: 'Q8_0',
});

/** Six layers of Qwen3-30B-A3B as they are, 2 GB of experts of a type that llama.cpp repacks. */
export const fullWidth: MixtureCase = {
  shape: {
    ...common,
    name: 'mixture-full-2g',
    hidden: 2048,
    expertSize: 768,
    heads: 32,
    keyValueHeads: 4,
    layers: 6,
  },
  type: 'Q4_K',
};

/** For tests: 64 MB and less. */
export const tinyDense: ModelShape = {
  name: 'dense-tiny',
  hidden: 512,
  layers: 12,
  heads: 8,
  keyValueHeads: 4,
  headDimension: 64,
  feedForward: 1536,
  contextLength: 2048,
};

export const tinyMixture: MixtureShape = {
  ...common,
  name: 'mixture-tiny',
  hidden: 256,
  expertSize: 256,
  experts: 32,
  expertsUsed: 4,
  heads: 4,
  keyValueHeads: 2,
  headDimension: 64,
  layers: 4,
  contextLength: 2048,
};

/** What a count of uses is multiplied by with each token, as the engine has it: half is gone after 128. */
export const useDecay = 2 ** (-1 / 128);
