/** Qwen2 (biases on q, k, v), Qwen3 (norm of each head's q and k instead) and Qwen3-MoE (arXiv 2407.10671, 2505.09388). */
import {
  decoder,
  readActivation,
  readExperts,
  readSizes,
  readSlidingLayers,
  rmsNorm,
  type Sizes,
} from './decoder.ts';
import type { Family, FamilyInput, FamilySpec } from './family.ts';
import { countBounds, sizeBounds, type HyperParameters } from './hyper-parameters.ts';
import type { FeedForwardSpec } from './model-spec.ts';
import { ggufNames, huggingFaceNames, onnxNames } from './name-tables.ts';
import { readRope } from './rope-scaling.ts';

interface Variant {
  readonly headDimension?: number;
  readonly headNorm: boolean;
  readonly slides?: (layer: number) => boolean;
  readonly experts?: (layer: number) => FeedForwardSpec | null;
}

function read(input: FamilyInput, sizes: Sizes, variant: Variant): FamilySpec {
  const { h, tensors } = input;
  const norm = rmsNorm(input);
  const window = readQwenWindow(h);
  const sliding = readSlidingLayers(h, sizes.layers, variant.slides ?? (() => false));
  return decoder({
    sizes,
    norm,
    ropes: [readRope(h, tensors, { headDimension: sizes.headDimension, ggufStyle: 'halves' })],
    activation: readActivation(h, 'hidden_act', 'silu'),
    attention: (layer) => ({
      window: sliding[layer] ? window : null,
      queryKeyNorm: variant.headNorm ? { norm, over: 'head' } : null,
    }),
    ...(variant.experts && { experts: variant.experts }),
  });
}

/** The field counts only where `use_sliding_window` says so: many files hold one and do not use it. */
function readQwenWindow(h: HyperParameters): number | null {
  if (h.isGguf || !h.boolean('use_sliding_window', false)) return null;
  return h.optionalInteger('sliding_window', sizeBounds) ?? 4096;
}

/** Layers from `max_window_layers` on slide. */
function upperLayersSlide(h: HyperParameters): (layer: number) => boolean {
  const first = h.isGguf ? null : h.optionalInteger('max_window_layers', { min: 0, max: sizeBounds.max });
  return (layer) => layer >= (first ?? 28);
}

const attentionBiases = (h: HyperParameters) =>
  !h.isGguf && h.boolean('attention_bias', false) ? ['query', 'key', 'value', 'output'] : [];

const names = { huggingFace: huggingFaceNames, gguf: ggufNames, onnx: onnxNames };

export const qwen2: Family = {
  name: 'qwen2',
  modelTypes: ['qwen2'],
  ggufArchitectures: ['qwen2'],
  tiesByDefault: false,
  biases: () => ['query', 'key', 'value'],
  names,
  read: (input) => read(input, readSizes(input), { headNorm: false, slides: upperLayersSlide(input.h) }),
};

export const qwen3: Family = {
  name: 'qwen3',
  modelTypes: ['qwen3'],
  ggufArchitectures: ['qwen3'],
  tiesByDefault: false,
  biases: attentionBiases,
  names,
  read: (input) => read(input, readSizes(input, 128), { headNorm: true, slides: upperLayersSlide(input.h) }),
};

/** Which layers have experts: HF lists the dense ones, in GGUF a layer with a router has them. */
function sparseLayers({ h, tensors }: FamilyInput, layers: number): (layer: number) => boolean {
  if (h.isGguf) return (layer) => tensors.has(`blk.${layer}.ffn_gate_inp.weight`);
  const step = h.integer('decoder_sparse_step', sizeBounds, 1);
  const dense = new Set(h.optionalIntegers('mlp_only_layers', layers, { min: 0, max: sizeBounds.max }));
  return (layer) => !dense.has(layer) && (layer + 1) % step === 0;
}

export const qwen3Moe: Family = {
  name: 'qwen3_moe',
  modelTypes: ['qwen3_moe'],
  ggufArchitectures: ['qwen3moe'],
  tiesByDefault: false,
  biases: attentionBiases,
  names: { ...names, onnx: null },
  read: (input) => {
    const { h } = input;
    const sizes = readSizes(input);
    const count = {
      config: h.has('num_experts') ? 'num_experts' : 'num_local_experts',
      gguf: 'expert_count',
    };
    const size = { config: 'moe_intermediate_size', gguf: 'expert_feed_forward_length' };
    const isSparse = sparseLayers(input, sizes.layers);
    const noExperts = !h.isGguf && h.optionalInteger(count, { ...countBounds, min: 0 }) === 0;
    const experts = noExperts
      ? null
      : readExperts(h, { count, size, normalizeChosen: h.isGguf }, readActivation(h, 'hidden_act', 'silu'));
    return read(input, sizes, {
      headNorm: true,
      slides: () => true,
      experts: (layer) => (isSparse(layer) ? experts : null),
    });
  },
};
