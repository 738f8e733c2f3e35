/** Mamba and Mamba-2 (arXiv 2312.00752, 2405.21060): layers that keep a state instead of a cache. */
import type { Family, FamilyInput, FamilySpec } from './family.ts';
import {
  countBounds,
  epsilonBounds,
  layerBounds,
  sizeBounds,
  type HyperParameters,
} from './hyper-parameters.ts';
import type { NormSpec, StateSpaceLayerSpec } from './model-spec.ts';
import type { NameTable } from './name-tables.ts';

const huggingFace: NameTable = {
  prefix: 'backbone.',
  model: {
    embedding: ['embeddings', 'embedding'],
    final_norm: ['norm_f'],
    head: [{ stem: 'lm_head', outside: true }],
  },
  layerPrefix: 'layers.{i}.',
  layer: {
    norm: ['norm'],
    in: ['mixer.in_proj'],
    convolution: ['mixer.conv1d'],
    x: ['mixer.x_proj'],
    time_step: ['mixer.dt_proj'],
    a_log: [{ stem: 'mixer.A_log', bare: true }],
    d: [{ stem: 'mixer.D', bare: true }],
    gate_norm: ['mixer.norm'],
    out: ['mixer.out_proj'],
  },
  experts: {},
  ignored: null,
};

/** Mamba-2 has a bias of the time step and no projection. */
const huggingFace2: NameTable = {
  ...huggingFace,
  layer: { ...huggingFace.layer, time_step: [{ stem: 'mixer.dt_bias', bare: true }] },
};

const gguf: NameTable = {
  prefix: '',
  model: { embedding: ['token_embd'], final_norm: ['output_norm'], head: ['output'] },
  layerPrefix: 'blk.{i}.',
  layer: {
    norm: ['attn_norm'],
    in: ['ssm_in'],
    convolution: ['ssm_conv1d'],
    x: ['ssm_x'],
    time_step: ['ssm_dt'],
    a: [{ stem: 'ssm_a', bare: true }],
    d: [{ stem: 'ssm_d', bare: true }],
    gate_norm: ['ssm_norm'],
    out: ['ssm_out'],
  },
  experts: {},
  ignored: null,
};

/** No position is ever embedded; llama.cpp's converter writes this number. */
const contextByDefault = 2 ** 20;

function read(input: FamilyInput, block: (norm: NormSpec, width: number) => StateSpaceLayerSpec): FamilySpec {
  const { h, embeddingRows } = input;
  if (!h.isGguf && (h.optionalString('hidden_act') ?? 'silu') !== 'silu') {
    throw h.unsupported('hidden_act', `the activation "${h.optionalString('hidden_act')}"`);
  }
  const width = h.integer({ config: 'hidden_size', gguf: 'embedding_length' }, sizeBounds);
  const layers = h.integer({ config: 'num_hidden_layers', gguf: 'block_count' }, layerBounds);
  const epsilonField = { config: 'layer_norm_epsilon', gguf: 'attention.layer_norm_rms_epsilon' };
  const epsilon = h.number(epsilonField, epsilonBounds, 1e-5);
  const norm: NormSpec = { kind: 'rms', epsilon, weightOffset: 0 };
  const layer = block(norm, width);
  return {
    hiddenSize: width,
    vocabularySize: h.integer('vocab_size', sizeBounds, embeddingRows ?? undefined),
    contextLength: h.integer({ gguf: 'context_length' }, sizeBounds, contextByDefault),
    embedding: { size: width, scale: 1, learnedPositions: null },
    ropes: [],
    layers: new Array<StateSpaceLayerSpec>(layers).fill(layer),
    finalNorm: norm,
    head: { softcap: null, scale: 1 },
  };
}

const stateField = { config: 'state_size', gguf: 'ssm.state_size' };
const convolutionField = { config: 'conv_kernel', gguf: 'ssm.conv_kernel' };

