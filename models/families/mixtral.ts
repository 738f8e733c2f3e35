/** Mixtral (arXiv 2401.04088): Mistral with experts whose chosen weights are divided by their sum. GGUF files call themselves llama. */
import { decoder, readActivation, readExperts, readSizes, readWindow, rmsNorm } from './decoder.ts';
import type { Family } from './family.ts';
import { ggufNames, huggingFaceNames } from './name-tables.ts';
import { readRope } from './rope-scaling.ts';

export const mixtral: Family = {
  name: 'mixtral',
  modelTypes: ['mixtral'],
  ggufArchitectures: ['llama'],
  takes: (h) => h.integer('expert_count', { min: 0, max: 65_536 }, 0) > 0,
  tiesByDefault: false,
  names: { huggingFace: huggingFaceNames, gguf: ggufNames, onnx: null },
  read: (input) => {
    const { h, tensors } = input;
    const sizes = readSizes(input);
    const window = readWindow(h, null);
    const activation = readActivation(h, 'hidden_act', 'silu');
    const experts = readExperts(
      h,
      {
        count: { config: 'num_local_experts', gguf: 'expert_count' },
        size: { config: 'intermediate_size', gguf: 'expert_feed_forward_length' },
        normalizeChosen: true,
      },
      activation,
    );
    return decoder({
      sizes,
      norm: rmsNorm(input),
      ropes: [
        readRope(h, tensors, {
          headDimension: sizes.headDimension,
          ggufStyle: 'pairs',
          base: h.isGguf ? 10_000 : 1e6,
        }),
      ],
      activation,
      attention: () => ({ window }),
      experts: () => experts,
    });
  },
};
