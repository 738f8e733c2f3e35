/**
 * Writes mixtures of experts of Qwen3-MoE's architecture with random weights as GGUF: matrices of one type, routers and norms of float32, an untied head,
 * the bundled model's tokenizer. Which experts a token asks for follows from its embedding (drifting-stream.ts).
 */
import { gguf, type WriterEntry } from '../../helpers/gguf-writer.ts';
import { driftingRows, routerRows, type StreamParts } from './drifting-stream.ts';
import {
  tensorBytes,
  tokenizerEntries,
  vectorOfOnes,
  writeGgufModel,
  type GgufTensor,
} from './gguf-model.ts';
import type { RandomType } from './random-blocks.ts';
import { vocabulary } from './shapes.ts';

export interface MixtureShape {
  readonly name: string;
  readonly hidden: number;
  readonly layers: number;
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly headDimension: number;
  readonly experts: number;
  readonly expertsUsed: number;
  /** Rows of an expert's gate and up matrices. */
  readonly expertSize: number;
  readonly contextLength: number;
  readonly stream: StreamParts;
}

function attentionTensors(shape: MixtureShape, prefix: string, type: RandomType): GgufTensor[] {
  const { hidden, headDimension } = shape;
  const queries = shape.heads * headDimension;
  const keys = shape.keyValueHeads * headDimension;
  const matrix = (name: string, rows: number, columns: number): GgufTensor => ({
    name: `${prefix}.${name}.weight`,
    rows,
    columns,
    type,
    fill: 'random',
  });
  return [
    vectorOfOnes(`${prefix}.attn_norm.weight`, hidden),
    matrix('attn_q', queries, hidden),
    matrix('attn_k', keys, hidden),
    matrix('attn_v', keys, hidden),
    vectorOfOnes(`${prefix}.attn_q_norm.weight`, headDimension),
    vectorOfOnes(`${prefix}.attn_k_norm.weight`, headDimension),
    matrix('attn_output', hidden, queries),
  ];
}

function expertTensors(shape: MixtureShape, layer: number, type: RandomType): GgufTensor[] {
  const { hidden, experts, expertSize } = shape;
  const prefix = `blk.${layer}`;
  const stacked = (name: string, rows: number, columns: number): GgufTensor => ({
    name: `${prefix}.${name}.weight`,
    rows: rows * experts,
    columns,
    experts,
    type,
    fill: 'random',
  });
  return [
    vectorOfOnes(`${prefix}.ffn_norm.weight`, hidden),
    {
      name: `${prefix}.ffn_gate_inp.weight`,
      rows: experts,
      columns: hidden,
      type: 'F32',
      fill: routerRows(hidden, layer),
    },
    stacked('ffn_gate_exps', expertSize, hidden),
    stacked('ffn_up_exps', expertSize, hidden),
    stacked('ffn_down_exps', hidden, expertSize),
  ];
}

function tensorsOf(shape: MixtureShape, type: RandomType): GgufTensor[] {
  const { hidden, stream } = shape;
  const layer = (index: number) => [
    ...attentionTensors(shape, `blk.${index}`, type),
    ...expertTensors(shape, index, type),
  ];
  const fill = driftingRows(hidden, stream);
  return [
    { name: 'token_embd.weight', rows: vocabulary, columns: hidden, type: 'Q8_0', fill },
    ...Array.from({ length: shape.layers }, (_, index) => layer(index)).flat(),
    vectorOfOnes('output_norm.weight', hidden),
    { name: 'output.weight', rows: vocabulary, columns: hidden, type, fill: 'random' },
  ];
}

export interface MixtureBytes {
  readonly experts: number;
  /** Of the whole model. */
  readonly all: number;
}

export function mixtureBytes(shape: MixtureShape, type: RandomType): MixtureBytes {
  const sum = (tensors: readonly GgufTensor[]) =>
    tensors.reduce((bytes, tensor) => bytes + tensorBytes(tensor), 0);
  const tensors = tensorsOf(shape, type);
  return { experts: sum(tensors.filter(({ experts }) => experts !== undefined)), all: sum(tensors) };
}

function shapeEntries(shape: MixtureShape): WriterEntry[] {
  const fields: [string, number][] = [
    ['block_count', shape.layers],
    ['context_length', shape.contextLength],
    ['embedding_length', shape.hidden],
    // Of layers without experts, of which there are none.
    ['feed_forward_length', shape.expertSize * shape.expertsUsed],
    ['attention.head_count', shape.heads],
    ['attention.head_count_kv', shape.keyValueHeads],
    ['attention.key_length', shape.headDimension],
    ['attention.value_length', shape.headDimension],
    ['expert_count', shape.experts],
    ['expert_used_count', shape.expertsUsed],
    ['expert_feed_forward_length', shape.expertSize],
    ['vocab_size', vocabulary],
  ];
  return [
    ['general.architecture', gguf.string('qwen3moe')],
    ['general.name', gguf.string(shape.name)],
    ...fields.map(([name, value]): WriterEntry => [`qwen3moe.${name}`, gguf.u32(value)]),
    ['qwen3moe.attention.layer_norm_rms_epsilon', gguf.f32(1e-6)],
    ['qwen3moe.rope.freq_base', gguf.f32(1e6)],
  ];
}

/** Writes one model; `tokenizerFile` is a GGUF file whose tokenizer has as many tokens as the vocabulary. */
export async function writeRandomMixture(
  path: string,
  shape: MixtureShape,
  type: RandomType,
  tokenizerFile: string,
): Promise<void> {
  const entries = [...shapeEntries(shape), ...(await tokenizerEntries(tokenizerFile))];
  await writeGgufModel(path, entries, tensorsOf(shape, type));
}
