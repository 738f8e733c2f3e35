/** OLMoE (arXiv 2409.02060): experts without renormalising, q and k normed over their whole width before the split into heads. */
import { decoder, readActivation, readExperts, readSizes, rmsNorm } from './decoder.ts';
import type { Family } from './family.ts';
import { ggufNames, huggingFaceNames } from './name-tables.ts';
import { readRope } from './rope-scaling.ts';

export const olmoe: Family = {
  name: 'olmoe',
  modelTypes: ['olmoe'],
  ggufArchitectures: ['olmoe'],
  tiesByDefault: false,
  biases: (h) => (!h.isGguf && h.boolean('attention_bias', false) ? ['query', 'key', 'value', 'output'] : []),
  names: { huggingFace: huggingFaceNames, gguf: ggufNames, onnx: null },
  read: (input) => {
    const { h, tensors } = input;
    const sizes = readSizes(input);
    const norm = rmsNorm(input);
    const activation = readActivation(h, 'hidden_act', 'silu');
    const clip = h.optionalNumber(
      { config: 'clip_qkv', gguf: 'attention.clamp_kqv' },
      { min: 1e-6, max: 1e9 },
    );
    const experts = readExperts(
      h,
      {
        count: { config: 'num_experts', gguf: 'expert_count' },
        size: { config: 'intermediate_size', gguf: 'expert_feed_forward_length' },
        normalizeChosen: false,
      },
      activation,
    );
    return decoder({
      sizes,
      norm,
      ropes: [readRope(h, tensors, { headDimension: sizes.headDimension, ggufStyle: 'halves' })],
      activation,
      attention: () => ({ clip, queryKeyNorm: { norm, over: 'projection' } }),
      experts: () => experts,
    });
  },
};
