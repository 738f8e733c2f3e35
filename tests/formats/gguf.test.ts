import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { globSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gguf as parseIndependently } from '@huggingface/gguf';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ModelSource } from '../../electron/contract/model-source.ts';
import { readGguf } from '../../electron/formats/gguf/read-gguf.ts';
import { typeTraits } from '../../electron/formats/tensor-types.ts';
import { gguf, tinyGguf, tinyTensors, writeGguf, type WriterValue } from '../helpers/gguf-writer.ts';
import { bundledModel, goldenFolder } from '../helpers/golden.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'retort-gguf-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function read(bytes: Uint8Array, name = 'model.gguf'): Promise<ModelSource> {
  await writeFile(join(folder, name), bytes);
  return readGguf(join(folder, name));
}

const realFiles = [...globSync(join(goldenFolder, 'tiny/*/model-*.gguf')), bundledModel];

/** bigint and number, typed and plain arrays made comparable. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (ArrayBuffer.isView(value)) return Array.from(value as unknown as ArrayLike<number>);
  return value;
}

describe('the reader agrees with an independent one', () => {
  test('there are files to compare', () => {
    expect(realFiles.length).toBe(13);
  });

  test.each(realFiles.map((path) => [path.split('/').slice(-2).join('/'), path]))(
    'on %s',
    async (_, path) => {
      const source = await readGguf(path);
      const other = await parseIndependently(path, { allowLocalFile: true });
      if (source.metadata.kind !== 'gguf') throw new Error('not GGUF metadata');
      const { version, tensor_count, kv_count, ...entries } = other.metadata as Record<string, unknown>;
      expect(version).toBe(3);
      expect(Number(tensor_count)).toBe(source.tensors.size);
      expect(Number(kv_count)).toBe(source.metadata.values.size);
      const own = Object.fromEntries([...source.metadata.values].map(([key, value]) => [key, plain(value)]));
      expect(own).toEqual(
        Object.fromEntries(Object.entries(entries).map(([key, value]) => [key, plain(value)])),
      );
      expect(
        [...source.tensors.values()].map(({ name, shape, offset }) => ({ name, shape, offset })),
      ).toEqual(
        other.tensorInfos.map(({ name, shape, offset }) => ({
          name,
          shape: shape.map(Number).reverse(),
          offset: Number(other.tensorDataOffset) + Number(offset),
        })),
      );
    },
  );
});

describe('tokens of fill-in prompts', () => {
  const tokens = ['<s>', '</s>', '▁<PRE>', '▁<SUF>', '▁<MID>', '▁<EOT>', 'd', 'cd'];
  const vocabulary = {
    'tokenizer.ggml.tokens': gguf.strings(tokens),
    'tokenizer.ggml.merges': gguf.strings([]),
  };

  test('are found by name and become control tokens whatever the file calls them', async () => {
    const { special, tokenizer } = await read(tinyGguf(vocabulary));
    expect(special).toMatchObject({
      ends: [1, 5],
      infill: { prefix: 2, suffix: 3, middle: 4, suffixFirst: false },
    });
    expect(tokenizer).toMatchObject({ tokenTypes: Int32Array.from([3, 3, 3, 3, 3, 3, 1, 1]) });
  });

  test.each([
    ['present keys', ['fim_pre', 'fim_suf', 'fim_mid']],
    ['former keys', ['prefix', 'suffix', 'middle']],
  ])('are taken from %s first, with what ends a middle', async (_, [pre = '', suf = '', mid = '']) => {
    const key = (name: string) => `tokenizer.ggml.${name}_token_id`;
    const { special } = await read(
      tinyGguf({
        ...vocabulary,
        [key(pre)]: gguf.u32(6),
        [key(suf)]: gguf.u32(3),
        [key(mid)]: gguf.u32(7),
        [key('eot')]: gguf.u32(5),
        [key('fim_pad')]: gguf.u32(2),
        [key('fim_rep')]: gguf.u32(4),
        [key('fim_sep')]: gguf.u32(0),
      }),
    );
    expect(special).toMatchObject({
      ends: [1, 5, 2, 4, 0],
      infill: { prefix: 6, suffix: 3, middle: 7, suffixFirst: false },
    });
  });

  test('outside the vocabulary are refused with their key', async () => {
    const file = tinyGguf({ ...vocabulary, 'tokenizer.ggml.fim_mid_token_id': gguf.u32(8) });
    await expect(read(file)).rejects.toMatchObject({
      code: 'bad-file',
      detail: { field: 'tokenizer.ggml.fim_mid_token_id' },
    });
  });
});

test('the bundled model yields its tokenizer, template, special ids and places', async () => {
  const source = await readGguf(bundledModel);
  expect(source).toMatchObject({
    format: 'gguf',
    architecture: 'llama',
    special: { bos: 1, ends: [2], unknown: 0, padding: 2, infill: null },
    tokenizer: { kind: 'gguf', model: 'gpt2', preTokenizer: 'smollm', addBos: false },
  });
  expect(source.templates.map(({ name }) => name)).toEqual(['default']);
  expect(source.templates[0]?.template).toContain('<|im_start|>');
  const file = source.files[0]!;
  for (const { type, shape, offset, bytes } of source.tensors.values()) {
    const { blockElements, blockBytes } = typeTraits(type);
    expect((shape.reduce((product, size) => product * size, 1) / blockElements) * blockBytes).toBe(bytes);
    expect(offset).toBeGreaterThanOrEqual(file.headerBytes);
    expect(offset + bytes).toBeLessThanOrEqual(file.bytes);
  }
  expect(source.tensors.get('blk.0.ffn_up.weight')).toMatchObject({ type: 'Q4_1', shape: [1536, 576] });
});

test('every kind of metadata value is read', async () => {
  const values: Record<string, [WriterValue, unknown]> = {
    u8: [{ type: 'u8', value: 200 }, 200],
    i8: [{ type: 'i8', value: -100 }, -100],
    u16: [{ type: 'u16', value: 60000 }, 60000],
    i16: [{ type: 'i16', value: -30000 }, -30000],
    u32: [{ type: 'u32', value: 4e9 }, 4e9],
    i32: [{ type: 'i32', value: -2e9 }, -2e9],
    f32: [{ type: 'f32', value: 0.1 }, Math.fround(0.1)],
    f64: [{ type: 'f64', value: 0.1 }, 0.1],
    bool: [{ type: 'bool', value: true }, true],
    string: [{ type: 'string', value: 'ä🙂' }, 'ä🙂'],
    u64: [{ type: 'u64', value: 2n ** 40n }, 2 ** 40],
    'large u64': [{ type: 'u64', value: 2n ** 63n }, 2n ** 63n],
    i64: [{ type: 'i64', value: -(2n ** 62n) }, -(2n ** 62n)],
    'array of u8': [gguf.array('u8', [1, 255]), Uint8Array.of(1, 255)],
    'array of i8': [gguf.array('i8', [1, -1]), Int8Array.of(1, -1)],
    'array of u16': [gguf.array('u16', [1, 65535]), Uint16Array.of(1, 65535)],
    'array of i16': [gguf.array('i16', [1, -1]), Int16Array.of(1, -1)],
    'array of u32': [gguf.array('u32', [1, 4e9]), Uint32Array.of(1, 4e9)],
    'array of i32': [gguf.array('i32', [1, -1]), Int32Array.of(1, -1)],
    'array of f32': [gguf.array('f32', [1, 0.1]), Float32Array.of(1, 0.1)],
    'array of f64': [gguf.array('f64', [1, 0.1]), Float64Array.of(1, 0.1)],
    'array of bool': [gguf.array('bool', [true, false]), [true, false]],
    'array of string': [gguf.strings(['', 'x', '🙂']), ['', 'x', '🙂']],
    'array of u64': [gguf.array('u64', [1n, 2n ** 40n]), Float64Array.of(1, 2 ** 40)],
    'array of large i64': [gguf.array('i64', [1n, -(2n ** 62n)]), [1n, -(2n ** 62n)]],
    'empty array': [gguf.strings([]), []],
  };
  const source = await read(
    tinyGguf(Object.fromEntries(Object.entries(values).map(([key, [value]]) => [key, value]))),
  );
  if (source.metadata.kind !== 'gguf') throw new Error('not GGUF metadata');
  for (const [key, [, expected]] of Object.entries(values)) {
    expect(source.metadata.values.get(key), key).toEqual(expected);
  }
});

test('an array longer than the read window arrives whole', async () => {
  const words = Array.from({ length: 200_000 }, (_, i) => `word ${i}`);
  const numbers = Array.from({ length: 400_000 }, (_, i) => i);
  const source = await read(tinyGguf({ words: gguf.strings(words), numbers: gguf.array('u32', numbers) }));
  if (source.metadata.kind !== 'gguf') throw new Error('not GGUF metadata');
  expect(source.metadata.values.get('words')).toEqual(words);
  expect(source.metadata.values.get('numbers')).toEqual(Uint32Array.from(numbers));
});

test('padding that names no token is as good as absent', async () => {
  const outside = { 'tokenizer.ggml.padding_token_id': gguf.u32(8) };
  expect((await read(tinyGguf(outside))).special.padding).toBeNull();
  const inside = { 'tokenizer.ggml.padding_token_id': gguf.u32(7) };
  expect((await read(tinyGguf(inside))).special.padding).toBe(7);
});

test('version 2, another alignment and a last tensor without padding are read', async () => {
  const bytes = tinyGguf({ 'general.alignment': gguf.u32(4096) }, { version: 2, alignment: 4096 });
  const source = await read(bytes.subarray(0, bytes.length - (4096 - 128)));
  expect(source.tensors.get('token_embd.weight')).toMatchObject({ offset: 4096, shape: [8, 32] });
  expect(source.tensors.get('output_norm.weight')).toMatchObject({ offset: 4096 * 3, bytes: 128 });
});

test('templates, ends and sampling defaults come under their names', async () => {
  const source = await read(
    tinyGguf({
      'tokenizer.chat_template': gguf.string('plain'),
      'tokenizer.chat_template.tool_use': gguf.string('tools'),
      'tokenizer.ggml.eot_token_id': gguf.u32(3),
      'tokenizer.ggml.eom_token_id': gguf.u32(1),
      'general.sampling.temp': gguf.f32(0.5),
      'general.sampling.top_k': { type: 'i32', value: 20 },
    }),
  );
  expect(source.templates).toEqual([
    { name: 'default', template: 'plain' },
    { name: 'tool_use', template: 'tools' },
  ]);
  expect(source.special.ends).toEqual([1, 3]);
  expect(source.generation).toEqual({ temperature: 0.5, topK: 20 });
});

test('a vocabulary without tensors and a model without tokenizer are read', async () => {
  expect((await read(tinyGguf({}, { tensors: [] }))).tensors.size).toBe(0);
  const source = await read(
    tinyGguf({
      'tokenizer.ggml.model': gguf.string('none'),
      'tokenizer.ggml.tokens': null,
      'tokenizer.ggml.token_type': null,
      'tokenizer.ggml.merges': null,
    }),
  );
  expect(source.tokenizer).toBeNull();
});

test('state-space models may state 0 heads, hybrids per layer', async () => {
  const state = { 'llama.ssm.state_size': gguf.u32(16) };
  await read(tinyGguf({ ...state, 'llama.attention.head_count': gguf.u32(0) }));
  await read(
    tinyGguf({
      'llama.block_count': gguf.u32(2),
      'llama.attention.head_count': gguf.array('i32', [0, 4]),
      'llama.attention.head_count_kv': gguf.array('i32', [0, 2]),
    }),
  );
});

describe('split models', () => {
  const part = (index: number, count = 2, changes: Record<string, WriterValue> = {}) => {
    const split = {
      'split.no': { type: 'u16', value: index },
      'split.count': { type: 'u16', value: count },
      'split.tensors.count': { type: 'i32', value: 3 },
      ...changes,
    } as const;
    if (index === 0) return tinyGguf(split, { tensors: tinyTensors.slice(0, 1) });
    return writeGguf({ entries: Object.entries(split), tensors: tinyTensors.slice(1) });
  };
  const write = (name: string, bytes: Uint8Array) => writeFile(join(folder, name), bytes);

  test('are joined whichever part is named', async () => {
    await write('joined-00001-of-00002.gguf', part(0));
    await write('joined-00002-of-00002.gguf', part(1));
    for (const number of [1, 2]) {
      const source = await readGguf(join(folder, `joined-0000${number}-of-00002.gguf`));
      expect(source.files.map(({ name }) => name)).toEqual([
        'joined-00001-of-00002.gguf',
        'joined-00002-of-00002.gguf',
      ]);
      expect([...source.tensors.values()].map(({ name, file }) => [name, file])).toEqual([
        ['token_embd.weight', 0],
        ['blk.0.attn_norm.weight', 1],
        ['output_norm.weight', 1],
      ]);
    }
  });

  test('are refused with a part missing, which is named', async () => {
    await write('lone-00001-of-00002.gguf', part(0));
    await expect(readGguf(join(folder, 'lone-00001-of-00002.gguf'))).rejects.toMatchObject({
      code: 'not-found',
      detail: { file: 'lone-00002-of-00002.gguf' },
    });
  });

  test.each([
    ['a part in the wrong place', part(0), part(0), 'split.no'],
    ['parts that disagree on their number', part(0), part(1, 3), 'split.count'],
    ['a number of parts other than the name says', part(0, 3), part(1), 'split.count'],
    [
      'a wrong total of tensors',
      part(0, 2, { 'split.tensors.count': gguf.u32(9) }),
      part(1),
      'split.tensors.count',
    ],
    [
      'a tensor in two parts',
      part(0, 2, { 'split.tensors.count': gguf.u32(2) }),
      writeGguf({
        entries: [
          ['split.no', gguf.u32(1)],
          ['split.count', gguf.u32(2)],
        ],
        tensors: tinyTensors.slice(0, 1),
      }),
      'token_embd.weight',
    ],
  ])('are refused with %s', async (_, first, second, field) => {
    await write('bad-00001-of-00002.gguf', first);
    await write('bad-00002-of-00002.gguf', second);
    await expect(readGguf(join(folder, 'bad-00001-of-00002.gguf'))).rejects.toMatchObject({
      code: 'bad-file',
      detail: { field },
    });
  });

  test('are refused under a name that does not say their number', async () => {
    await write('renamed.gguf', part(0));
    await expect(readGguf(join(folder, 'renamed.gguf'))).rejects.toMatchObject({
      code: 'bad-file',
      detail: { file: 'renamed.gguf', field: 'split.count' },
    });
  });
});

test.each([
  ['an image encoder', { 'general.architecture': gguf.string('clip') }, /image encoder/],
  ['a LoRA adapter', { 'general.type': gguf.string('adapter') }, /adapter/],
  ['an importance matrix', { 'general.type': gguf.string('imatrix') }, /importance matrix/],
])('%s is refused as what it is', async (_, changes, message) => {
  await expect(read(tinyGguf(changes, { tensors: [] }))).rejects.toMatchObject({
    code: 'unsupported-format',
    message: expect.stringMatching(message) as string,
  });
});
