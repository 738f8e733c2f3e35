/** Writes GGUF models of any size from a list of tensors whose values are made while they are written. */
import { open, type FileHandle } from 'node:fs/promises';
import { readGguf } from '../../../electron/formats/gguf/read-gguf.ts';
import { typeTraits } from '../../../electron/formats/tensor-types.ts';
import { gguf, writeGguf, type WriterEntry } from '../../helpers/gguf-writer.ts';
import { ggufIdOf, quantizeQ8, randomPool, type RandomType } from './random-blocks.ts';
import { bytesOfFloats, RepeatedPool } from './repeated-pool.ts';

/** Fills one row; rows are asked for in order, each once. */
export type FillRow = (row: Float32Array) => void;

export interface GgufTensor {
  readonly name: string;
  readonly columns: number;
  /** All rows of all experts; 1 for a vector. */
  readonly rows: number;
  /** Of a tensor whose third dimension is experts. */
  readonly experts?: number;
  readonly type: RandomType | 'F32';
  /** `random` repeats a pool of random blocks; rows of float32 are stored as such or as Q8_0. */
  readonly fill: 'ones' | 'random' | FillRow;
}

export const vectorOfOnes = (name: string, columns: number): GgufTensor => ({
  name,
  rows: 1,
  columns,
  type: 'F32',
  fill: 'ones',
});

export const tensorBytes = ({ rows, columns, type }: GgufTensor) =>
  ((rows * columns) / typeTraits(type).blockElements) * typeTraits(type).blockBytes;

/** The tokenizer of a GGUF file, as entries of another. */
export async function tokenizerEntries(path: string): Promise<WriterEntry[]> {
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

const alignment = 32;
const paddedBytes = (tensor: GgufTensor) => Math.ceil(tensorBytes(tensor) / alignment) * alignment;

function dimensionsOf({ rows, columns, experts }: GgufTensor): number[] {
  if (experts !== undefined) return [columns, rows / experts, experts];
  return rows === 1 ? [columns] : [columns, rows];
}

function header(tensors: readonly GgufTensor[], entries: readonly WriterEntry[]): Buffer {
  let offset = 0;
  const described = tensors.map((tensor) => {
    const start = offset;
    offset += paddedBytes(tensor);
    return {
      name: tensor.name,
      dimensions: dimensionsOf(tensor),
      type: tensor.type === 'F32' ? 0 : ggufIdOf(tensor.type),
      offset: BigInt(start),
      bytes: 0,
    };
  });
  return writeGguf({ entries, tensors: described, alignment });
}

/** Rows that are written at once. */
const rowsAtOnce = 1024;

async function writeRows(file: FileHandle, tensor: GgufTensor, fill: FillRow): Promise<void> {
  const { columns, rows, type } = tensor;
  if (type !== 'F32' && type !== 'Q8_0') throw new Error(`rows are not stored as ${type}`);
  const values = new Float32Array(columns * Math.min(rows, rowsAtOnce));
  for (let first = 0; first < rows; first += rowsAtOnce) {
    const count = Math.min(rowsAtOnce, rows - first);
    for (let row = 0; row < count; row++) fill(values.subarray(row * columns, (row + 1) * columns));
    const written = values.subarray(0, count * columns);
    await file.write(type === 'F32' ? bytesOfFloats(written) : quantizeQ8(written));
  }
}

/** Pools by number of columns and type: equal matrices go on where the last one stopped. */
class Pools {
  readonly #pools = new Map<string, RepeatedPool>();

  of(type: RandomType, columns: number): RepeatedPool {
    const key = `${type} ${columns}`;
    const pool = this.#pools.get(key) ?? new RepeatedPool(randomPool(type, columns, columns));
    this.#pools.set(key, pool);
    return pool;
  }
}

async function writeTensor(file: FileHandle, tensor: GgufTensor, pools: Pools): Promise<void> {
  const { fill, type, columns } = tensor;
  if (typeof fill === 'function') await writeRows(file, tensor, fill);
  else if (fill === 'ones') await file.write(bytesOfFloats(new Float32Array(columns).fill(1)));
  else if (type === 'F32') throw new Error(`${tensor.name}: random values are blocks`);
  else await pools.of(type, columns).write(file, tensorBytes(tensor));
  await file.write(new Uint8Array(paddedBytes(tensor) - tensorBytes(tensor)));
}

export async function writeGgufModel(
  path: string,
  entries: readonly WriterEntry[],
  tensors: readonly GgufTensor[],
): Promise<void> {
  const pools = new Pools();
  const file = await open(path, 'w');
  try {
    await file.write(header(tensors, entries));
    for (const tensor of tensors) await writeTensor(file, tensor, pools);
  } finally {
    await file.close();
  }
}
