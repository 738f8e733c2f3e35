/** Values of GGUF metadata in JSON: what JSON has no word for is an object that says its type. */
import type { GgufValue } from '../../contract/model-source.ts';

const arrays = {
  Uint8Array, Int8Array, Uint16Array, Int16Array, Uint32Array, Int32Array, Float32Array, Float64Array,
} as const; // prettier-ignore
type ArrayName = keyof typeof arrays;
const arrayNames = Object.keys(arrays) as ArrayName[];

/** Typed arrays are little-endian bytes in base64. */
export type StoredValue =
  | string
  | number
  | boolean
  | readonly string[]
  | readonly boolean[]
  | { readonly type: 'nan' }
  | { readonly type: 'bigint'; readonly value: string }
  | { readonly type: 'bigints'; readonly value: readonly string[] }
  | { readonly type: ArrayName; readonly value: string };

const isInteger = (value: unknown) => typeof value === 'string' && /^-?\d{1,20}$/.test(value);
const isBase64 = (value: unknown) =>
  typeof value === 'string' && value.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(value);

/** By hand, because a schema of a list would keep a complaint for each of a million wrong items. */
export function isStoredValue(value: unknown): value is StoredValue {
  if (typeof value !== 'object' || value === null) return value !== null && value !== undefined;
  if (Array.isArray(value)) {
    const items = value as readonly unknown[];
    const type = typeof (items[0] ?? '');
    return (type === 'string' || type === 'boolean') && items.every((item) => typeof item === type);
  }
  const { type, value: stored, ...others } = value as Record<string, unknown>;
  if (Object.keys(others).length > 0) return false;
  if (type === 'nan') return stored === undefined;
  if (type === 'bigint') return isInteger(stored);
  if (type === 'bigints') return Array.isArray(stored) && stored.every(isInteger);
  return arrayNames.includes(type as ArrayName) && isBase64(stored);
}

export function storeValue(value: GgufValue): StoredValue {
  if (typeof value === 'bigint') return { type: 'bigint', value: String(value) };
  if (typeof value === 'number') return Number.isNaN(value) ? { type: 'nan' } : value;
  if (typeof value !== 'object') return value;
  if (ArrayBuffer.isView(value)) {
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    const type = arrayNames.find((name) => value instanceof arrays[name])!;
    return { type, value: bytes.toString('base64') };
  }
  const items = value as readonly (string | boolean | bigint)[];
  if (typeof items[0] === 'bigint') return { type: 'bigints', value: items.map(String) };
  return items as readonly string[] | readonly boolean[];
}

const isItems = (stored: object): stored is readonly string[] | readonly boolean[] => Array.isArray(stored);

/** Null: the bytes are no whole numbers of the type. */
export function restoreValue(stored: StoredValue): GgufValue | null {
  if (typeof stored !== 'object') return stored;
  if (isItems(stored)) return stored;
  switch (stored.type) {
    case 'nan':
      return NaN;
    case 'bigint':
      return BigInt(stored.value);
    case 'bigints':
      return stored.value.map(BigInt);
    default: {
      const bytes = new Uint8Array(Buffer.from(stored.value, 'base64'));
      const array = arrays[stored.type];
      if (bytes.length % array.BYTES_PER_ELEMENT !== 0) return null;
      return new array(bytes.buffer);
    }
  }
}
