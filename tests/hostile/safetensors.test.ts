/** F2 of docs/reliability.md: every hostile file is refused with its place, in little time and memory; the good ones are read. */
import { linkSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openModelFile } from '../../electron/formats/model-file.ts';
import { readSafetensorsFolder } from '../../electron/formats/safetensors/folder.ts';
import { readSafetensorsHeader } from '../../electron/formats/safetensors/header.ts';
import { labError, makeFolder, safetensorsBytes, writeFiles } from '../helpers/model-folder.ts';

async function read(bytes: Uint8Array) {
  const file = await openModelFile(makeFolder({ 'model.safetensors': bytes }), 'model.safetensors');
  try {
    return await readSafetensorsHeader(file, 0);
  } finally {
    await file.close();
  }
}

/** Of this process only: other work on the machine must not fail a test. */
function cpuMs(start: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1000;
}

interface HostileFile {
  readonly title: string;
  readonly bytes: Uint8Array;
  readonly message: string;
  readonly code?: string;
  readonly field?: string;
  readonly offset?: number;
}

const entry = (begin: number, end: number, shape: unknown = [(end - begin) / 4], dtype = 'F32') => ({
  dtype,
  shape,
  data_offsets: [begin, end],
});
const one = (value: object, dataBytes = 4) => safetensorsBytes({ a: value }, dataBytes);
const raw = (json: string, dataBytes = 4) => safetensorsBytes(json, dataBytes);
const good = '"dtype":"F32","shape":[1],"data_offsets":[0,4]';

