/**
 * Reads the header of a .safetensors file: u64 length, JSON {name: {dtype, shape, data_offsets}, "__metadata__": {…}}, data.
 * Rules as the format's reference implementation (huggingface/safetensors, safetensors/src/tensor.rs): tensors lie one after
 * another without holes or overlap and end with the file. The JSON is read entry by entry, so that memory stays near the header's size.
 */
import { badFile, LabError } from '../../contract/errors.ts';
import type { TensorInfo, TensorType } from '../../contract/model-source.ts';
import { JsonCursor } from '../json-cursor.ts';
import type { ModelFile } from '../model-file.ts';
import { typeTraits } from '../tensor-types.ts';

const maximumHeaderBytes = 100_000_000;
const maximumTensors = 262_144;

export interface SafetensorsHeader {
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly metadata: ReadonlyMap<string, string>;
  /** Length field and JSON: where the data begins. */
  readonly headerBytes: number;
}

const types: ReadonlySet<string> = new Set<TensorType>([
  'BOOL', 'U8', 'I8', 'U16', 'I16', 'F16', 'BF16', 'U32', 'I32', 'F32', 'U64', 'I64', 'F64', 'C64',
  'F8_E4M3', 'F8_E5M2', 'F8_E8M0', 'F8_E4M3FNUZ', 'F8_E5M2FNUZ', 'F4', 'F6_E2M3', 'F6_E3M2',
]); // prettier-ignore

interface Entry {
  readonly type: TensorType;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/** `fileIndex` becomes TensorInfo.file. Throws bad-file with the tensor's name and the offset, or unsupported-type. */
export async function readSafetensorsHeader(file: ModelFile, fileIndex: number): Promise<SafetensorsHeader> {
  const length = await readLength(file);
  const headerBytes = 8 + length;
  const cursor = new JsonCursor(await file.read(8, length), file.name, 8);
  if (cursor.peek() !== 0x7b || cursor.position !== 0) cursor.fail('the header must begin with {');
  const tensors = new Map<string, TensorInfo>();
  const metadata = new Map<string, string>();
  let hasMetadata = false;
  cursor.object((name, at) => {
    if (name === '__metadata__') {
      if (hasMetadata) cursor.fail('the name occurs twice', name, at);
      hasMetadata = true;
      return readMetadata(cursor, metadata);
    }
    if (tensors.has(name)) cursor.fail('the name occurs twice', shown(name), at);
    if (tensors.size === maximumTensors) cursor.fail(`more than ${maximumTensors} tensors`);
    const { type, shape, begin, end } = readEntry(cursor, name, at);
    const bytes = end - begin;
    tensors.set(name, { name, type, shape, file: fileIndex, offset: headerBytes + begin, bytes });
  });
  cursor.end();
  checkLayout([...tensors.values()], file, headerBytes);
  return { tensors, metadata, headerBytes };
}

const shown = (name: string) => name.slice(0, 200);

async function readLength(file: ModelFile): Promise<number> {
  const detail = { file: file.name, offset: 0 };
  if (file.bytes < 8) throw badFile('too short for a safetensors file', detail);
  const length = (await file.read(0, 8)).readBigUInt64LE();
  if (length > BigInt(maximumHeaderBytes)) {
    throw badFile(`the header's length ${length} is over ${maximumHeaderBytes}`, detail);
  }
  if (length > BigInt(file.bytes - 8)) {
    throw badFile(`the header's length ${length} reaches past the end of the file`, detail);
  }
  if (length < 2n) throw badFile(`the header's length ${length} is too small`, detail);
  return Number(length);
}

function readMetadata(cursor: JsonCursor, metadata: Map<string, string>): void {
  cursor.object((key, at) => {
    if (metadata.has(key)) cursor.fail('the key occurs twice', `__metadata__.${shown(key)}`, at);
    if (cursor.peek() !== 0x22) cursor.fail('expected a string', `__metadata__.${shown(key)}`);
    metadata.set(key, cursor.string());
  });
}

function readEntry(cursor: JsonCursor, name: string, start: number): Entry {
  let type: TensorType | undefined;
  let shape: number[] | undefined;
  let offsets: number[] | undefined;
  const field = shown(name);
  cursor.object((key, at) => {
    const twice = (value: unknown) => {
      if (value !== undefined) cursor.fail('the key occurs twice', `${field}.${key}`, at);
    };
    switch (key) {
      case 'dtype':
        twice(type);
        type = readType(cursor, `${field}.dtype`);
        break;
      case 'shape':
        twice(shape);
        shape = readCounts(cursor, `${field}.shape`);
        break;
      case 'data_offsets':
        twice(offsets);
        offsets = readCounts(cursor, `${field}.data_offsets`);
        break;
      default:
        cursor.skipValue();
    }
  });
  if (!type || !shape || !offsets) cursor.fail('dtype, shape or data_offsets is missing', field, start);
  const [begin, end] = offsets;
  if (begin === undefined || end === undefined || offsets.length > 2 || begin > end) {
    cursor.fail('data_offsets must be a begin and an end', `${field}.data_offsets`, start);
  }
  checkSize(cursor, field, start, { type, shape, begin, end });
  return { type, shape, begin, end };
}

function readType(cursor: JsonCursor, field: string): TensorType {
  if (cursor.peek() !== 0x22) cursor.fail('expected a string', field);
  const at = cursor.position;
  const name = cursor.string();
  if (types.has(name)) return name as TensorType;
  const { message, detail } = cursor.problem(`the type ${JSON.stringify(shown(name))} is unknown`, field, at);
  throw new LabError('unsupported-type', message, detail);
}

function readCounts(cursor: JsonCursor, field: string): number[] {
  const counts: number[] = [];
  cursor.array(() => counts.push(cursor.count(field)));
  return counts;
}

function checkSize(cursor: JsonCursor, field: string, start: number, entry: Entry): void {
  let elements = 1;
  for (const size of entry.shape) {
    elements *= size;
    if (!Number.isSafeInteger(elements)) cursor.fail('the shape is too large', `${field}.shape`, start);
  }
  const { blockElements, blockBytes } = typeTraits(entry.type);
  const bytes = (elements / blockElements) * blockBytes;
  if (bytes !== entry.end - entry.begin) {
    const stated = `the shape needs ${bytes} bytes, data_offsets span ${entry.end - entry.begin}`;
    cursor.fail(stated, field, start);
  }
}

/** Sorted by place, each tensor begins where the one before ended, and the last ends with the file. */
function checkLayout(tensors: TensorInfo[], file: ModelFile, headerBytes: number): void {
  tensors.sort((a, b) => a.offset - b.offset || a.bytes - b.bytes);
  let end = headerBytes;
  for (const tensor of tensors) {
    if (tensor.offset !== end) {
      const what = tensor.offset > end ? 'a hole before this tensor' : 'this tensor overlaps the one before';
      throw badFile(what, { file: file.name, field: shown(tensor.name), offset: tensor.offset });
    }
    end += tensor.bytes;
    if (end > file.bytes) {
      const detail = { file: file.name, field: shown(tensor.name), offset: tensor.offset };
      throw badFile(`the tensor ends at ${end}, the file at ${file.bytes}`, detail);
    }
  }
  if (end !== file.bytes) {
    throw badFile(`${file.bytes - end} bytes follow the last tensor`, { file: file.name, offset: end });
  }
}
