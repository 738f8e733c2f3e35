/** GGUF's tensor table: names, shapes, types and offsets, every rule checked before a byte of data is touched. */
import { LabError } from '../../contract/errors.ts';
import type { GgmlType, TensorInfo } from '../../contract/model-source.ts';
import { removedGgufType, typeOfGgufId, typeTraits } from '../tensor-types.ts';
import type { HeaderCursor } from './header-cursor.ts';
import type { GgufMetadata } from './metadata.ts';

/** ggml keeps names in 64 bytes with a closing NUL. */
const nameLimit = 63;
const dimensionLimit = 4;
const defaultAlignment = 32;
const alignmentLimit = 2 ** 20;

interface TableEntry {
  readonly name: string;
  readonly type: GgmlType;
  /** As in the file: ne[0], the row length, first. */
  readonly dimensions: readonly number[];
  readonly bytes: number;
  /** Relative to the data section. */
  readonly dataOffset: number;
  /** Of the entry itself, for errors. */
  readonly entryOffset: number;
}

/** Reads `count` entries. Throws bad-file, or unsupported-type for types that ggml dropped or that are not known. */
export async function readTensorTable(cursor: HeaderCursor, count: number): Promise<TableEntry[]> {
  const entries: TableEntry[] = [];
  const names = new Set<string>();
  for (let i = 0; i < count; i++) {
    const entryOffset = cursor.position;
    cursor.field = `tensor ${i}`;
    const name = await cursor.name(nameLimit);
    if (name === '') throw cursor.fail('the name is empty', entryOffset);
    cursor.field = name;
    if (names.has(name)) throw cursor.fail('the tensor appears twice', entryOffset);
    names.add(name);
    const dimensions = await readDimensions(cursor);
    const type = await readTensorType(cursor);
    const bytes = tensorBytes(cursor, dimensions, type);
    const dataOffset = await cursor.u64();
    if (dataOffset > cursor.file.bytes) {
      throw cursor.fail(`data offset ${dataOffset} lies past the end of the file (${cursor.file.bytes})`);
    }
    entries.push({ name, type, dimensions, bytes, dataOffset: Number(dataOffset), entryOffset });
  }
  return entries;
}

async function readDimensions(cursor: HeaderCursor): Promise<number[]> {
  const at = cursor.position;
  const count = await cursor.u32();
  if (count > dimensionLimit)
    throw cursor.fail(`${count} dimensions, at most ${dimensionLimit} are allowed`, at);
  const dimensions: number[] = [];
  let elements = 1;
  for (let i = 0; i < count; i++) {
    const size = Number(BigInt.asIntN(64, await cursor.u64()));
    if (size <= 0) throw cursor.fail(`dimension ${i} is ${size}`, cursor.position - 8);
    elements *= size;
    if (!Number.isSafeInteger(elements))
      throw cursor.fail('the number of elements overflows', cursor.position - 8);
    dimensions.push(size);
  }
  return dimensions;
}

async function readTensorType(cursor: HeaderCursor): Promise<GgmlType> {
  const offset = cursor.position;
  const id = await cursor.u32();
  const type = typeOfGgufId(id);
  if (type !== null) return type;
  const removed = removedGgufType(id);
  const reason = removed
    ? `type ${removed} (${id}) was removed from ggml; convert the model again`
    : `tensor type ${id} is not known`;
  const { name: file } = cursor.file;
  throw new LabError('unsupported-type', `${file}, ${cursor.field}, offset ${offset}: ${reason}.`, {
    file,
    field: cursor.field,
    offset,
  });
}

function tensorBytes(cursor: HeaderCursor, dimensions: readonly number[], type: GgmlType): number {
  const { blockElements, blockBytes } = typeTraits(type);
  const rowElements = dimensions[0] ?? 1;
  if (rowElements % blockElements !== 0) {
    throw cursor.fail(`rows of ${rowElements} elements are not whole blocks of ${type} (${blockElements})`);
  }
  const elements = dimensions.reduce((product, size) => product * size, 1);
  const bytes = (elements / blockElements) * blockBytes;
  if (bytes > cursor.file.bytes) {
    throw cursor.fail(`the tensor takes ${bytes} bytes, the file has ${cursor.file.bytes}`);
  }
  return bytes;
}

/** general.alignment: a u32 power of two. */
export function readAlignment(metadata: GgufMetadata): number {
  const key = 'general.alignment';
  const alignment = metadata.integer(key);
  if (alignment === null) return defaultAlignment;
  const type = metadata.typeOf(key);
  if (type !== 'u32') throw metadata.fail(key, `the type is ${type}, u32 was expected`);
  if (alignment === 0 || alignment > alignmentLimit || (alignment & (alignment - 1)) !== 0) {
    throw metadata.fail(key, `${alignment} is not a power of two up to ${alignmentLimit}`);
  }
  return alignment;
}

const padded = (bytes: number, alignment: number) => Math.ceil(bytes / alignment) * alignment;

/** Puts the tensors in their places: back to back with padding, in the table's order, all inside the file. `file` is the index TensorInfo carries. */
export function placeTensors(
  cursor: HeaderCursor,
  entries: readonly TableEntry[],
  alignment: number,
  file: number,
): TensorInfo[] {
  const start = padded(cursor.position, alignment);
  let expected = 0;
  return entries.map(({ name, type, dimensions, bytes, dataOffset, entryOffset }) => {
    cursor.field = name;
    if (dataOffset !== expected) {
      throw cursor.fail(
        `the data offset is ${dataOffset}, ${expected} follows from the tensors before`,
        entryOffset,
      );
    }
    const offset = start + dataOffset;
    if (offset + bytes > cursor.file.bytes) {
      throw cursor.fail(
        `the data would end at ${offset + bytes}, the file ends at ${cursor.file.bytes}`,
        entryOffset,
      );
    }
    expected = padded(dataOffset + bytes, alignment);
    return { name, type, shape: dimensions.toReversed(), file, offset, bytes };
  });
}
