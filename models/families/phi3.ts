/** Phi-3, Phi-3.5-mini and Phi-4-mini (arXiv 2404.14219): fused q, k, v and fused gate, up; longrope. */
import { decoder, readActivation, readSizes, readWindow, rmsNorm } from './decoder.ts';
import type { Family } from './family.ts';
import { ggufNames, huggingFaceNames, onnxNames, type NameRule, type NameTable } from './name-tables.ts';
import { readRope } from './rope-scaling.ts';

/** GGUF calls the fused matrix by the name of `up` alone. */
const fusedUp: NameRule = { stem: 'ffn_up', rows: ['gate', 'up'] };
const phi3GgufNames: NameTable = {
  ...ggufNames,
  layer: { ...ggufNames.layer, gate: [fusedUp], up: [fusedUp] },
};

export const phi3: Family = {
  name: 'phi3',
  modelTypes: ['phi3'],
  ggufArchitectures: ['phi3'],
  tiesByDefault: false,
  names: { huggingFace: huggingFaceNames, gguf: phi3GgufNames, onnx: onnxNames },
  read: (input) => {
    const { h, tensors } = input;
    const sizes = readSizes(input);
    const window = readWindow(h, null);
    return decoder({
      sizes,
      norm: rmsNorm(input),
      ropes: [readRope(h, tensors, { headDimension: sizes.headDimension, ggufStyle: 'halves' })],
      activation: readActivation(h, 'hidden_act', 'silu'),
      attention: () => ({ window }),
    });
  },
};
