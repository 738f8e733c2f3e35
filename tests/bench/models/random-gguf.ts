/** Writes llama models with random weights as GGUF: any shape, one type for all matrices, float32 norms, the bundled model's tokenizer. */
import { open } from 'node:fs/promises';
import { readGguf } from '../../../electron/formats/gguf/read-gguf.ts';
import { typeTraits } from '../../../electron/formats/tensor-types.ts';
import { gguf, writeGguf, type WriterEntry } from '../../helpers/gguf-writer.ts';
import { ggufIdOf, randomPool, type RandomType } from './random-blocks.ts';
import { bytesOfFloats, RepeatedPool } from './repeated-pool.ts';
import { layerMatrices, vocabulary, type ModelShape } from './shapes.ts';

interface Tensor {
  readonly name: string;
  readonly rows: number;
  readonly columns: number;
  readonly type: RandomType | 'F32';
}

function tensorsOf(shape: ModelShape, type: RandomType): Tensor[] {
  const norm = (name: string): Tensor => ({ name, rows: 1, columns: shape.hidden, type: 'F32' });
  const layer = (index: number): Tensor[] => [
    norm(`blk.${index}.attn_norm.weight`),
    norm(`blk.${index}.ffn_norm.weight`),
    ...layerMatrices(shape).map(({ name, rows, columns }) => ({
      name: `blk.${index}.${name}.weight`,
      rows,
      columns,
      type,
    })),
  ];
  return [
    { name: 'token_embd.weight', rows: vocabulary, columns: shape.hidden, type },
    ...Array.from({ length: shape.layers }, (_, index) => layer(index)).flat(),
    norm('output_norm.weight'),
  ];
}

const bytesOf = ({ rows, columns, type }: Tensor) =>
  ((rows * columns) / typeTraits(type).blockElements) * typeTraits(type).blockBytes;

/** Of the weights that one decoded token reads: all matrices once, the tied embedding as the head, and the norms. */
export const weightBytes = (shape: ModelShape, type: RandomType) =>
  tensorsOf(shape, type).reduce((sum, tensor) => sum + bytesOf(tensor), 0);

async function tokenizerEntries(path: string): Promise<WriterEntry[]> {
  const { tokenizer, special } = await readGguf(path);
  if (tokenizer?.kind !== 'gguf' || !tokenizer.tokenTypes) throw new Error(`${path} has no tokenizer`);
  return [
    ['tokenizer.ggml.model', gguf.string(tokenizer.model)],
    ['tokenizer.ggml.pre', gguf.string(tokenizer.preTokenizer)],
    ['tokenizer.ggml.tokens', gguf.strings(tokenizer.tokens)],
    ['tokenizer.ggml.token_type', gguf.array('i32', [...tokenizer.tokenTypes])],
    ['tokenizer.ggml.merges', gguf.strings(tokenizer.merges ?? [])],
    ['tokenizer.ggml.bos_token_id', gguf.u32(special.bos ?? 0)],
    ['tokenizer.ggml.eos_token_id', gguf.u32(special.ends[0] ?? 0)],
  ];
}

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

const alignment = 32;
const paddedBytes = (tensor: Tensor) => Math.ceil(bytesOf(tensor) / alignment) * alignment;

function header(tensors: readonly Tensor[], entries: readonly WriterEntry[]): Buffer {
  let offset = 0;
  const described = tensors.map((tensor) => {
    const start = offset;
    offset += paddedBytes(tensor);
    return {
      name: tensor.name,
      dimensions: tensor.rows === 1 ? [tensor.columns] : [tensor.columns, tensor.rows],
      type: tensor.type === 'F32' ? 0 : ggufIdOf(tensor.type),
      offset: BigInt(start),
      bytes: 0,
    };
  });
  return writeGguf({ entries, tensors: described, alignment });
}

/** Writes one model; `tokenizerFile` is a GGUF file whose tokenizer has as many tokens as the vocabulary. */
export async function writeRandomGguf(
  path: string,
  shape: ModelShape,
  type: RandomType,
  tokenizerFile: string,
): Promise<void> {
  const tensors = tensorsOf(shape, type);
  const pools = new Map<number, RepeatedPool>();
  const file = await open(path, 'w');
  try {
    await file.write(header(tensors, [...shapeEntries(shape), ...(await tokenizerEntries(tokenizerFile))]));
    for (const tensor of tensors) {
      if (tensor.type === 'F32') await file.write(bytesOfFloats(new Float32Array(tensor.columns).fill(1)));
      else {
        const { columns } = tensor;
        const pool = pools.get(columns) ?? new RepeatedPool(randomPool(type, columns, columns));
        pools.set(columns, pool);
        await pool.write(file, bytesOf(tensor));
      }
      await file.write(new Uint8Array(paddedBytes(tensor) - bytesOf(tensor)));
    }
  } finally {
    await file.close();
  }
}
