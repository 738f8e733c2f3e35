/** The decoder most families share: norms before (and after) attention and a gated feed-forward, rotary positions, optional experts. */
import type { FamilyInput, FamilySpec } from './family.ts';
import {
  countBounds,
  epsilonBounds,
  layerBounds,
  sizeBounds,
  type Field,
  type HyperParameters,
} from './hyper-parameters.ts';
import type {
  Activation,
  AttentionSpec,
  FeedForwardSpec,
  LayerNorms,
  NormSpec,
  RopeSpec,
} from './model-spec.ts';

export interface Sizes {
  readonly hiddenSize: number;
  readonly vocabularySize: number;
  readonly contextLength: number;
  readonly layers: number;
  /** Per layer. */
  readonly heads: readonly number[];
  readonly keyValueHeads: readonly number[];
  readonly headDimension: number;
  /** Inner width of the dense feed-forward, per layer. */
  readonly feedForward: readonly number[];
}

const headDimensionField = { config: 'head_dim', gguf: 'attention.key_length' };

/** Sizes under the names that llama-like families share. Throws bad-file where they contradict each other. */
export function readSizes({ h, embeddingRows }: FamilyInput, headDimension?: number): Sizes {
  const hiddenSize = h.integer({ config: 'hidden_size', gguf: 'embedding_length' }, sizeBounds);
  const layers = h.integer({ config: 'num_hidden_layers', gguf: 'block_count' }, layerBounds);
  const heads = h.integerPerLayer(
    { config: 'num_attention_heads', gguf: 'attention.head_count' },
    layers,
    countBounds,
  );
  const keyValueField = { config: 'num_key_value_heads', gguf: 'attention.head_count_kv' };
  const keyValueHeads = h.integerPerLayer(keyValueField, layers, countBounds, heads);
  const odd = heads.findIndex((count, i) => count % keyValueHeads[i]! !== 0);
  if (odd >= 0) throw h.fault(keyValueField, `is ${keyValueHeads[odd]}, which does not divide ${heads[odd]}`);
  return {
    hiddenSize,
    layers,
    heads,
    keyValueHeads,
    headDimension: readHeadDimension(h, hiddenSize, heads, headDimension),
    feedForward: h.integerPerLayer(
      { config: 'intermediate_size', gguf: 'feed_forward_length' },
      layers,
      sizeBounds,
    ),
    vocabularySize: h.integer('vocab_size', sizeBounds, embeddingRows ?? undefined),
    contextLength: h.integer({ config: 'max_position_embeddings', gguf: 'context_length' }, sizeBounds),
  };
}

function readHeadDimension(
  h: HyperParameters,
  hiddenSize: number,
  heads: readonly number[],
  byDefault: number | undefined,
): number {
  const dimension =
    h.optionalInteger(headDimensionField, countBounds) ??
    (h.isGguf ? undefined : byDefault) ??
    hiddenSize / heads[0]!;
  if (!Number.isInteger(dimension)) {
    throw h.fault(
      headDimensionField,
      `is missing, and ${heads[0]} heads do not divide the width ${hiddenSize}`,
    );
  }
  const value = h.optionalInteger({ gguf: 'attention.value_length' }, countBounds);
  if (value !== null && value !== dimension) {
    throw h.unsupported(
      'attention.value_length',
      `a value width of ${value} beside a key width of ${dimension}`,
    );
  }
  return dimension;
}

export function rmsNorm({ h }: FamilyInput, weightOffset: 0 | 1 = 0): NormSpec {
  const field = { config: 'rms_norm_eps', gguf: 'attention.layer_norm_rms_epsilon' };
  return {
    kind: 'rms',
    epsilon: h.number(field, epsilonBounds, h.isGguf ? undefined : 1e-6),
    weightOffset,
  };
}

const activations: Readonly<Record<string, Activation>> = {
  silu: 'silu',
  swish: 'silu',
  relu: 'relu',
  gelu: 'gelu',
  gelu_new: 'gelu-tanh',
  gelu_fast: 'gelu-tanh',
  gelu_pytorch_tanh: 'gelu-tanh',
};

/** The activation config.json names; GGUF leaves it to the family. */
export function readActivation(h: HyperParameters, field: string, family: Activation): Activation {
  const name = h.isGguf ? null : h.optionalString(field);
  if (name === null) return family;
  const found = Object.hasOwn(activations, name) ? activations[name] : undefined;
  if (!found) throw h.unsupported(field, `the activation "${name}"`);
  return found;
}

export const noNorms: LayerNorms = {
  attentionInput: null,
  attentionOutput: null,
  attentionResidual: null,
  feedForwardInput: null,
  feedForwardOutput: null,
  feedForwardResidual: null,
};

