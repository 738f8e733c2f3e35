/**
 * Writes GGUF files for tests: good ones from a description, broken ones by overriding any part of it. Nothing is
 * checked; what the description says is what stands in the file.
 */
import { typeOfGgufId, typeTraits } from '../../electron/formats/tensor-types.ts';

const valueTypeIds = {
  u8: 0, i8: 1, u16: 2, i16: 3, u32: 4, i32: 5, f32: 6, bool: 7, string: 8, array: 9, u64: 10, i64: 11, f64: 12,
} as const; // prettier-ignore
export type ValueTypeName = keyof typeof valueTypeIds;
type Scalar = string | number | bigint | boolean;

/** One metadata entry; `raw` replaces everything after the key. */
export type WriterEntry = readonly [
  key: string | Uint8Array,
  value: WriterValue | { readonly raw: Uint8Array },
];
export type WriterValue =
  | { readonly type: Exclude<ValueTypeName, 'array'>; readonly value: Scalar }
  | {
      readonly type: 'array';
      readonly items: ValueTypeName;
      readonly value: readonly Scalar[];
      readonly count?: bigint;
    };

export interface WriterTensor {
  readonly name: string | Uint8Array;
  /** ne[]: the row length first. */
  readonly dimensions: readonly (number | bigint)[];
  /** A GGUF type id. */
  readonly type: number;
  /** Default: where the running padded sum puts it. */
  readonly offset?: bigint;
  /** Default: as many as dimensions and type say, 0 where they say nothing sensible. */
  readonly bytes?: number;
  readonly data?: Uint8Array;
  readonly dimensionCount?: number;
}

export interface WriterFile {
  readonly magic?: string;
  readonly version?: number;
  readonly tensorCount?: bigint;
  readonly entryCount?: bigint;
  readonly entries: readonly WriterEntry[];
  readonly tensors: readonly WriterTensor[];
  readonly alignment?: number;
}

export class ByteWriter {
  #parts: Buffer[] = [];
  length = 0;

  raw(bytes: Uint8Array): this {
    this.#parts.push(Buffer.from(bytes));
    this.length += bytes.length;
    return this;
  }

  u32(value: number): this {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value);
    return this.raw(bytes);
  }

  u64(value: number | bigint): this {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)));
    return this.raw(bytes);
  }

  string(text: string | Uint8Array): this {
    const bytes = typeof text === 'string' ? Buffer.from(text) : text;
    return this.u64(bytes.length).raw(bytes);
  }

  pad(alignment: number): this {
    return this.raw(Buffer.alloc((alignment - (this.length % alignment)) % alignment));
  }

  bytes(): Buffer {
    return Buffer.concat(this.#parts);
  }
}

/** Short constructors of metadata values. */
export const gguf = {
  u32: (value: number): WriterValue => ({ type: 'u32', value }),
  f32: (value: number): WriterValue => ({ type: 'f32', value }),
  string: (value: string): WriterValue => ({ type: 'string', value }),
  strings: (value: readonly string[]): WriterValue => ({ type: 'array', items: 'string', value }),
  array: (items: ValueTypeName, value: readonly Scalar[]): WriterValue => ({ type: 'array', items, value }),
};

function scalarBytes(type: ValueTypeName, value: Scalar): Uint8Array {
  if (type === 'string') return new ByteWriter().string(String(value)).bytes();
  const view = new DataView(new ArrayBuffer(8));
  const number = Number(value);
  switch (type) {
    case 'u8':
    case 'i8':
    case 'bool':
      view.setUint8(0, number);
      return new Uint8Array(view.buffer, 0, 1);
    case 'u16':
    case 'i16':
      view.setUint16(0, number, true);
      return new Uint8Array(view.buffer, 0, 2);
    case 'f32':
      view.setFloat32(0, number, true);
      return new Uint8Array(view.buffer, 0, 4);
    case 'f64':
      view.setFloat64(0, number, true);
      return new Uint8Array(view.buffer);
    case 'u64':
    case 'i64':
      view.setBigUint64(0, BigInt(value), true);
      return new Uint8Array(view.buffer);
    default:
      view.setUint32(0, number, true);
      return new Uint8Array(view.buffer, 0, 4);
  }
}

