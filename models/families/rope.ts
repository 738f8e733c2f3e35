/**
 * Rotary positions as numbers: the inverse frequencies of every known scaling, in float64. Su et al. 2021 (arXiv 2104.09864) for
 * rope itself; the scalings as transformers' modeling_rope_utils and llama.cpp compute them.
 */
import type { RopeFrequencies, RopeSpec } from './model-spec.ts';

/** How a model's file stretches its positions, read but not yet resolved. */
export type RopeScaling =
  | { readonly kind: 'none' }
  | { readonly kind: 'linear'; readonly factor: number }
  | { readonly kind: 'dynamic'; readonly factor: number; readonly original: number }
  | {
      readonly kind: 'llama3';
      readonly factor: number;
      readonly lowFactor: number;
      readonly highFactor: number;
      readonly original: number;
    }
  | {
      readonly kind: 'yarn';
      readonly factor: number;
      readonly original: number;
      readonly betaFast: number;
      readonly betaSlow: number;
      /** Round the ends of the ramp to whole components. */
      readonly truncate: boolean;
      readonly magnitude: number;
    }
  | {
      readonly kind: 'longrope';
      readonly original: number;
      readonly magnitude: number;
      /** One per frequency; null: they lie in tensors of the file. */
      readonly factors: { readonly short: readonly number[]; readonly long: readonly number[] } | null;
    }
  /** One factor per frequency, in a tensor of the file. */
  | { readonly kind: 'weight' };

/** Inverse frequencies base^(−2i/dimensions), i < dimensions/2. */
export function inverseFrequencies(base: number, dimensions: number): number[] {
  return Array.from({ length: dimensions / 2 }, (_, i) => base ** ((-2 * i) / dimensions));
}

/** The frequencies of a rope with the given base and scaling. */
export function scaleFrequencies(base: number, dimensions: number, scaling: RopeScaling): RopeFrequencies {
  const inverse = inverseFrequencies(base, dimensions);
  switch (scaling.kind) {
    case 'none':
      return { kind: 'fixed', inverse, magnitude: 1 };
    case 'linear':
      return { kind: 'fixed', inverse: inverse.map((value) => value / scaling.factor), magnitude: 1 };
    case 'dynamic':
      return { kind: 'dynamic', base, factor: scaling.factor, original: scaling.original };
    case 'llama3':
      return { kind: 'fixed', inverse: inverse.map((value) => llama3(value, scaling)), magnitude: 1 };
    case 'yarn':
      return { kind: 'fixed', inverse: yarn(base, inverse, scaling), magnitude: scaling.magnitude };
    case 'longrope':
      return longrope(inverse, scaling);
    case 'weight':
      return { kind: 'fixed', inverse, magnitude: 1, factorsWeight: 'rope_factors.weight' };
  }
}

/** Long waves are slowed by `factor`, short ones kept, those between mixed (Llama 3.1). */
function llama3(inverse: number, scaling: Extract<RopeScaling, { kind: 'llama3' }>): number {
  const { factor, lowFactor, highFactor, original } = scaling;
  const wavelength = (2 * Math.PI) / inverse;
  if (wavelength < original / highFactor) return inverse;
  if (wavelength > original / lowFactor) return inverse / factor;
  const smooth = (original / wavelength - lowFactor) / (highFactor - lowFactor);
  return ((1 - smooth) * inverse) / factor + smooth * inverse;
}

/** A ramp over the components from kept to slowed by `factor` (Peng et al. 2023, arXiv 2309.00071). */
function yarn(
  base: number,
  inverse: readonly number[],
  scaling: Extract<RopeScaling, { kind: 'yarn' }>,
): number[] {
  const { low, high } = yarnRange(base, 2 * inverse.length, scaling);
  return inverse.map((value, i) => {
    const slowed = Math.min(1, Math.max(0, (i - low) / (high - low)));
    return (value / scaling.factor) * slowed + value * (1 - slowed);
  });
}

/** The components between which yarn's ramp runs: those that turn betaFast and betaSlow times over the original context. */
export function yarnRange(
  base: number,
  dimensions: number,
  scaling: Pick<Extract<RopeScaling, { kind: 'yarn' }>, 'original' | 'betaFast' | 'betaSlow' | 'truncate'>,
): { low: number; high: number } {
  const component = (turns: number) =>
    (dimensions * Math.log(scaling.original / (turns * 2 * Math.PI))) / (2 * Math.log(base));
  const [fast, slow] = [component(scaling.betaFast), component(scaling.betaSlow)];
  const low = Math.max(0, scaling.truncate ? Math.floor(fast) : fast);
  const high = Math.min(dimensions - 1, scaling.truncate ? Math.ceil(slow) : slow);
  return { low, high: high === low ? high + 0.001 : high };
}

/** The factor yarn multiplies onto cos and sin, for a context stretched by `factor`. */
export function yarnMagnitude(factor: number, multiplier = 1): number {
  return factor <= 1 ? 1 : 0.1 * multiplier * Math.log(factor) + 1;
}

function longrope(
  inverse: readonly number[],
  scaling: Extract<RopeScaling, { kind: 'longrope' }>,
): RopeFrequencies {
  const { original, magnitude, factors } = scaling;
  if (!factors) {
    return {
      kind: 'byContext',
      original,
      magnitude,
      short: inverse,
      long: inverse,
      shortFactorsWeight: 'rope_factors_short.weight',
      longFactorsWeight: 'rope_factors_long.weight',
    };
  }
  const divide = (by: readonly number[]) => inverse.map((value, i) => value / by[i]!);
  return { kind: 'byContext', original, magnitude, short: divide(factors.short), long: divide(factors.long) };
}

/** LongRoPE's factor on cos and sin for a context stretched from `original` to `context` (Ding et al. 2024, arXiv 2402.13753). */
export function longropeMagnitude(context: number, original: number): number {
  const factor = context / original;
  return factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(original));
}

/** Dynamic NTK: the base that a session of `context` positions uses. */
export function dynamicBase(
  frequencies: Pick<Extract<RopeFrequencies, { kind: 'dynamic' }>, 'base' | 'factor' | 'original'>,
  dimensions: number,
  context: number,
): number {
  const { base, factor, original } = frequencies;
  if (context <= original) return base;
  return base * ((factor * context) / original - (factor - 1)) ** (dimensions / (dimensions - 2));
}

/**
 * What a session that may hold `context` positions rotates by: inverse frequencies (dimensions/2), the factor on cos and sin, and
 * the canonical weight whose values divide the inverse frequencies, if any.
 */
export function frequenciesForContext(
  rope: RopeSpec,
  context: number,
): { inverse: readonly number[]; magnitude: number; factorsWeight: string | null } {
  const { frequencies } = rope;
  switch (frequencies.kind) {
    case 'fixed': {
      const { inverse, magnitude, factorsWeight = null } = frequencies;
      return { inverse, magnitude, factorsWeight };
    }
    case 'byContext': {
      const { magnitude, shortFactorsWeight = null, longFactorsWeight = null } = frequencies;
      return context > frequencies.original
        ? { inverse: frequencies.long, magnitude, factorsWeight: longFactorsWeight }
        : { inverse: frequencies.short, magnitude, factorsWeight: shortFactorsWeight };
    }
    case 'dynamic': {
      const base = dynamicBase(frequencies, rope.dimensions, context);
      return { inverse: inverseFrequencies(base, rope.dimensions), magnitude: 1, factorsWeight: null };
    }
  }
}
