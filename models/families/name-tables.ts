/**
 * Canonical weight names → the names files use. A table is data: stems with placeholders {i} layer, {e} expert, {layers} number of
 * layers; `.weight` or `.bias` follows the stem.
 */

export interface NameRule {
  /** Stem in the file. */
  readonly stem: string;
  /** Stem of the bias where it differs. */
  readonly biasStem?: string;
  /** Nothing follows the stem. */
  readonly bare?: boolean;
  /** Several canonical weights lie in this one, one below the other, in this order. */
  readonly rows?: readonly string[];
  /** Plain weights are stored [inputs, outputs]. */
  readonly transposed?: boolean;
  /** All experts in one tensor [experts, rows, columns]. */
  readonly stacked?: boolean;
  /** Not below the table's prefix but beside it. */
  readonly outside?: boolean;
}

export type Names = Readonly<Record<string, readonly (string | NameRule)[]>>;

export interface NameTable {
  /** Where names start in an unwrapped file; wrappers put other prefixes before, found by the embedding's name. */
  readonly prefix: string;
  readonly model: Names;
  /** Stands before the names of layer {i}. */
  readonly layerPrefix: string;
  readonly layer: Names;
  readonly experts: Names;
  /** Names within a layer that hold no weight of the model. */
  readonly ignored: RegExp | null;
}

const qkvProjection: NameRule = { stem: 'self_attn.qkv_proj', rows: ['query', 'key', 'value'] };
const gateUpProjection: NameRule = { stem: 'mlp.gate_up_proj', rows: ['gate', 'up'] };
const gateUpExperts: NameRule = {
  stem: 'mlp.experts.gate_up_proj',
  bare: true,
  stacked: true,
  rows: ['gate', 'up'],
};

/** Llama's names in HF files, which most families took over. */
export const huggingFaceNames: NameTable = {
  prefix: 'model.',
  model: {
    embedding: ['embed_tokens'],
    final_norm: ['norm'],
    head: [{ stem: 'lm_head', outside: true }],
  },
  layerPrefix: 'layers.{i}.',
  layer: {
    attention_input_norm: ['input_layernorm'],
    feed_forward_input_norm: ['post_attention_layernorm'],
    query_norm: ['self_attn.q_norm'],
    key_norm: ['self_attn.k_norm'],
    query: ['self_attn.q_proj', qkvProjection],
    key: ['self_attn.k_proj', qkvProjection],
    value: ['self_attn.v_proj', qkvProjection],
    output: ['self_attn.o_proj'],
    gate: ['mlp.gate_proj', gateUpProjection],
    up: ['mlp.up_proj', gateUpProjection],
    down: ['mlp.down_proj'],
    router: ['mlp.gate', 'block_sparse_moe.gate'],
  },
  experts: {
    gate: ['mlp.experts.{e}.gate_proj', 'block_sparse_moe.experts.{e}.w1', gateUpExperts],
    up: ['mlp.experts.{e}.up_proj', 'block_sparse_moe.experts.{e}.w3', gateUpExperts],
    down: [
      'mlp.experts.{e}.down_proj',
      'block_sparse_moe.experts.{e}.w2',
      { stem: 'mlp.experts.down_proj', bare: true, stacked: true },
    ],
  },
  // A buffer of old checkpoints, and GPTQ's group numbers where they say nothing new.
  ignored: /rotary_emb\.inv_freq$|\.g_idx$/,
};

/** Gemma 2 and 3 norm what each sub-layer returns, so the same file names mean other norms. */
const sandwichNorms: Names = {
  attention_input_norm: ['input_layernorm'],
  attention_output_norm: ['post_attention_layernorm'],
  feed_forward_input_norm: ['pre_feedforward_layernorm'],
  feed_forward_output_norm: ['post_feedforward_layernorm'],
};

export const gemmaHuggingFaceNames: NameTable = {
  ...huggingFaceNames,
  layer: { ...huggingFaceNames.layer, ...sandwichNorms },
};

const ggufQkv: NameRule = { stem: 'attn_qkv', rows: ['query', 'key', 'value'] };
const ggufGateUpExperts: NameRule = { stem: 'ffn_gate_up_exps', stacked: true, rows: ['gate', 'up'] };

