/** Llama 1–3, Code Llama, SmolLM and others under the same names, and Mistral, which adds a sliding window (arXiv 2302.13971, 2310.06825). */
import { decoder, readActivation, readSizes, readWindow, rmsNorm } from './decoder.ts';
import type { Family, FamilyInput, FamilySpec } from './family.ts';
import type { HyperParameters } from './hyper-parameters.ts';
import { ggufNames, huggingFaceNames, onnxNames } from './name-tables.ts';
import { readRope } from './rope-scaling.ts';

const names = { huggingFace: huggingFaceNames, gguf: ggufNames, onnx: onnxNames };

function read(input: FamilyInput, windowByDefault: number | null): FamilySpec {
  const { h, tensors } = input;
  const sizes = readSizes(input);
  const window = readWindow(h, windowByDefault);
  return decoder({
    sizes,
    norm: rmsNorm(input),
    ropes: [readRope(h, tensors, { headDimension: sizes.headDimension, ggufStyle: 'pairs' })],
    activation: readActivation(h, 'hidden_act', 'silu'),
    attention: () => ({ window }),
  });
}

function biases(h: HyperParameters): string[] {
  if (h.isGguf) return [];
  return [
    ...(h.boolean('attention_bias', false) ? ['query', 'key', 'value', 'output'] : []),
    ...(h.boolean('mlp_bias', false) ? ['gate', 'up', 'down'] : []),
  ];
}

export const llama: Family = {
  name: 'llama',
  modelTypes: ['llama'],
  ggufArchitectures: ['llama'],
  tiesByDefault: false,
  biases,
  names,
  nestedDefaults: {
    hidden_size: 4096,
    intermediate_size: 11008,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    max_position_embeddings: 2048,
    vocab_size: 32000,
  },
  read: (input) => read(input, null),
};

export const mistral: Family = {
  name: 'mistral',
  modelTypes: ['mistral'],
  ggufArchitectures: [],
  tiesByDefault: false,
  names,
  nestedDefaults: {
    hidden_size: 4096,
    intermediate_size: 14336,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    num_key_value_heads: 8,
    max_position_embeddings: 131072,
    vocab_size: 32000,
  },
  // Absent means 4096 in transformers; later Mistrals say null.
  read: (input) => read(input, 4096),
};
