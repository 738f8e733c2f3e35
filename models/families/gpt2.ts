/** GPT-2: learned positions, layer norms with biases, a plain GELU feed-forward; HF stores matrices [inputs, outputs] (Conv1D). */
import { noNorms, readActivation } from './decoder.ts';
import type { Family, FamilyInput, FamilySpec } from './family.ts';
import { countBounds, epsilonBounds, layerBounds, sizeBounds } from './hyper-parameters.ts';
import type { NormSpec } from './model-spec.ts';
import { ggufNames, type NameRule, type NameTable } from './name-tables.ts';

const conv1d = (stem: string): NameRule => ({ stem, transposed: true });
const attention: NameRule = { ...conv1d('attn.c_attn'), rows: ['query', 'key', 'value'] };

const gpt2Names: NameTable = {
  prefix: 'transformer.',
  model: {
    embedding: ['wte'],
    position_embedding: ['wpe'],
    final_norm: ['ln_f'],
    head: [{ stem: 'lm_head', outside: true }],
  },
  layerPrefix: 'h.{i}.',
  layer: {
    attention_input_norm: ['ln_1'],
    feed_forward_input_norm: ['ln_2'],
    query: [attention],
    key: [attention],
    value: [attention],
    output: [conv1d('attn.c_proj')],
    up: [conv1d('mlp.c_fc')],
    down: [conv1d('mlp.c_proj')],
  },
  experts: {},
  // The causal mask, which old checkpoints keep.
  ignored: /attn\.(masked_)?bias$/,
};

function read({ h, embeddingRows }: FamilyInput): FamilySpec {
  const width = h.integer({ config: 'n_embd', gguf: 'embedding_length' }, sizeBounds);
  const layers = h.integer({ config: 'n_layer', gguf: 'block_count' }, layerBounds);
  const headsField = { config: 'n_head', gguf: 'attention.head_count' };
  const heads = h.integer(headsField, countBounds);
  if (width % heads !== 0) throw h.fault(headsField, `is ${heads}, which does not divide the width ${width}`);
  const positions = h.integer({ config: 'n_positions', gguf: 'context_length' }, sizeBounds);
  const epsilon = h.number(
    { config: 'layer_norm_epsilon', gguf: 'attention.layer_norm_epsilon' },
    epsilonBounds,
    1e-5,
  );
  const norm: NormSpec = { kind: 'layer', epsilon, weightOffset: 0 };
  const size = h.integer({ config: 'n_inner', gguf: 'feed_forward_length' }, sizeBounds, 4 * width);
  const activation = readActivation(h, 'activation_function', 'gelu-tanh');
  const scale = h.isGguf || h.boolean('scale_attn_weights', true) ? (width / heads) ** -0.5 : 1;
  const byLayer = !h.isGguf && h.boolean('scale_attn_by_inverse_layer_idx', false);
  return {
    hiddenSize: width,
    vocabularySize: h.integer('vocab_size', sizeBounds, embeddingRows ?? undefined),
    contextLength: positions,
    embedding: { size: width, scale: 1, learnedPositions: { offset: 0, rows: positions } },
    ropes: [],
    layers: Array.from({ length: layers }, (_, layer) => ({
      kind: 'attention',
      norms: { ...noNorms, attentionInput: norm, feedForwardInput: norm },
      attention: {
        heads,
        keyValueHeads: heads,
        headDimension: width / heads,
        scale: byLayer ? scale / (layer + 1) : scale,
        window: null,
        softcap: null,
        rope: null,
        queryKeyNorm: null,
        clip: null,
      },
      feedForward: { kind: 'dense', size, gated: false, activation },
    })),
    finalNorm: norm,
    head: { softcap: null, scale: 1 },
  };
}

export const gpt2: Family = {
  name: 'gpt2',
  modelTypes: ['gpt2'],
  ggufArchitectures: ['gpt2'],
  tiesByDefault: true,
  biases: () => ['query', 'key', 'value', 'output', 'up', 'down'],
  names: { huggingFace: gpt2Names, gguf: ggufNames, onnx: null },
  read,
};
