/** GGUF's key-value section: every value type, with the place of each key for errors. */
import { badFile, type LabError } from '../../contract/errors.ts';
import type { GgufValue } from '../../contract/model-source.ts';
import type { HeaderCursor } from './header-cursor.ts';

const keyLimit = 65535;
const stringLimit = 16 * 2 ** 20;

/** Value types by their id in the file. */
const valueTypes = [
  'u8', 'i8', 'u16', 'i16', 'u32', 'i32', 'f32', 'bool', 'string', 'array', 'u64', 'i64', 'f64',
] as const; // prettier-ignore
export type ValueType = (typeof valueTypes)[number];

/** The fewest bytes an item of each type takes. */
const itemBytes: Record<Exclude<ValueType, 'array'>, number> = {
  u8: 1, i8: 1, u16: 2, i16: 2, u32: 4, i32: 4, f32: 4, bool: 1, string: 8, u64: 8, i64: 8, f64: 8,
}; // prettier-ignore

interface Place {
  /** Of the key's entry in the file; null: it stands in no GGUF file. */
  readonly offset: number | null;
  readonly type: ValueType;
}

/** The metadata of one file. Getters give null for an absent key and throw bad-file for a value of another kind. */
export class GgufMetadata {
  readonly file: string;
  readonly values = new Map<string, GgufValue>();
  readonly #places = new Map<string, Place>();

  constructor(file: string) {
    this.file = file;
  }

  add(key: string, value: GgufValue, place: Place): void {
    this.values.set(key, value);
    this.#places.set(key, place);
  }

  /** A bad-file error at a key; the offset is that of the key's entry. */
  fail(key: string, message: string): LabError {
    const offset = this.#places.get(key)?.offset ?? null;
    return badFile(message, { file: this.file, field: key, ...(offset !== null && { offset }) });
  }

  /** The type a value has in the file. */
  typeOf(key: string): ValueType | null {
    return this.#places.get(key)?.type ?? null;
  }

  text(key: string): string | null {
    const value = this.values.get(key) ?? null;
    if (value !== null && typeof value !== 'string') throw this.fail(key, 'a string was expected');
    return value;
  }

  /** A non-negative integer that is safe to count with. */
  integer(key: string): number | null {
    const value = this.values.get(key) ?? null;
    if (value === null) return null;
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 0) {
      throw this.fail(key, `a non-negative integer was expected${describe(value)}`);
    }
    return value;
  }

  /** A finite number. */
  number(key: string): number | null {
    const value = this.values.get(key) ?? null;
    if (value === null) return null;
    if (typeof value !== 'number' || !Number.isFinite(value)) {
      throw this.fail(key, `a finite number was expected${describe(value)}`);
    }
    return value;
  }

  flag(key: string): boolean | null {
    const value = this.values.get(key) ?? null;
    if (value !== null && typeof value !== 'boolean') throw this.fail(key, 'a boolean was expected');
    return value;
  }

  strings(key: string): readonly string[] | null {
    const value = this.values.get(key) ?? null;
    if (value === null) return null;
    if (this.typeOf(key) !== 'array' || !isStrings(value))
      throw this.fail(key, 'an array of strings was expected');
    return value;
  }
}

/** An empty array of any type counts: it has no item of the wrong kind. */
function isStrings(value: GgufValue): value is readonly string[] {
  return Array.isArray(value) && (value.length === 0 || typeof value[0] === 'string');
}

function describe(value: GgufValue): string {
  return typeof value === 'number' || typeof value === 'bigint' ? `, not ${value}` : '';
}

