/** OPT (arXiv 2205.01068): learned positions counted from 2, ReLU; the 350m model norms after the sum and embeds in a narrower space. */
import { noNorms, readActivation } from './decoder.ts';
import type { Family, FamilyInput, FamilySpec } from './family.ts';
import { countBounds, layerBounds, sizeBounds, type HyperParameters } from './hyper-parameters.ts';
import type { LayerNorms, NormSpec } from './model-spec.ts';
import type { NameTable } from './name-tables.ts';

const norm: NormSpec = { kind: 'layer', epsilon: 1e-5, weightOffset: 0 };
/** Two rows of the position table stand before position 0. */
const positionOffset = 2;

const optNames: NameTable = {
  prefix: 'model.decoder.',
  model: {
    embedding: ['embed_tokens'],
    embedding_in: ['project_in'],
    position_embedding: ['embed_positions'],
    embedding_out: ['project_out'],
    final_norm: ['final_layer_norm'],
    head: [{ stem: 'lm_head', outside: true }],
  },
  layerPrefix: 'layers.{i}.',
  layer: {
    attention_input_norm: ['self_attn_layer_norm'],
    attention_residual_norm: ['self_attn_layer_norm'],
    feed_forward_input_norm: ['final_layer_norm'],
    feed_forward_residual_norm: ['final_layer_norm'],
    query: ['self_attn.q_proj'],
    key: ['self_attn.k_proj'],
    value: ['self_attn.v_proj'],
    output: ['self_attn.out_proj'],
    up: ['fc1'],
    down: ['fc2'],
  },
  experts: {},
  ignored: null,
};

function read({ h, embeddingRows }: FamilyInput): FamilySpec {
  if (!h.boolean('layer_norm_elementwise_affine', true)) {
    throw h.unsupported('layer_norm_elementwise_affine', 'a norm without weights');
  }
  const width = h.integer('hidden_size', sizeBounds);
  const layers = h.integer('num_hidden_layers', layerBounds);
  const heads = h.integer('num_attention_heads', countBounds);
  if (width % heads !== 0) {
    throw h.fault('num_attention_heads', `is ${heads}, which does not divide the width ${width}`);
  }
  const positions = h.integer('max_position_embeddings', sizeBounds);
  const before = h.boolean('do_layer_norm_before', true);
  const norms: LayerNorms = before
    ? { ...noNorms, attentionInput: norm, feedForwardInput: norm }
    : { ...noNorms, attentionResidual: norm, feedForwardResidual: norm };
  const headDimension = width / heads;
  return {
    hiddenSize: width,
    vocabularySize: h.integer('vocab_size', sizeBounds, embeddingRows ?? undefined),
    contextLength: positions,
    embedding: {
      size: h.integer('word_embed_proj_dim', sizeBounds, width),
      scale: 1,
      learnedPositions: { offset: positionOffset, rows: positions + positionOffset },
    },
    ropes: [],
    layers: Array.from({ length: layers }, () => ({
      kind: 'attention',
      norms,
      attention: {
        heads,
        keyValueHeads: heads,
        headDimension,
        scale: headDimension ** -0.5,
        window: null,
        softcap: null,
        rope: null,
        queryKeyNorm: null,
        clip: null,
      },
      feedForward: {
        kind: 'dense',
        size: h.integer('ffn_dim', sizeBounds),
        gated: false,
        activation: readActivation(h, 'activation_function', 'relu'),
      },
    })),
    finalNorm: before && !h.boolean('_remove_final_layer_norm', false) ? norm : null,
    head: { softcap: null, scale: 1 },
  };
}

const everyBias = ['query', 'key', 'value', 'output', 'up', 'down'];

export const opt: Family = {
  name: 'opt',
  modelTypes: ['opt'],
  ggufArchitectures: [],
  tiesByDefault: true,
  biases: (h: HyperParameters) => (h.boolean('enable_bias', true) ? everyBias : []),
  names: { huggingFace: optNames, gguf: null, onnx: null },
  read,
};