export interface DecoderChoices {
  readonly sizes: Sizes;
  readonly norm: NormSpec;
  /** Also norm what attention and feed-forward return. */
  readonly sandwich?: boolean;
  readonly ropes: readonly RopeSpec[];
  readonly activation: Activation;
  /** What differs from full attention with rope 0 and scale 1/√headDimension. */
  readonly attention?: (layer: number) => Partial<AttentionSpec>;
  /** null: the dense feed-forward. */
  readonly experts?: (layer: number) => FeedForwardSpec | null;
  readonly embeddingScale?: number;
  readonly headSoftcap?: number | null;
}

/** One resolved layer per index from sizes and the family's choices. */
export function decoder(choices: DecoderChoices): FamilySpec {
  const { sizes, norm, activation } = choices;
  const afterwards = choices.sandwich ? norm : null;
  const norms: LayerNorms = {
    ...noNorms,
    attentionInput: norm,
    attentionOutput: afterwards,
    feedForwardInput: norm,
    feedForwardOutput: afterwards,
  };
  return {
    hiddenSize: sizes.hiddenSize,
    vocabularySize: sizes.vocabularySize,
    contextLength: sizes.contextLength,
    embedding: { size: sizes.hiddenSize, scale: choices.embeddingScale ?? 1, learnedPositions: null },
    ropes: choices.ropes,
    layers: sizes.heads.map((heads, layer) => ({
      kind: 'attention',
      norms,
      attention: {
        heads,
        keyValueHeads: sizes.keyValueHeads[layer]!,
        headDimension: sizes.headDimension,
        scale: sizes.headDimension ** -0.5,
        window: null,
        softcap: null,
        rope: 0,
        queryKeyNorm: null,
        clip: null,
        ...choices.attention?.(layer),
      },
      feedForward: choices.experts?.(layer) ?? {
        kind: 'dense',
        size: sizes.feedForward[layer]!,
        gated: true,
        activation,
      },
    })),
    finalNorm: norm,
    head: { softcap: choices.headSoftcap ?? null, scale: 1 },
  };
}

const slidingField = { config: 'sliding_window', gguf: 'attention.sliding_window' };

/** The window's length where the file has one; `byDefault` where it says nothing, config.json's null means none. */
export function readWindow(h: HyperParameters, byDefault: number | null): number | null {
  if (!h.isGguf && h.isNull('sliding_window')) return null;
  return h.optionalInteger(slidingField, sizeBounds) ?? byDefault;
}

/** Which layers slide: config.json's `layer_types`, else the family's own rule. */
export function readSlidingLayers(
  h: HyperParameters,
  layers: number,
  rule: (layer: number) => boolean,
): boolean[] {
  const types = h.isGguf ? null : h.optionalStrings('layer_types', layers);
  if (!types) return Array.from({ length: layers }, (_, layer) => rule(layer));
  return types.map((type) => {
    if (type !== 'sliding_attention' && type !== 'full_attention') {
      throw h.unsupported('layer_types', `the layer type "${type}"`);
    }
    return type === 'sliding_attention';
  });
}

export interface ExpertFields {
  readonly count: Field;
  readonly size: Field;
  readonly normalizeChosen: boolean;
}

/** Experts of one size in every layer; `expert_weights_norm` and `norm_topk_prob` overrule the family. */
export function readExperts(
  h: HyperParameters,
  fields: ExpertFields,
  activation: Activation,
): FeedForwardSpec {
  const count = h.integer(fields.count, countBounds);
  const usedField = { config: 'num_experts_per_tok', gguf: 'expert_used_count' };
  const used = h.integer(usedField, countBounds);
  if (used > count) throw h.fault(usedField, `is ${used}, more than the ${count} experts`);
  refuseOtherRouters(h);
  return {
    kind: 'experts',
    count,
    used,
    size: expertSize(h, fields.size),
    activation,
    normalizeChosen: h.boolean(
      { config: 'norm_topk_prob', gguf: 'expert_weights_norm' },
      fields.normalizeChosen,
    ),
  };
}

function expertSize(h: HyperParameters, field: Field): number {
  const feedForward = { gguf: 'feed_forward_length' };
  return h.optionalInteger(field, sizeBounds) ?? h.integer(h.isGguf ? feedForward : field, sizeBounds);
}

function refuseOtherRouters(h: HyperParameters): void {
  const only = (name: string, values: readonly number[], what: string) => {
    const found = h.optionalNumber({ gguf: name }, { min: 0, max: 1e6 });
    if (found !== null && !values.includes(found)) throw h.unsupported(name, what);
  };
  only('expert_gating_func', [1], 'a router that is not a softmax');
  // llama.cpp reads 0 as "no scale".
  only('expert_weights_scale', [0, 1], 'a scale on expert weights');
  only('expert_shared_count', [0], 'a shared expert');
}