/** Reads `count` entries; the cursor stands after them. */
export async function readMetadata(cursor: HeaderCursor, count: number): Promise<GgufMetadata> {
  const metadata = new GgufMetadata(cursor.file.name);
  for (let i = 0; i < count; i++) {
    const offset = cursor.position;
    cursor.field = `metadata entry ${i}`;
    const key = await cursor.name(keyLimit);
    if (key === '') throw cursor.fail('the key is empty', offset);
    cursor.field = key;
    if (metadata.values.has(key)) throw cursor.fail('the key appears twice', offset);
    const type = await readType(cursor);
    metadata.add(key, type === 'array' ? await readArray(cursor) : await readScalar(cursor, type), {
      offset,
      type,
    });
  }
  return metadata;
}

async function readType(cursor: HeaderCursor): Promise<ValueType> {
  const at = cursor.position;
  const id = await cursor.u32();
  const type = valueTypes[id];
  if (type === undefined) throw cursor.fail(`value type ${id} does not exist`, at);
  return type;
}

async function readScalar(cursor: HeaderCursor, type: Exclude<ValueType, 'array'>): Promise<GgufValue> {
  if (type === 'string') return cursor.text(stringLimit);
  const bytes = await cursor.take(itemBytes[type]);
  switch (type) {
    case 'u8':
      return bytes.readUInt8();
    case 'i8':
      return bytes.readInt8();
    case 'u16':
      return bytes.readUInt16LE();
    case 'i16':
      return bytes.readInt16LE();
    case 'u32':
      return bytes.readUInt32LE();
    case 'i32':
      return bytes.readInt32LE();
    case 'f32':
      return bytes.readFloatLE();
    case 'bool':
      return bytes.readUInt8() !== 0;
    case 'u64':
      return numberIfSafe(bytes.readBigUInt64LE());
    case 'i64':
      return numberIfSafe(bytes.readBigInt64LE());
    case 'f64':
      return bytes.readDoubleLE();
  }
}

function numberIfSafe(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

async function readArray(cursor: HeaderCursor): Promise<GgufValue> {
  const at = cursor.position;
  const type = await readType(cursor);
  if (type === 'array') throw cursor.fail('arrays of arrays are not allowed', at);
  const claimed = await cursor.u64();
  if (type === 'string' || type === 'bool' || type === 'u64' || type === 'i64') cursor.expectObjects(claimed);
  cursor.expect(claimed * BigInt(itemBytes[type]));
  const count = Number(claimed);
  if (type === 'string') return cursor.texts(count, stringLimit);
  return typedArray(type, await cursor.take(count * itemBytes[type]));
}

/** The items of a numeric or boolean array, copied out of the cursor's window. */
function typedArray(type: Exclude<ValueType, 'array' | 'string'>, bytes: Buffer): GgufValue {
  const own = new Uint8Array(bytes);
  switch (type) {
    case 'u8':
      return own;
    case 'i8':
      return new Int8Array(own.buffer);
    case 'u16':
      return new Uint16Array(own.buffer);
    case 'i16':
      return new Int16Array(own.buffer);
    case 'u32':
      return new Uint32Array(own.buffer);
    case 'i32':
      return new Int32Array(own.buffer);
    case 'f32':
      return new Float32Array(own.buffer);
    case 'f64':
      return new Float64Array(own.buffer);
    case 'bool':
      return fill(own.length, (i) => own[i] !== 0);
    case 'u64':
      return numbersIfSafe(new BigUint64Array(own.buffer));
    case 'i64':
      return numbersIfSafe(new BigInt64Array(own.buffer));
  }
}

function numbersIfSafe(values: BigUint64Array | BigInt64Array): Float64Array | bigint[] {
  const numbers = new Float64Array(values.length);
  for (let i = 0; i < values.length; i++) {
    numbers[i] = Number(values[i]);
    if (!Number.isSafeInteger(numbers[i])) return fill(values.length, (at) => values[at]!);
  }
  return numbers;
}

/** An array of its final length from the start: Array.from lets it grow and so holds it twice. */
function fill<Item>(length: number, item: (index: number) => Item): Item[] {
  const items = new Array<Item>(length);
  for (let i = 0; i < length; i++) items[i] = item(i);
  return items;
}
