/** Packs that are damaged, not whole, from the future, or that lie about themselves. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { ModelSource } from '../../electron/contract/model-source.ts';
import { readGguf } from '../../electron/formats/gguf/read-gguf.ts';
import { readHuggingFaceFolder } from '../../electron/formats/huggingface/read-folder.ts';
import { readModelSource } from '../../electron/formats/open-source.ts';
import { readPack } from '../../electron/formats/pack/read-pack.ts';
import { goldenFolder } from '../helpers/golden.ts';
import { labError, makeFolder } from '../helpers/model-folder.ts';
import { packBytes, type PlainHeader } from '../helpers/pack-file.ts';
import { seededRandom } from '../helpers/seeded-random.ts';

let gguf: ModelSource;
let huggingFace: ModelSource;
beforeAll(async () => {
  gguf = await readGguf(join(goldenFolder, 'tiny', 'llama', 'model-f32.gguf'));
  huggingFace = await readHuggingFaceFolder(join(goldenFolder, 'tiny', 'llama-gptq-actorder'));
});

function write(bytes: Uint8Array): string {
  const path = join(makeFolder(), 'model.retortpack');
  writeFileSync(path, bytes);
  return path;
}

const refusal = (bytes: Uint8Array) => labError(readPack(write(bytes)));
const refusalOf = (change: (header: PlainHeader) => void, source = gguf) =>
  refusal(packBytes(source, change));

/** A header's own objects, found by a path of keys. */
function at(header: PlainHeader, path: string): Record<string, unknown> {
  return path
    .split('/')
    .reduce<unknown>((part, key) => (part as Record<string, unknown>)[key], header) as Record<
    string,
    unknown
  >;
}

describe('the prelude', () => {
  const changed = (change: (bytes: Buffer) => void) => {
    const bytes = packBytes(gguf);
    change(bytes);
    return refusal(bytes);
  };

  test('of a newer version is refused with what to do', async () => {
    const error = await changed((bytes) => bytes.writeUInt32LE(2, 8));
    expect(error.code).toBe('unsupported-format');
    expect(error.message).toContain('version 2 is newer than this Retort');
  });

  test.each<[string, (bytes: Buffer) => unknown, string]>([
    ['of version 0', (bytes) => bytes.writeUInt32LE(0, 8), 'unsupported-format'],
    ['with another checksum', (bytes) => bytes.writeUInt32LE((bytes.readUInt32LE(12) ^ 1) >>> 0, 12), 'bad-file'],
    ['whose header lies at 0', (bytes) => bytes.writeBigUInt64LE(0n, 16), 'bad-file'],
    ['whose header does not begin a page', (bytes) => bytes.writeBigUInt64LE(bytes.readBigUInt64LE(16) + 64n, 16), 'bad-file'],
    ['whose header lies far outside', (bytes) => bytes.writeBigUInt64LE(2n ** 64n - 4096n, 16), 'bad-file'],
    ['whose header has no bytes', (bytes) => bytes.writeBigUInt64LE(0n, 24), 'bad-file'],
    ['whose header is longer than the file', (bytes) => bytes.writeBigUInt64LE(2n ** 27n, 24), 'bad-file'],
    ['whose header is longer than any', (bytes) => bytes.writeBigUInt64LE(2n ** 63n, 24), 'bad-file'],
    ['whose header ends pages before the file', (bytes) => bytes.writeBigUInt64LE(1n, 24), 'bad-file'],
    ['with something in its empty part', (bytes) => bytes.writeUInt8(1, 4095), 'bad-file'],
  ])('%s is refused', async (_, change, code) => {
    expect((await changed(change)).code).toBe(code);
  }); // prettier-ignore

  test('without its magic is no pack', async () => {
    const bytes = packBytes(gguf);
    bytes[0] = 0x72;
    expect((await labError(readModelSource(write(bytes)))).code).toBe('unsupported-format');
  });
});

test('a pack cut short anywhere is refused', async () => {
  const bytes = packBytes(gguf);
  for (const length of [8, 9, 32, 4095, 4096, 8192, bytes.length - 4096, bytes.length - 1]) {
    expect(await refusal(bytes.subarray(0, length))).toMatchObject({ code: 'bad-file' });
  }
  expect((await refusal(Buffer.concat([bytes, Buffer.alloc(4096)]))).code).toBe('bad-file');
});