/** A value with its type id in front, as it follows a key. */
function valueBytes(value: WriterValue): Uint8Array {
  const writer = new ByteWriter().u32(valueTypeIds[value.type]);
  if (value.type !== 'array') return writer.raw(scalarBytes(value.type, value.value)).bytes();
  writer.u32(valueTypeIds[value.items]).u64(value.count ?? value.value.length);
  for (const item of value.value) writer.raw(scalarBytes(value.items, item));
  return writer.bytes();
}

function tensorBytes({ type, dimensions, data, bytes }: WriterTensor): number {
  const name = typeOfGgufId(type);
  const elements = dimensions.reduce<number>((product, size) => product * Number(size), 1);
  if (data) return data.length;
  if (bytes !== undefined) return bytes;
  if (name === null || elements <= 0 || elements > 2 ** 24) return 0;
  const { blockElements, blockBytes } = typeTraits(name);
  return Math.floor(elements / blockElements) * blockBytes;
}

export function writeGguf(file: WriterFile): Buffer {
  const { entries, tensors, alignment = 32 } = file;
  const writer = new ByteWriter().raw(Buffer.from(file.magic ?? 'GGUF')).u32(file.version ?? 3);
  writer.u64(file.tensorCount ?? tensors.length).u64(file.entryCount ?? entries.length);
  for (const [key, value] of entries) writer.string(key).raw('raw' in value ? value.raw : valueBytes(value));
  let running = 0;
  for (const tensor of tensors) {
    writer.string(tensor.name).u32(tensor.dimensionCount ?? tensor.dimensions.length);
    for (const size of tensor.dimensions) writer.u64(size);
    writer.u32(tensor.type).u64(tensor.offset ?? running);
    running += Math.ceil(tensorBytes(tensor) / alignment) * alignment;
  }
  writer.pad(alignment);
  for (const tensor of tensors) {
    writer.raw(tensor.data ?? Buffer.alloc(tensorBytes(tensor))).pad(alignment);
  }
  return writer.bytes();
}

/** The smallest llama that passes every check: one block, eight tokens. Entries of the same key replace its own; null leaves one out. */
export function tinyGguf(
  changes: Record<string, WriterValue | null> = {},
  file: Partial<WriterFile> = {},
): Buffer {
  const entries = new Map<string, WriterValue | null>([
    ['general.architecture', gguf.string('llama')],
    ['general.name', gguf.string('tiny')],
    ['llama.block_count', gguf.u32(1)],
    ['llama.context_length', gguf.u32(64)],
    ['llama.embedding_length', gguf.u32(32)],
    ['llama.feed_forward_length', gguf.u32(64)],
    ['llama.attention.head_count', gguf.u32(4)],
    ['llama.attention.head_count_kv', gguf.u32(2)],
    ['llama.attention.layer_norm_rms_epsilon', gguf.f32(1e-5)],
    ['tokenizer.ggml.model', gguf.string('gpt2')],
    ['tokenizer.ggml.tokens', gguf.strings(['<s>', '</s>', 'a', 'b', 'ab', 'c', 'd', 'cd'])],
    ['tokenizer.ggml.token_type', gguf.array('i32', [3, 3, 1, 1, 1, 1, 1, 1])],
    ['tokenizer.ggml.merges', gguf.strings(['a b', 'c d'])],
    ['tokenizer.ggml.bos_token_id', gguf.u32(0)],
    ['tokenizer.ggml.eos_token_id', gguf.u32(1)],
    ...Object.entries(changes),
  ]);
  return writeGguf({
    entries: [...entries].filter((entry): entry is [string, WriterValue] => entry[1] !== null),
    tensors: tinyTensors,
    ...file,
  });
}

export const tinyTensors: readonly WriterTensor[] = [
  { name: 'token_embd.weight', dimensions: [32, 8], type: 0 },
  { name: 'blk.0.attn_norm.weight', dimensions: [32], type: 0 },
  { name: 'output_norm.weight', dimensions: [32], type: 0 },
];
