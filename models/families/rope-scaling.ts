/** Reads a model's rope: base, rotating width and scaling, from config.json (`rope_scaling`, or `rope_parameters` of transformers 5) or GGUF (`rope.*`). */
import type { ModelSource } from '../../electron/contract/model-source.ts';
import { positiveBounds, sizeBounds, type HyperParameters } from './hyper-parameters.ts';
import type { RopeSpec } from './model-spec.ts';
import { longropeMagnitude, scaleFrequencies, yarnMagnitude, type RopeScaling } from './rope.ts';

export interface RopeQuestion {
  readonly headDimension: number;
  /** How GGUF files of this architecture pair components; HF files always use halves. */
  readonly ggufStyle: RopeSpec['style'];
  /** Base where the file gives none. */
  readonly base?: number;
  /** transformers 5 keeps one set of parameters per layer type in some families. */
  readonly layerType?: string;
}

const factorBounds = { min: 1e-6, max: 1e6 };
const baseField = { config: 'rope_theta', gguf: 'rope.freq_base' };

/** The rope of a file's layers. Throws bad-file for numbers that make no frequencies, unsupported-feature for scalings not listed in rope.ts. */
export function readRope(h: HyperParameters, tensors: ModelSource['tensors'], asked: RopeQuestion): RopeSpec {
  const parameters = h.isGguf ? null : configParameters(h, asked.layerType);
  const base =
    parameters?.optionalNumber('rope_theta', positiveBounds) ??
    h.number(baseField, positiveBounds, asked.base ?? 10_000);
  const dimensions = h.isGguf
    ? h.integer('rope.dimension_count', sizeBounds, asked.headDimension)
    : rotatingWidth(h, parameters, asked.headDimension);
  if (dimensions > asked.headDimension || dimensions < 2 || dimensions % 2 !== 0) {
    throw h.fault(
      { config: 'partial_rotary_factor', gguf: 'rope.dimension_count' },
      `makes ${dimensions} of ${asked.headDimension} components rotate; an even number up to that is possible`,
    );
  }
  const scaling = h.isGguf ? ggufScaling(h, tensors) : configScaling(h, parameters, dimensions);
  return ropeFrom(h, base, dimensions, scaling, h.isGguf ? asked.ggufStyle : 'halves');
}

/** A rope from numbers already read; frequencies that are not positive finite numbers are refused. */
export function ropeFrom(
  h: HyperParameters,
  base: number,
  dimensions: number,
  scaling: RopeScaling,
  style: RopeSpec['style'],
): RopeSpec {
  if (scaling.kind === 'dynamic' && dimensions === 2) {
    throw h.fault({ config: 'rope_scaling', gguf: 'rope.scaling.type' }, 'is undefined for two components');
  }
  const frequencies = scaleFrequencies(base, dimensions, scaling);
  const lists =
    frequencies.kind === 'fixed'
      ? [frequencies.inverse]
      : frequencies.kind === 'byContext'
        ? [frequencies.short, frequencies.long]
        : [];
  if (!lists.flat().every((value) => Number.isFinite(value) && value > 0)) {
    throw h.fault(baseField, 'makes frequencies that are not positive finite numbers');
  }
  return { dimensions, style, frequencies, sections: null };
}

function configParameters(h: HyperParameters, layerType: string | undefined): HyperParameters | null {
  const parameters = h.nested('rope_parameters');
  if (!parameters) return h.nested('rope_scaling');
  return (layerType === undefined ? null : parameters.nested(layerType)) ?? parameters;
}

function rotatingWidth(h: HyperParameters, parameters: HyperParameters | null, width: number): number {
  const bounds = { min: 1e-3, max: 1 };
  const share =
    parameters?.optionalNumber('partial_rotary_factor', bounds) ??
    h.optionalNumber('partial_rotary_factor', bounds) ??
    1;
  return Math.trunc(width * share);
}

function configScaling(
  h: HyperParameters,
  parameters: HyperParameters | null,
  dimensions: number,
): RopeScaling {
  const type = parameters?.optionalString('rope_type') ?? parameters?.optionalString('type') ?? 'default';
  if (!parameters || type === 'default') return { kind: 'none' };
  const original = () =>
    parameters.optionalInteger('original_max_position_embeddings', sizeBounds) ??
    h.optionalInteger('original_max_position_embeddings', sizeBounds) ??
    h.integer('max_position_embeddings', sizeBounds);
  const factor = () => parameters.number('factor', factorBounds);
  switch (type) {
    case 'linear':
      return { kind: 'linear', factor: factor() };
    case 'dynamic':
      return { kind: 'dynamic', factor: factor(), original: original() };
    case 'llama3':
      return readLlama3(parameters);
    case 'yarn':
      return readYarn(h, parameters, original());
    case 'longrope':
    case 'su':
      return readLongrope(h, parameters, original(), dimensions);
    default:
      throw parameters.unsupported('rope_type', `the rope scaling "${type}"`);
  }
}