test('a flipped bit of the header is found by its checksum', async () => {
  const sound = packBytes(gguf);
  const start = Number(sound.readBigUInt64LE(16));
  const length = Number(sound.readBigUInt64LE(24));
  const random = seededRandom(5);
  for (let i = 0; i < 20; i++) {
    const bytes = Buffer.from(sound);
    bytes[start + Math.floor(random() * length)]! ^= 1 << Math.floor(random() * 8);
    expect((await refusal(bytes)).message).toContain('checksum');
  }
});

describe('records', () => {
  test.each<[string, (header: PlainHeader) => void]>([
    ['that overlap', ({ records }) => (records.offset[1] = 4096)],
    ['in the wrong order', ({ records }) => records.offset.reverse()],
    ['in the first page', ({ records }) => (records.offset[0] = 64)],
    ['between two places', ({ records }) => (records.offset[0] = 4100)],
    ['that are large and do not begin a page', ({ records }) => (records.offset[3] = 8256)],
    ['larger than any may be', ({ records }) => (records.bytes[3] = 2 ** 30)],
    [
      'with more bytes at their end than bring another part to its place',
      ({ records }) => (records.bytes[3] = 70_064),
    ],
    [
      'of which nothing is used',
      ({ vectors }) => {
        delete vectors['norm.weight'];
      },
    ],
    ['of which less is used than they hold', ({ vectors }) => (vectors['norm.weight']!['count'] = 100)],
    ['that reach into the header', ({ records }) => (records.bytes[3] = 10_000_000)],
    ['behind the file', ({ records }) => (records.offset[3] = 2 ** 52)],
    ['without bytes', ({ records }) => (records.bytes[0] = 0)],
    ['of a negative size', ({ records }) => (records.bytes[0] = -1)],
    ['of half a byte', ({ records }) => (records.bytes[0] = 0.5)],
    ['with more sizes than places', ({ records }) => records.bytes.push(64)],
    ['with fewer checksums than places', ({ records }) => records.crc.pop()],
    ['with a checksum of 33 bits', ({ records }) => (records.crc[0] = 2 ** 32)],
    ['at places that are no numbers', ({ records }) => (records.offset[0] = '4096')],
    ['that are no columns', (header) => ((header as Record<string, unknown>)['records'] = [])],
  ])('%s are refused', async (_, change) => {
    const error = await refusalOf(change);
    expect(error.code).toBe('bad-file');
    expect(error.detail.field).toContain('records');
  });
});