function innerSize(h: HyperParameters, width: number): number {
  const byExpansion = h.isGguf ? undefined : width * h.integer('expand', countBounds, 2);
  const size = h.integer({ config: 'intermediate_size', gguf: 'ssm.inner_size' }, sizeBounds, byExpansion);
  if (size > sizeBounds.max) throw h.fault('expand', `makes an inner size of ${size}`);
  return size;
}

function block1(h: HyperParameters, norm: NormSpec, width: number): StateSpaceLayerSpec {
  if (h.isGguf && h.boolean('ssm.dt_b_c_rms', false)) {
    throw h.unsupported('ssm.dt_b_c_rms', 'a norm of the time step, B and C');
  }
  const rankField = { config: 'time_step_rank', gguf: 'ssm.time_step_rank' };
  const byWidth = Math.ceil(width / 16);
  return {
    kind: 'stateSpace',
    version: 1,
    norm,
    innerSize: innerSize(h, width),
    stateSize: h.integer(stateField, countBounds),
    convolution: h.integer(convolutionField, countBounds),
    timeStepRank: h.isText('time_step_rank', 'auto')
      ? byWidth
      : h.integer(rankField, sizeBounds, h.isGguf ? undefined : byWidth),
    heads: 0,
    groups: 0,
    gateNormGroups: 0,
    timeStepLimit: null,
  };
}

function block2(h: HyperParameters, norm: NormSpec, width: number): StateSpaceLayerSpec {
  const inner = innerSize(h, width);
  // GGUF keeps the number of heads where Mamba has its rank.
  const headsField = { config: 'num_heads', gguf: 'ssm.time_step_rank' };
  const heads = h.integer(headsField, countBounds);
  const groupsField = { config: 'n_groups', gguf: 'ssm.group_count' };
  const groups = h.integer(groupsField, countBounds, h.isGguf ? undefined : 1);
  if (inner % heads !== 0) throw h.fault(headsField, `is ${heads}, which does not divide ${inner}`);
  if (heads % groups !== 0) throw h.fault(groupsField, `is ${groups}, which does not divide ${heads} heads`);
  const headWidth = h.isGguf ? null : h.optionalInteger('head_dim', countBounds);
  if (headWidth !== null && headWidth * heads !== inner) {
    throw h.fault('head_dim', `is ${headWidth}: ${heads} heads of it are not the inner size ${inner}`);
  }
  return {
    kind: 'stateSpace',
    version: 2,
    norm,
    innerSize: inner,
    stateSize: h.integer(stateField, countBounds),
    convolution: h.integer(convolutionField, countBounds),
    timeStepRank: 0,
    heads,
    groups,
    gateNormGroups: h.isGguf ? groups : 1,
    timeStepLimit: readTimeStepLimit(h),
  };
}

/** [minimum, maximum]; the maximum may be Infinity, and [0, Infinity] is no limit after softplus. */
function readTimeStepLimit(h: HyperParameters): StateSpaceLayerSpec['timeStepLimit'] {
  const limit = h.isGguf ? null : h.optionalLimits('time_step_limit');
  if (!limit || (limit.minimum <= 0 && limit.maximum === Infinity)) return null;
  return limit;
}

function biases(h: HyperParameters): string[] {
  const linear = !h.isGguf && h.boolean('use_bias', false) ? ['in', 'out'] : [];
  return h.isGguf || h.boolean('use_conv_bias', true) ? [...linear, 'convolution'] : linear;
}

export const mamba: Family = {
  name: 'mamba',
  modelTypes: ['mamba'],
  ggufArchitectures: ['mamba'],
  tiesByDefault: true,
  biases: (h) => [...biases(h), 'time_step'],
  names: { huggingFace, gguf, onnx: null },
  read: (input) => read(input, (norm, width) => block1(input.h, norm, width)),
};

export const mamba2: Family = {
  name: 'mamba2',
  modelTypes: ['mamba2'],
  ggufArchitectures: ['mamba2'],
  tiesByDefault: false,
  biases: (h) => [...biases(h), 'time_step'],
  names: { huggingFace: huggingFace2, gguf, onnx: null },
  read: (input) => read(input, (norm, width) => block2(input.h, norm, width)),
};
