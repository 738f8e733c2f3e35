/** Reads the JSON files of a model folder: strict, capped in size, depth and memory, without duplicate keys. */
import { LabError } from '../contract/errors.ts';
import type { Json, JsonObject, SourceFile } from '../contract/model-source.ts';
import { JsonCursor } from './json-cursor.ts';
import { openModelFile } from './model-file.ts';

/** A parsed file of the folder, and what the model's identity needs to know about it. */
export interface JsonFile {
  readonly name: string;
  readonly value: JsonObject;
  readonly file: SourceFile;
}

const mebibyte = 1_048_576;
/** An empty array costs 3 bytes of text and 50 of memory: this many cost no more than 256 MiB. */
const maximumContainers = 4_000_000;

/**
 * Parses an object. Duplicate keys, nesting beyond 100 levels and invalid UTF-8 are refused with the offset; a key named
 * `__proto__` becomes an ordinary own property. Python's Infinity is read (and overwritten in `bytes`). Throws bad-file.
 */
export function parseJsonObject(bytes: Buffer, file: string): JsonObject {
  const base = bytes.length >= 3 && bytes.readUIntBE(0, 3) === 0xefbbbf ? 3 : 0;
  const text = bytes.subarray(base);
  const cursor = new JsonCursor(text, file, base);
  if (cursor.peek() !== 0x7b) cursor.fail('expected an object');
  cursor.skipValue();
  if (cursor.containers > maximumContainers) cursor.fail(`more than ${maximumContainers} objects and arrays`);
  cursor.end();
  // JSON.parse reads 1e999 as infinity.
  for (const at of cursor.infinities) text.write('1e999   ', at, 'latin1');
  const value = JSON.parse(text.toString('utf8')) as JsonObject;
  // Comparing counts is many times cheaper than a set of keys per object; the set is built only to name the place.
  if (countKeys(value) !== cursor.keys) failAtDuplicate(new JsonCursor(text, file, base));
  return value;
}

function countKeys(value: Json): number {
  if (typeof value !== 'object' || value === null) return 0;
  let count = 0;
  const items = Array.isArray(value) ? (value as readonly Json[]) : Object.values(value);
  if (items !== value) count = items.length;
  for (const item of items) if (typeof item === 'object') count += countKeys(item);
  return count;
}

function failAtDuplicate(cursor: JsonCursor): never {
  const readValue = (): void => {
    const next = cursor.peek();
    if (next === 0x5b) return cursor.array(readValue);
    if (next !== 0x7b) return cursor.skipValue();
    const seen = new Set<string>();
    cursor.object((key, at) => {
      if (seen.has(key)) cursor.fail('the key occurs twice', key.slice(0, 200), at);
      seen.add(key);
      readValue();
    });
  };
  readValue();
  throw new LabError('internal', 'A duplicate key was counted but not found.');
}

/** Reads `name` of the folder. Throws not-found, outside-folder, file-unreadable or bad-file. */
export async function readJsonFile(
  folder: string,
  name: string,
  maximumBytes = 16 * mebibyte,
): Promise<JsonFile> {
  const { bytes, file } = await readWholeFile(folder, name, maximumBytes);
  return { name, value: parseJsonObject(bytes, name), file };
}

/** As readJsonFile; null where the file does not exist. */
export async function readOptionalJson(
  folder: string,
  name: string,
  maximumBytes?: number,
): Promise<JsonFile | null> {
  return orNull(readJsonFile(folder, name, maximumBytes));
}

/** Null instead of not-found. */
export async function orNull<T>(reading: Promise<T>): Promise<T | null> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof LabError && error.code === 'not-found') return null;
    throw error;
  }
}

/** A small file whole; it counts as header for the model's identity. */
export async function readWholeFile(
  folder: string,
  name: string,
  maximumBytes: number,
): Promise<{ bytes: Buffer; file: SourceFile }> {
  const opened = await openModelFile(folder, name);
  try {
    if (opened.bytes > maximumBytes) {
      throw new LabError(
        'bad-file',
        `${name}: ${opened.bytes} bytes are more than the ${maximumBytes} allowed for this file.`,
        { file: name },
      );
    }
    const bytes = await opened.read(0, opened.bytes);
    const file = { name, path: opened.path, bytes: opened.bytes, headerBytes: opened.bytes };
    return { bytes, file };
  } finally {
    await opened.close();
  }
}