function readLlama3(parameters: HyperParameters): RopeScaling {
  const lowFactor = parameters.number('low_freq_factor', factorBounds);
  const highFactor = parameters.number('high_freq_factor', factorBounds);
  if (highFactor <= lowFactor) {
    throw parameters.fault('high_freq_factor', `is ${highFactor}, must exceed low_freq_factor ${lowFactor}`);
  }
  return {
    kind: 'llama3',
    factor: parameters.number('factor', factorBounds),
    lowFactor,
    highFactor,
    original: parameters.integer('original_max_position_embeddings', sizeBounds),
  };
}

function readYarn(h: HyperParameters, parameters: HyperParameters, original: number): RopeScaling {
  const context = h.integer('max_position_embeddings', sizeBounds);
  const factor = parameters.number('factor', factorBounds, context / original);
  const multiplier = parameters.optionalNumber('mscale', factorBounds);
  const allDimensions = parameters.optionalNumber('mscale_all_dim', factorBounds);
  const magnitude =
    multiplier && allDimensions
      ? yarnMagnitude(factor, multiplier) / yarnMagnitude(factor, allDimensions)
      : yarnMagnitude(factor);
  return {
    kind: 'yarn',
    factor,
    original,
    betaFast: parameters.number('beta_fast', factorBounds, 32),
    betaSlow: parameters.number('beta_slow', factorBounds, 1),
    truncate: parameters.boolean('truncate', true),
    magnitude: parameters.number('attention_factor', factorBounds, magnitude),
  };
}

function readLongrope(
  h: HyperParameters,
  parameters: HyperParameters,
  original: number,
  dimensions: number,
): RopeScaling {
  const list = (name: string) => {
    const numbers = parameters.optionalNumbers(name, dimensions / 2, factorBounds);
    if (!numbers) throw parameters.fault(name, 'is missing');
    return numbers;
  };
  // The contexts say the stretch where both are known; older files give `factor` alone.
  const context = h.integer('max_position_embeddings', sizeBounds);
  const stretched = context > original ? context : original * parameters.number('factor', factorBounds, 1);
  return {
    kind: 'longrope',
    original,
    factors: { short: list('short_factor'), long: list('long_factor') },
    magnitude: parameters.number('attention_factor', factorBounds, longropeMagnitude(stretched, original)),
  };
}

function ggufScaling(h: HyperParameters, tensors: ModelSource['tensors']): RopeScaling {
  const context = h.integer('context_length', sizeBounds);
  const original = h.integer('rope.scaling.original_context_length', sizeBounds, context);
  const attentionFactor = h.optionalNumber('rope.scaling.attn_factor', factorBounds);
  if (tensors.has('rope_factors_long.weight') && tensors.has('rope_factors_short.weight')) {
    const magnitude = attentionFactor ?? longropeMagnitude(context, original);
    return { kind: 'longrope', original, magnitude, factors: null };
  }
  if (tensors.has('rope_freqs.weight')) return { kind: 'weight' };
  const oldLinear = h.optionalNumber('rope.scale_linear', factorBounds);
  const type = h.optionalString('rope.scaling.type') ?? (oldLinear === null ? 'none' : 'linear');
  const factor = h.optionalNumber('rope.scaling.factor', factorBounds) ?? oldLinear ?? 1;
  switch (type) {
    case 'none':
      return { kind: 'none' };
    case 'linear':
      return { kind: 'linear', factor };
    case 'yarn':
      return {
        kind: 'yarn',
        factor,
        original,
        betaFast: h.number('rope.scaling.yarn_beta_fast', factorBounds, 32),
        betaSlow: h.number('rope.scaling.yarn_beta_slow', factorBounds, 1),
        truncate: true,
        magnitude: yarnMagnitude(factor) * (attentionFactor ?? 1),
      };
    default:
      throw h.unsupported('rope.scaling.type', `the rope scaling "${type}"`);
  }
}
