/** Gemma 2 and the text model of Gemma 3 (arXiv 2408.00118, 2503.19786): norms on both sides of a sub-layer, alternating windows. */
import {
  decoder,
  readActivation,
  readSizes,
  readSlidingLayers,
  readWindow,
  rmsNorm,
  type Sizes,
} from './decoder.ts';
import type { Family, FamilyInput, FamilySpec } from './family.ts';
import { positiveBounds, sizeBounds, type HyperParameters } from './hyper-parameters.ts';
import { gemmaHuggingFaceNames, gemmaOnnxNames, ggufNames } from './name-tables.ts';
import { readRope, ropeFrom } from './rope-scaling.ts';

const names = { huggingFace: gemmaHuggingFaceNames, gguf: ggufNames, onnx: gemmaOnnxNames };
const scalarBounds = { min: 1e-6, max: 1e9 };
const attentionBiases = (h: HyperParameters) =>
  !h.isGguf && h.boolean('attention_bias', false) ? ['query', 'key', 'value', 'output'] : [];

const gemmaNorm = (input: FamilyInput) => rmsNorm(input, input.normsMinusOne ? 1 : 0);

/**
 * Scores are divided by the root of `query_pre_attn_scalar`. GGUF has no such field: it is the head's width, except in the 27B
 * models, known by their number of layers as in llama.cpp, where it is the hidden size per head.
 */
function readScale(h: HyperParameters, sizes: Sizes, layersOf27b: number): number {
  const perHead = sizes.hiddenSize / sizes.heads[0]!;
  const scalar = h.isGguf
    ? sizes.layers === layersOf27b
      ? perHead
      : sizes.headDimension
    : h.number('query_pre_attn_scalar', scalarBounds, 256);
  return scalar ** -0.5;
}

/** A soft cap; null in config.json switches it off, absence means the family's default. */
function readSoftcap(h: HyperParameters, name: string, byDefault: number | null): number | null {
  if (!h.isGguf && h.isNull(name)) return null;
  return h.optionalNumber(name, scalarBounds) ?? byDefault;
}

function gemmaActivation(h: HyperParameters) {
  return readActivation(
    h,
    h.has({ config: 'hidden_activation' }) ? 'hidden_activation' : 'hidden_act',
    'gelu-tanh',
  );
}

function readGemma2(input: FamilyInput): FamilySpec {
  const { h, tensors } = input;
  const sizes = readSizes(input, 256);
  const window = readWindow(h, 4096);
  const sliding = readSlidingLayers(h, sizes.layers, (layer) => layer % 2 === 0);
  const scale = readScale(h, sizes, 46);
  const softcap = readSoftcap(h, 'attn_logit_softcapping', 50);
  return decoder({
    sizes,
    norm: gemmaNorm(input),
    sandwich: true,
    ropes: [readRope(h, tensors, { headDimension: sizes.headDimension, ggufStyle: 'halves' })],
    activation: gemmaActivation(h),
    attention: (layer) => ({ scale, softcap, window: sliding[layer] ? window : null }),
    // HF rounds the root to the model's type (bfloat16 in the published files); computed in float32 it stays exact.
    embeddingScale: Math.sqrt(sizes.hiddenSize),
    headSoftcap: readSoftcap(h, 'final_logit_softcapping', 30),
  });
}

export const gemma2: Family = {
  name: 'gemma2',
  modelTypes: ['gemma2'],
  ggufArchitectures: ['gemma2'],
  tiesByDefault: true,
  biases: attentionBiases,
  names,
  read: readGemma2,
};

/** Every sixth layer sees all of the past, the others a window. */
function readGemma3Sliding(h: HyperParameters, layers: number): readonly boolean[] {
  const field = {
    config: h.has('sliding_window_pattern') ? 'sliding_window_pattern' : '_sliding_window_pattern',
    gguf: 'attention.sliding_window_pattern',
  };
  const flags = h.isGguf ? h.optionalFlags(field, layers) : null;
  if (flags) return flags;
  const pattern = h.integer(field, sizeBounds, 6);
  return readSlidingLayers(h, layers, (layer) => (layer + 1) % pattern !== 0);
}

/** Rope 0 for layers that see everything, rope 1 for sliding ones: a small base, never scaled. */
function readGemma3Ropes({ h, tensors }: FamilyInput, headDimension: number) {
  const asked = { headDimension, ggufStyle: 'halves' as const };
  const everywhere = readRope(h, tensors, { ...asked, base: 1e6, layerType: 'full_attention' });
  const perType = h.isGguf ? null : h.nested('rope_parameters')?.nested('sliding_attention');
  if (perType) return [everywhere, readRope(h, tensors, { ...asked, layerType: 'sliding_attention' })];
  const base = h.number(
    { config: 'rope_local_base_freq', gguf: 'rope.freq_base_swa' },
    positiveBounds,
    10_000,
  );
  return [everywhere, ropeFrom(h, base, everywhere.dimensions, { kind: 'none' }, 'halves')];
}

function readGemma3(input: FamilyInput): FamilySpec {
  const { h } = input;
  if (!h.isGguf && h.boolean('use_bidirectional_attention', false)) {
    throw h.unsupported('use_bidirectional_attention', 'attention to what follows');
  }
  const sizes = readSizes(input, 256);
  const norm = gemmaNorm(input);
  const window = readWindow(h, 4096);
  const sliding = readGemma3Sliding(h, sizes.layers);
  const scale = readScale(h, sizes, 62);
  const softcap = readSoftcap(h, 'attn_logit_softcapping', null);
  return decoder({
    sizes,
    norm,
    sandwich: true,
    ropes: readGemma3Ropes(input, sizes.headDimension),
    activation: gemmaActivation(h),
    attention: (layer) => ({
      scale,
      softcap,
      queryKeyNorm: { norm, over: 'head' },
      window: sliding[layer] ? window : null,
      rope: sliding[layer] ? 1 : 0,
    }),
    embeddingScale: Math.sqrt(sizes.hiddenSize),
    headSoftcap: readSoftcap(h, 'final_logit_softcapping', null),
  });
}

export const gemma3: Family = {
  name: 'gemma3',
  modelTypes: ['gemma3_text'],
  ggufArchitectures: ['gemma3'],
  tiesByDefault: true,
  biases: attentionBiases,
  names,
  nestedDefaults: {
    num_attention_heads: 8,
    num_key_value_heads: 4,
    head_dim: 256,
    max_position_embeddings: 131072,
  },
  read: readGemma3,
};