describe('matrices and vectors', () => {
  const first = 'matrices/first.weight';
  const second = 'matrices/second.weight';
  test.each<[string, string, Record<string, unknown>]>([
    ['with tiles that hold too few groups', first, { tiles: [[0, 0, 2]] }],
    ['with tiles that hold too many groups', first, { rows: 16 }],
    ['with no tiles', first, { tiles: [] }],
    ['with an empty tile', first, { tiles: [[0, 0, 2], [1, 0, 1], [1, 0, 0]] }],
    ['with a tile outside its record', first, { tiles: [[0, 64, 2], [1, 0, 1]] }],
    ['with a tile in no record', first, { tiles: [[0, 0, 2], [4, 0, 1]] }],
    ['with a tile between two places', first, { tiles: [[0, 0, 2], [1, 8, 1]] }],
    ['with tiles in the same bytes', first, { tiles: [[0, 0, 2], [0, 0, 1]] }],
    ['with a tile of more groups than numbers can hold', first, { rows: 2 ** 31, tiles: [[0, 0, 2 ** 53 - 1]] }],
    ['with tiles of two numbers', first, { tiles: [[0, 0], [1, 0]] }],
    ['with more rows than any', first, { rows: 2 ** 32 }],
    ['without rows', first, { rows: 0 }],
    ['with columns that fill no blocks', first, { columns: 63 }],
    ['with more columns than the tiles have', first, { columns: 96 }],
    ['with another layout than its name says', `${first}/layout`, { zero: 8 }],
    ['with codes that its name does not have', `${first}/layout`, { codes: 'nibbles' }],
    ['with a layout that nobody knows', `${first}/layout`, { name: 'q9_9×8' }],
    ['with steps of no columns', `${first}/layout`, { stepColumns: 0 }],
    ['with blocks of 48 columns', `${second}/layout`, { stepsPerHeader: 3 }],
    ['with codes of two bits under the name of four', `${second}/layout`, { codes: 'twos' }],
    ['with fewer bytes than two-bit codes of its columns take', second, { columns: 1024, layout: { name: 'nbits2×8', codes: 'twos', scales: 'f16', zero: 2, pointBase: 2, stepColumns: 32, stepsPerHeader: 1 } }],
    ['with steps of 8 columns', `${second}/layout`, { stepColumns: 8 }],
    ['with a zero that is not its point', `${second}/layout`, { zero: 7 }],
    ['with a point beyond a byte', `${second}/layout`, { zero: 256, pointBase: 256 }],
    ['with scales of a type of their own', `${second}/layout`, { scales: 'k4' }],
    ['whose columns are in an order that is not there', second, { columnOrder: 'none' }],
    ['whose columns are in an order of floats', second, { columnOrder: 'norm.weight' }],
    ['whose columns are in an order of another length', 'vectors/order', { count: 39 }],
    ['outside their record', 'vectors/norm.weight', { count: 17_501 }],
    ['in no record', 'vectors/norm.weight', { record: 9 }],
    ['without numbers', 'vectors/norm.weight', { count: 0 }],
    ['of more numbers than there can be', 'vectors/norm.weight', { count: 2 ** 53 - 1 }],
    ['of a type nobody knows', 'vectors/norm.weight', { type: 'f64' }],
    ['over a matrix', 'vectors/norm.weight', { record: 0, count: 200 }],
    ['with fields nobody knows', 'vectors/norm.weight', { more: 1 }],
  ])('%s are refused', async (_, path, changes) => {
    const error = await refusalOf((header) => Object.assign(at(header, path), changes));
    expect(error.code).toBe('bad-file');
    expect(error.detail.field).toMatch(/^header\.(matrices|vectors)/);
  }); // prettier-ignore
});

describe('the model inside', () => {
  test.each<[string, (header: PlainHeader) => void, string]>([
    ['without an architecture', ({ model }) => ((model['values'] as unknown[]).shift()), 'general.architecture'],
    ['with a key twice', ({ model }) => { const values = model['values'] as unknown[]; values.push(values[0]); }, 'general.architecture'],
    ['with more blocks than tensors', ({ model }) => setValue(model, 'llama.block_count', 1_000_000), 'llama.block_count'],
    ['with heads that do not divide', ({ model }) => setValue(model, 'llama.attention.head_count_kv', 3), 'llama.attention.head_count_kv'],
    ['with fewer tokens than rows', ({ model }) => setValue(model, 'tokenizer.ggml.tokens', ['a']), 'tokenizer.ggml'],
    ['with half a number', ({ model }) => setValue(model, 'own', { type: 'Float32Array', value: 'AAAA' }), 'own'],
    ['with a value of no type', ({ model }) => setValue(model, 'own', { type: 'Float16Array', value: '' }), 'header.model.values'],
    ['with a mixed list', ({ model }) => setValue(model, 'own', ['a', true]), 'header.model.values'],
    ['with a nested list', ({ model }) => setValue(model, 'own', [['a']]), 'header.model.values'],
    ['with a tensor twice', (header) => { const tensors = header['tensors'] as unknown[]; tensors.push(tensors[0]); }, 'token_embd.weight'],
    ['with a tensor of a type nobody knows', (header) => ((header['tensors'] as unknown[][])[0]![1] = 'Q7_7'), 'header.tensors.0'],
    ['with a tensor of too many elements', (header) => ((header['tensors'] as unknown[][])[0]![2] = [2 ** 50, 2 ** 50]), 'token_embd.weight'],
    ['made of no format', ({ source }) => (source['format'] = 'pack'), 'header.source.format'],
    ['of a name of 201 letters', ({ source }) => (source['name'] = 'x'.repeat(201)), 'header.source.name'],
    ['of a name in two lines', ({ source }) => (source['name'] = 'a\nb'), 'header.source.name'],
    ['of a name that turns the text around', ({ source }) => (source['name'] = 'a\u202eb'), 'header.source.name'],
    ['with another identity than a hash', ({ source }) => (source['identity'] = 'x'), 'header.source.identity'],
    ['of no kind', ({ model }) => (model['kind'] = 'pickle'), 'header.model.kind'],
  ])('%s is refused', async (_, change, field) => {
    const error = await refusalOf(change);
    expect(error.code).toBe('bad-file');
    expect(error.detail.field).toContain(field);
  }); // prettier-ignore

  test.each<[string, (model: Record<string, unknown>) => void]>([
    ['with a token of no content', (model) => Object.assign((model['tokenizer'] as PlainHeader)['tokenizer'] as object, { added_tokens: [{}] })],
    ['with a tokenizer that is text', (model) => (model['tokenizer'] = { tokenizer: 'x', config: {} })],
    ['with a template of megabytes', (model) => (model['templates'] = [{ name: 'default', template: 'x'.repeat(2 ** 20 + 1) }])],
    ['with a thousand templates', (model) => (model['templates'] = Array<object>(1000).fill({ name: 'a', template: '' }))],
    ['with a thousand ends and more', (model) => ((model['special'] as Record<string, unknown>)['ends'] = Array<number>(1025).fill(1))],
    ['with a negative end', (model) => ((model['special'] as Record<string, unknown>)['ends'] = [-1])],
    ['with a temperature of millions', (model) => (model['generation'] = { temperature: 1e6 })],
  ])('of a Hugging Face folder, %s, is refused', async (_, change) => {
    const error = await refusalOf(({ model }) => change(model), huggingFace);
    expect(error.code).toBe('bad-file');
  }); // prettier-ignore

  test('with a quantized matrix of wrong parts is refused', async () => {
    for (const change of [
      { rows: 0 },
      { layout: 'other' },
      { codes: null },
      { zeroPointOffset: 2 },
      { bits: 99 },
    ]) {
      const error = await refusalOf(
        (header) => Object.assign((header['quantized'] as object[])[0]!, change),
        huggingFace,
      );
      expect(error.code).toBe('bad-file');
    }
  });
});