const hostile: HostileFile[] = [
  ...Array.from({ length: 8 }, (_, length) => ({
    title: `a file of ${length} bytes`,
    bytes: new Uint8Array(length),
    message: 'too short',
    offset: 0,
  })),
  { title: 'a header of no bytes', bytes: raw(''), message: 'length 0 is too small', offset: 0 },
  { title: 'a length of 2^63', bytes: safetensorsBytes('{}', 0, 2n ** 63n), message: 'length 9223372036854775808 is over', offset: 0 },
  { title: 'a length over 100 MB', bytes: safetensorsBytes('{}', 0, 100_000_001n), message: 'is over 100000000', offset: 0 },
  { title: 'a length past the end', bytes: safetensorsBytes('{}', 0, 3n), message: 'past the end', offset: 0 },
  { title: 'no brace at the start', bytes: raw(` {"a":{${good}}}`), message: 'must begin with {', offset: 9 },
  { title: 'invalid UTF-8', bytes: safetensorsBytes(Buffer.from(`{"\xe9":{${good}}}`, 'latin1'), 4), message: 'not valid UTF-8', offset: 11 },
  { title: 'invalid JSON', bytes: raw(`{"a":{${good}}`), message: 'expected }', offset: 61 },
  { title: 'bytes after the JSON', bytes: raw(`{"a":{${good}}}\0`), message: 'unexpected bytes', offset: 62 },
  { title: 'JSON 10,000 deep', bytes: raw(`{"a":{"x":${'['.repeat(10_000)}`), message: 'nested deeper', offset: 119 },
  { title: 'a list instead of an entry', bytes: raw('{"a":[]}'), message: 'expected {', offset: 13 },
  { title: 'a name twice', bytes: raw(`{"a":{${good}},"a":{${good}}}`), message: 'occurs twice', field: 'a', offset: 62 },
  { title: 'a name twice, once escaped', bytes: raw(`{"a":{${good}},"\\u0061":{${good}}}`), message: 'occurs twice', field: 'a', offset: 62 },
  { title: 'a field twice', bytes: raw(`{"a":{${good},"shape":[1]}}`), message: 'occurs twice', field: 'a.shape', offset: 61 },
  { title: 'metadata twice', bytes: raw('{"__metadata__":{},"__metadata__":{}}', 0), message: 'occurs twice', field: '__metadata__', offset: 27 },
  { title: 'metadata that is no text', bytes: raw('{"__metadata__":{"x":1}}', 0), message: 'expected a string', field: '__metadata__.x', offset: 29 },
  { title: 'a missing field', bytes: raw('{"a":{"dtype":"F32","shape":[1]}}'), message: 'is missing', field: 'a', offset: 9 },
  { title: 'a hole', bytes: safetensorsBytes({ a: entry(0, 4), b: entry(8, 12) }, 12), message: 'a hole before', field: 'b' },
  { title: 'a hole at the start', bytes: one(entry(4, 8), 8), message: 'a hole before', field: 'a' },
  { title: 'an overlap', bytes: safetensorsBytes({ a: entry(0, 8), b: entry(4, 12) }, 12), message: 'overlaps', field: 'b' },
  { title: 'the same bytes twice', bytes: safetensorsBytes({ a: entry(0, 4), b: entry(0, 4) }, 4), message: 'overlaps', field: 'b' },
  { title: 'reversed offsets', bytes: one(entry(4, 0, [1])), message: 'a begin and an end', field: 'a.data_offsets' },
  { title: 'three offsets', bytes: one({ ...entry(0, 4), data_offsets: [0, 4, 8] }), message: 'a begin and an end', field: 'a.data_offsets' },
  { title: 'offsets past the end', bytes: one(entry(0, 8), 4), message: 'the file at', field: 'a' },
  { title: 'offsets of 2^53', bytes: raw(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,9007199254740992]}}`), message: 'too large', field: 'a.data_offsets', offset: 58 },
  { title: 'a size that does not fit the shape', bytes: one(entry(0, 4, [2])), message: 'needs 8 bytes, data_offsets span 4', field: 'a' },
  { title: 'a product that wraps 64 bits', bytes: one(entry(0, 4, [4194305, 4194305, 211106198978564])), message: 'shape is too large', field: 'a.shape' },
  { title: 'half-byte elements that fill no byte', bytes: one(entry(0, 1, [1], 'F4'), 1), message: 'needs 0.5 bytes', field: 'a' },
  { title: 'a negative shape', bytes: one(entry(0, 4, [-1])), message: 'whole number', field: 'a.shape' },
  { title: 'a shape with a fraction', bytes: one(entry(0, 4, [1.5])), message: 'whole number', field: 'a.shape' },
  { title: 'a shape with an exponent', bytes: raw('{"a":{"dtype":"F32","shape":[1e0],"data_offsets":[0,4]}}'), message: 'whole number', field: 'a.shape', offset: 37 },
  { title: 'an unknown type', bytes: one(entry(0, 4, [1], 'F33')), code: 'unsupported-type', message: '"F33" is unknown', field: 'a.dtype', offset: 22 },
  { title: 'a type of another format', bytes: one(entry(0, 18, [32], 'Q4_0'), 18), code: 'unsupported-type', message: '"Q4_0" is unknown', field: 'a.dtype' },
  { title: 'trailing bytes', bytes: one(entry(0, 4), 5), message: '1 bytes follow the last tensor' },
]; // prettier-ignore

describe('hostile safetensors files', () => {
  test.each(hostile)('$title is refused', async ({ bytes, code, message, field, offset }) => {
    const error = await labError(read(bytes));
    expect(error.message).toContain(message);
    expect(error.code).toBe(code ?? 'bad-file');
    expect(error.detail.file).toBe('model.safetensors');
    if (field !== undefined) expect(error.detail.field).toBe(field);
    if (offset === undefined) expect(error.detail.offset).toBeGreaterThan(0);
    else expect(error.detail.offset).toBe(offset);
  });

  test('100,000 entries are read in under 2 s', async () => {
    const header = Object.fromEntries(
      Array.from({ length: 100_000 }, (_, i) => [`model.layers.${i}.weight`, entry(4 * i, 4 * i + 4)]),
    );
    const bytes = safetensorsBytes(header, 400_000);
    const start = process.cpuUsage();
    expect((await read(bytes)).tensors.size).toBe(100_000);
    expect(cpuMs(start)).toBeLessThan(2000);
  });

  test('a header of 64 MiB costs no more than four times its bytes and 256 MiB', async () => {
    // Millions of empty lists in a field that no reader needs: as parsed values they would take over a gigabyte.
    const lists = Buffer.alloc(64 * 1_048_576 - 1, '[],');
    const json = Buffer.concat([Buffer.from('{"a":{"x":['), lists, Buffer.from(`[]],${good}}}`)]);
    const bytes = safetensorsBytes(json, 4);
    const before = process.memoryUsage().rss;
    const start = process.cpuUsage();
    expect((await read(bytes)).tensors.size).toBe(1);
    expect(cpuMs(start)).toBeLessThan(5000);
    expect(process.resourceUsage().maxRSS * 1024 - before).toBeLessThan(4 * json.length + 256 * 1_048_576);
  });

  test('262,144 tensors and one more are too many', async () => {
    const names = Array.from(
      { length: 262_145 },
      (_, i) => `"${i}":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}`,
    );
    const error = await labError(read(safetensorsBytes(`{${names.join(',')}}`)));
    expect(error).toMatchObject({ code: 'bad-file', detail: { file: 'model.safetensors' } });
  });

  test('tensors of no elements and of rank 0 are read', async () => {
    const { tensors } = await read(
      safetensorsBytes({ empty: entry(4, 4, [0, 7]), one: entry(0, 4, []), last: entry(4, 4, [0]) }, 4),
    );
    expect(tensors.get('empty')).toMatchObject({ shape: [0, 7], bytes: 0 });
    expect(tensors.get('one')).toMatchObject({ shape: [], bytes: 4 });
  });

  test('a file without tensors, padded with space, is read', async () => {
    expect((await read(safetensorsBytes('{}        '))).tensors.size).toBe(0);
  });
});

describe('hostile model.safetensors.index.json', () => {
  const index = (file: unknown) => ({ 'model.safetensors.index.json': { weight_map: { a: file } } });
  const part = one(entry(0, 4));

  test.each([
    ['../part.safetensors', 'leaves the folder'],
    ['x/../../part.safetensors', 'leaves the folder'],
    ['/etc/passwd', 'is absolute'],
    ['C:\\part.safetensors', 'holds a backslash'],
    ['file:///part.safetensors', 'is absolute'],
    ['%2e%2e/part.safetensors', 'encoded dot'],
    ['part\0.safetensors', 'NUL'],
    ['sub/part.safetensors', 'not a plain file name'],
    ['', 'is empty'],
  ])('the name %j is refused before anything is opened', async (name, message) => {
    const outer = makeFolder({ 'part.safetensors': part, 'model/sub/part.safetensors': part });
    writeFiles(join(outer, 'model'), index(name));
    const error = await labError(readSafetensorsFolder(join(outer, 'model'), 0));
    expect(error).toMatchObject({
      code: 'outside-folder',
      detail: { file: 'model.safetensors.index.json', field: 'weight_map.a' },
    });
    expect(error.message).toContain(message);
  });

  test('a link and a hard link that lead out of the folder are refused', async () => {
    const outer = makeFolder({ 'part.safetensors': part });
    for (const link of [symlinkSync, linkSync]) {
      const folder = makeFolder(index('part.safetensors'));
      link(join(outer, 'part.safetensors'), join(folder, 'part.safetensors'));
      const error = await labError(readSafetensorsFolder(folder, 0));
      expect(error).toMatchObject({ code: 'outside-folder', detail: { file: 'part.safetensors' } });
    }
  });

  test('missing shards are listed by name', async () => {
    const map = { a: 'one.safetensors', b: 'two.safetensors', c: 'three.safetensors' };
    const folder = makeFolder({
      'two.safetensors': part,
      'model.safetensors.index.json': { weight_map: map },
    });
    const error = await labError(readSafetensorsFolder(folder, 0));
    expect(error.code).toBe('not-found');
    expect(error.message).toContain('one.safetensors, three.safetensors');
  });

  test('a tensor in another shard than the index says is refused', async () => {
    const folder = makeFolder({
      'one.safetensors': part,
      'two.safetensors': safetensorsBytes({ b: entry(0, 4) }, 4),
      'model.safetensors.index.json': {
        weight_map: { a: 'two.safetensors', b: 'two.safetensors', c: 'one.safetensors' },
      },
    });
    const error = await labError(readSafetensorsFolder(folder, 0));
    expect(error).toMatchObject({ code: 'bad-file', detail: { field: 'weight_map.a' } });
    expect(error.message).toContain('it lies in one.safetensors');
  });

  test.each([
    ['a number as file name', index(7), 'expected a file name'],
    ['no weight_map', { 'model.safetensors.index.json': {} }, 'expected an object'],
    ['a list as weight_map', { 'model.safetensors.index.json': { weight_map: [] } }, 'expected an object'],
    [
      'a tensor twice',
      { 'model.safetensors.index.json': '{"weight_map":{"a":"x","a":"y"}}' },
      'occurs twice',
    ],
  ])('%s is refused', async (_, files, message) => {
    const error = await labError(readSafetensorsFolder(makeFolder(files), 0));
    expect(error).toMatchObject({ code: 'bad-file', detail: { file: 'model.safetensors.index.json' } });
    expect(error.message).toContain(message);
  });
});
