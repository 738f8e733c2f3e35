/** Writes llama models with random weights as GGUF: any shape, one type for all matrices, float32 norms, the bundled model's tokenizer. */
import { gguf, type WriterEntry } from '../../helpers/gguf-writer.ts';
import {
  tensorBytes,
  tokenizerEntries,
  vectorOfOnes,
  writeGgufModel,
  type GgufTensor,
} from './gguf-model.ts';
import type { RandomType } from './random-blocks.ts';
import { layerMatrices, vocabulary, type ModelShape } from './shapes.ts';

function tensorsOf(shape: ModelShape, type: RandomType): GgufTensor[] {
  const norm = (name: string) => vectorOfOnes(name, shape.hidden);
  const layer = (index: number): GgufTensor[] => [
    norm(`blk.${index}.attn_norm.weight`),
    norm(`blk.${index}.ffn_norm.weight`),
    ...layerMatrices(shape).map(({ name, rows, columns }): GgufTensor => ({
      name: `blk.${index}.${name}.weight`,
      rows,
      columns,
      type,
      fill: 'random',
    })),
  ];
  return [
    { name: 'token_embd.weight', rows: vocabulary, columns: shape.hidden, type, fill: 'random' },
    ...Array.from({ length: shape.layers }, (_, index) => layer(index)).flat(),
    norm('output_norm.weight'),
  ];
}

/** Of the weights that one decoded token reads: all matrices once, the tied embedding as the head, and the norms. */
export const weightBytes = (shape: ModelShape, type: RandomType) =>
  tensorsOf(shape, type).reduce((sum, tensor) => sum + tensorBytes(tensor), 0);

function shapeEntries(shape: ModelShape): WriterEntry[] {
  return [
    ['general.architecture', gguf.string('llama')],
    ['general.name', gguf.string(shape.name)],
    ['llama.block_count', gguf.u32(shape.layers)],
    ['llama.context_length', gguf.u32(shape.contextLength)],
    ['llama.embedding_length', gguf.u32(shape.hidden)],
    ['llama.feed_forward_length', gguf.u32(shape.feedForward)],
    ['llama.attention.head_count', gguf.u32(shape.heads)],
    ['llama.attention.head_count_kv', gguf.u32(shape.keyValueHeads)],
    ['llama.attention.key_length', gguf.u32(shape.headDimension)],
    ['llama.attention.value_length', gguf.u32(shape.headDimension)],
    ['llama.rope.dimension_count', gguf.u32(shape.headDimension)],
    ['llama.attention.layer_norm_rms_epsilon', gguf.f32(1e-5)],
    ['llama.vocab_size', gguf.u32(vocabulary)],
  ];
}

/** Writes one model; `tokenizerFile` is a GGUF file whose tokenizer has as many tokens as the vocabulary. */
export async function writeRandomGguf(
  path: string,
  shape: ModelShape,
  type: RandomType,
  tokenizerFile: string,
): Promise<void> {
  const entries = [...shapeEntries(shape), ...(await tokenizerEntries(tokenizerFile))];
  await writeGgufModel(path, entries, tensorsOf(shape, type));
}