function setValue(model: Record<string, unknown>, key: string, value: unknown): void {
  const values = model['values'] as [string, unknown][];
  const found = values.find(([name]) => name === key);
  if (found) found[1] = value;
  else values.push([key, value]);
}

test('more records than any pack has are refused by their number', async () => {
  const many = Array<number>(2 ** 22 + 1).fill(4096);
  const error = await refusalOf(({ records }) => (records.offset = many));
  expect(error).toMatchObject({ code: 'bad-file', detail: { field: 'header.records.offset' } });
  expect(error.message).toContain('at most 4194304');
});

test('a million wrong items cost one complaint', async () => {
  const wrong: unknown[] = Array(1_000_000).fill(true);
  const fields: [string, (header: PlainHeader) => void][] = [
    ['records', ({ records }) => (records.offset = wrong)],
    ['tensors', (header) => (header['tensors'] = wrong)],
    ['tiles', ({ matrices }) => (matrices['first.weight']!['tiles'] = wrong)],
    ['values', ({ model }) => setValue(model, 'own', ['text', ...wrong])],
  ];
  for (const [field, change] of fields) {
    const error = await refusalOf(change);
    expect(error.detail.field).toContain(field);
    expect(error.message.length).toBeLessThan(500);
  }
});

test('random damage to a header whose checksum is right is refused or read, never worse', async () => {
  const random = seededRandom(11);
  const pick = (count: number) => Math.floor(random() * count);
  const outcomes = new Set<string>();
  for (let round = 0; round < 300; round++) {
    const bytes = packBytes(gguf, (header) => {
      // Something somewhere becomes something else.
      let part = header as unknown as Record<string, unknown>;
      for (;;) {
        const keys = Object.keys(part);
        const key = keys[pick(keys.length)]!;
        const next = part[key];
        if (typeof next === 'object' && next !== null && Object.keys(next).length > 0 && random() < 0.8) {
          part = next as Record<string, unknown>;
          continue;
        }
        part[key] = [null, -1, 2 ** 40, 'x', [], {}, true, 0][pick(8)];
        return;
      }
    });
    const code = await readPack(write(bytes)).then(
      () => 'read',
      (error: { code?: string; message: string }) => error.code ?? error.message,
    );
    outcomes.add(code);
    expect(code).toMatch(/^(read|bad-file|unsupported-(format|type|architecture))$/);
  }
  expect(outcomes).toContain('bad-file');
});