/** GGUF names are the same for every architecture. */
export const ggufNames: NameTable = {
  prefix: '',
  model: {
    embedding: ['token_embd'],
    position_embedding: ['position_embd'],
    final_norm: ['output_norm'],
    head: ['output'],
    rope_factors: ['rope_freqs'],
    rope_factors_short: ['rope_factors_short'],
    rope_factors_long: ['rope_factors_long'],
  },
  layerPrefix: 'blk.{i}.',
  layer: {
    attention_input_norm: ['attn_norm'],
    attention_output_norm: ['post_attention_norm'],
    feed_forward_input_norm: ['ffn_norm'],
    feed_forward_output_norm: ['post_ffw_norm'],
    query_norm: ['attn_q_norm'],
    key_norm: ['attn_k_norm'],
    query: ['attn_q', ggufQkv],
    key: ['attn_k', ggufQkv],
    value: ['attn_v', ggufQkv],
    output: ['attn_output'],
    gate: ['ffn_gate'],
    up: ['ffn_up'],
    down: ['ffn_down'],
    router: ['ffn_gate_inp'],
  },
  experts: {
    gate: [{ stem: 'ffn_gate_exps', stacked: true }, 'ffn_gate.{e}', ggufGateUpExperts],
    up: [{ stem: 'ffn_up_exps', stacked: true }, 'ffn_up.{e}', ggufGateUpExperts],
    down: [{ stem: 'ffn_down_exps', stacked: true }, 'ffn_down.{e}'],
  },
  ignored: /rope_freqs\.weight$/,
};

const matMul = (stem: string, rows?: readonly string[]): NameRule => ({
  stem: `${stem}.MatMul`,
  biasStem: `${stem}.Add`,
  transposed: true,
  ...(rows && { rows }),
});
const onnxQkv = matMul('attn.qkv_proj', ['query', 'key', 'value']);
const onnxGateUp = matMul('mlp.gate_up_proj', ['gate', 'up']);

/** Initializers of graphs that onnxruntime-genai's model builder writes. */
const builderNames: NameTable = {
  prefix: 'model.',
  model: {
    embedding: ['embed_tokens'],
    final_norm: ['layers.{layers}.final_norm_layernorm'],
    head: [{ ...matMul('lm_head'), outside: true }],
  },
  layerPrefix: 'layers.{i}.',
  layer: {
    attention_input_norm: ['input_layernorm'],
    feed_forward_input_norm: ['post_attention_layernorm'],
    query_norm: ['attn.q_norm.layernorm'],
    key_norm: ['attn.k_norm.layernorm'],
    query: [matMul('attn.q_proj'), onnxQkv],
    key: [matMul('attn.k_proj'), onnxQkv],
    value: [matMul('attn.v_proj'), onnxQkv],
    output: [matMul('attn.o_proj')],
    gate: [matMul('mlp.gate_proj'), onnxGateUp],
    up: [matMul('mlp.up_proj'), onnxGateUp],
    down: [matMul('mlp.down_proj')],
  },
  experts: {},
  ignored: /final_norm_layernorm\.weight$/,
};

/** The builder's names, and those of optimum's and transformers.js' quantized graphs, whose matrices are named after their nodes. */
export const onnxNames: NameTable = {
  ...builderNames,
  model: { ...builderNames.model, final_norm: [...builderNames.model['final_norm']!, 'norm'] },
  layer: {
    ...builderNames.layer,
    query_norm: [...builderNames.layer['query_norm']!, 'self_attn.q_norm'],
    key_norm: [...builderNames.layer['key_norm']!, 'self_attn.k_norm'],
    query: [...builderNames.layer['query']!, matMul('self_attn.q_proj')],
    key: [...builderNames.layer['key']!, matMul('self_attn.k_proj')],
    value: [...builderNames.layer['value']!, matMul('self_attn.v_proj')],
    output: [...builderNames.layer['output']!, matMul('self_attn.o_proj')],
  },
};

/** The builder adds the one that Gemma's norms lack; other exporters may not, so that only the builder's names count. */
export const gemmaOnnxNames: NameTable = {
  ...builderNames,
  layer: { ...builderNames.layer, ...sandwichNorms },
};
