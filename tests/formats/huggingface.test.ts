import { mkdirSync, readFileSync, readdirSync, renameSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { JsonObject, TokenizerSource } from '../../electron/contract/model-source.ts';
import {
  readGenerationDefaults,
  readSpecialIds,
  readTemplates,
  readTokenizer,
} from '../../electron/formats/huggingface/folder-files.ts';
import { readHuggingFaceFolder } from '../../electron/formats/huggingface/read-folder.ts';
import { parseJsonObject } from '../../electron/formats/json.ts';
import { readModelSource } from '../../electron/formats/open-source.ts';
import { readWeight } from '../../electron/formats/read-weight.ts';
import { goldenFolder, readGoldenJson, readGoldenTensors } from '../helpers/golden.ts';
import {
  copyTinyModel,
  labError,
  makeFolder,
  safetensorsBytes,
  writeFiles,
} from '../helpers/model-folder.ts';

const tiny = (name: string) => join(goldenFolder, 'tiny', name);
const tinyCases = readdirSync(join(goldenFolder, 'tiny'));
const packedCases = ['llama-gptq', 'llama-gptq-actorder', 'llama-awq'];

describe('tiny folders', () => {
  test.each(tinyCases)('%s is read with its tokenizer and special ids', async (name) => {
    const source = await readHuggingFaceFolder(tiny(name));
    const config = readFileSync(join(tiny(name), 'config.json'), 'utf8');
    expect(source).toMatchObject({
      format: 'safetensors',
      name,
      architecture: /"model_type": "(\w+)"/.exec(config)?.[1],
      special: { bos: 0, ends: [1], unknown: null },
      templates: [],
      generation: {},
      graphs: [],
    });
    expect(source.tokenizer).toMatchObject({ kind: 'huggingface', tokenizer: { version: '1.0' } });
    for (const tensor of source.tensors.values()) {
      const file = source.files[tensor.file]!;
      expect(file.name).toBe('model.safetensors');
      expect(tensor.offset + tensor.bytes).toBeLessThanOrEqual(file.bytes);
    }
    expect(source.matrices.size).toBe(packedCases.includes(name) ? 21 : 0);
  });

  test('plain weights are read whole, by rows and transposed', async () => {
    const source = await readHuggingFaceFolder(tiny('gpt2'));
    const stored = (await readGoldenTensors(join(tiny('gpt2'), 'model.safetensors'))).get(
      'transformer.h.0.attn.c_attn.weight',
    )!;
    const [inputs = 0, outputs = 0] = stored.shape;
    const tensor = source.tensors.get('transformer.h.0.attn.c_attn.weight')!;
    const weight = { source: { kind: 'tensor', tensor }, transposed: false, rows: null } as const;
    expect(await readWeight(source, { ...weight, shape: [inputs, outputs] })).toEqual(stored.floats());
    const rows = { start: 5, count: 3 };
    const some = await readWeight(source, { ...weight, shape: [3, outputs], rows });
    expect(some).toEqual(stored.floats().slice(5 * outputs, 8 * outputs));
    const turned = await readWeight(source, { ...weight, shape: [3, inputs], transposed: true, rows });
    const expected = Array.from({ length: 3 * inputs }, (_, i) => {
      return stored.floats()[(i % inputs) * outputs + 5 + Math.floor(i / inputs)]!;
    });
    expect([...turned]).toEqual(expected);
  });

  test('a weight of another shape, rows beyond the end and a changed file are refused', async () => {
    const folder = copyTinyModel('llama');
    const source = await readHuggingFaceFolder(folder);
    const tensor = source.tensors.get('model.norm.weight')!;
    const weight = { source: { kind: 'tensor', tensor }, transposed: false, rows: null } as const;
    expect((await labError(readWeight(source, { ...weight, shape: [65] }))).detail.field).toBe(
      'model.norm.weight',
    );
    const beyond = readWeight(source, { ...weight, shape: [2], rows: { start: 63, count: 2 } });
    expect((await labError(beyond)).message).toContain('rows 63 to 65 of 64');
    writeFiles(folder, { 'model.safetensors': safetensorsBytes({}) });
    const changed = await labError(readWeight(source, { ...weight, shape: [64] }));
    expect(changed).toMatchObject({ code: 'bad-file', detail: { file: 'model.safetensors' } });
  });
});

describe('packed checkpoints', () => {
  const firstMatrix = async (folder: string) =>
    (await readHuggingFaceFolder(folder)).matrices.get('model.layers.0.mlp.down_proj.weight')!;
  const config = (name: string) => readGoldenJson<JsonObject>('tiny', name, 'config.json');
  const quantization = (name: string) => config(name)['quantization_config'] as JsonObject;
  const changed = (name: string, change: JsonObject) =>
    copyTinyModel(name, {
      'config.json': { ...config(name), quantization_config: { ...quantization(name), ...change } },
    });

  test('shapes, bits and zero points are told', async () => {
    expect(await firstMatrix(tiny('llama-gptq'))).toMatchObject({
      layout: 'gptq',
      rows: 64,
      columns: 128,
      bits: 4,
      blockSize: 32,
      zeroPointOffset: 1,
      groupIndex: { name: 'model.layers.0.mlp.down_proj.g_idx' },
    });
    expect(await firstMatrix(tiny('llama-awq'))).toMatchObject({
      layout: 'awq',
      rows: 64,
      columns: 128,
      bits: 4,
      blockSize: 32,
      zeroPointOffset: 0,
      groupIndex: null,
    });
    expect(await firstMatrix(changed('llama-gptq', { checkpoint_format: 'gptq_v2' }))).toMatchObject({
      zeroPointOffset: 0,
    });
  });

  test('older checkpoints keep the scheme in quantize_config.json', async () => {
    const { quantization_config: scheme, ...plain } = config('llama-gptq');
    const { quant_method: _, ...older } = scheme as JsonObject;
    const folder = copyTinyModel('llama-gptq', { 'config.json': plain });
    const error = await labError(readHuggingFaceFolder(folder));
    expect(error).toMatchObject({ code: 'bad-file', detail: { file: 'model.safetensors' } });
    writeFiles(folder, { 'quantize_config.json': older });
    expect(await firstMatrix(folder)).toMatchObject({ layout: 'gptq', bits: 4 });
  });

  test('bits and group size of one module may differ: its shapes decide', async () => {
    const header: Record<string, object> = {};
    let end = 0;
    const add = (name: string, dtype: string, bytes: number, shape: number[]) => {
      const size = shape.reduce((product, n) => product * n, bytes);
      header[name] = { dtype, shape, data_offsets: [end, (end += size)] };
    };
    // 8 bits in groups of 64 where config.json says 4 and 32.
    add('m.qweight', 'I32', 4, [32, 16]);
    add('m.qzeros', 'I32', 4, [2, 4]);
    add('m.scales', 'F16', 2, [2, 16]);
    const dynamic = { '+:(a+)+$': { bits: 8, group_size: 64 } };
    const folder = changed('llama-gptq', { dynamic });
    writeFiles(folder, { 'model.safetensors': safetensorsBytes(header, end) });
    const matrix = (await readHuggingFaceFolder(folder)).matrices.get('m.weight');
    expect(matrix).toMatchObject({ rows: 16, columns: 128, bits: 8, blockSize: 64 });
  });

  test.each([
    ['gptq', 'quant_method', { quant_method: 'bitsandbytes' }],
    ['gptq', 'checkpoint_format', { checkpoint_format: 'marlin' }],
    ['awq', 'version', { version: 'gemv' }],
    ['awq', 'bits', { bits: 3 }],
  ])('%s with another %s is named as unsupported', async (layout, field, change) => {
    const error = await labError(readHuggingFaceFolder(changed(`llama-${layout}`, change)));
    expect(error).toMatchObject({
      code: 'unsupported-feature',
      detail: { file: 'config.json', field: `quantization_config.${field}` },
    });
  });

  test.each([
    ['scales', { dtype: 'F16', shape: [3, 16], data_offsets: [0, 96] }, 'zero points do not fit'],
    ['qzeros', { dtype: 'I32', shape: [2, 3], data_offsets: [0, 24] }, 'codes of 6 bits'],
    ['g_idx', { dtype: 'I32', shape: [9], data_offsets: [0, 36] }, 'g_idx must hold 64'],
    ['weight', { dtype: 'F16', shape: [1], data_offsets: [0, 2] }, 'both packed and plain'],
    ['qweight', { dtype: 'F32', shape: [8, 16], data_offsets: [0, 512] }, 'unexpected type F32'],
  ])('%s that does not fit the other parts is refused', async (part, entry, message) => {
    const good: Record<string, { dtype: string; shape: number[]; data_offsets: number[] }> = {
      qweight: { dtype: 'I32', shape: [8, 16], data_offsets: [0, 512] },
      qzeros: { dtype: 'I32', shape: [2, 2], data_offsets: [0, 16] },
      scales: { dtype: 'F16', shape: [2, 16], data_offsets: [0, 64] },
    };
    let end = 0;
    const placed = Object.entries({ ...good, [part]: entry }).map(
      ([name, { dtype, shape, data_offsets }]) => {
        const bytes = data_offsets[1]! - data_offsets[0]!;
        return [`m.${name}`, { dtype, shape, data_offsets: [end, (end += bytes)] }];
      },
    );
    const folder = copyTinyModel('llama-gptq', {
      'model.safetensors': safetensorsBytes(Object.fromEntries(placed) as object, end),
    });
    const error = await labError(readHuggingFaceFolder(folder));
    expect(error).toMatchObject({
      code: 'bad-file',
      detail: { file: 'model.safetensors', field: 'm.qweight' },
    });
    expect(error.message).toContain(message);
  });
});

describe('text files', () => {
  const inConfig = {
    chat_template: [
      { name: 'default', template: 'd' },
      { name: 'tool_use', template: 't' },
    ],
  };

  test('templates are looked for in files, then chat_template.json, then tokenizer_config.json', async () => {
    const folder = makeFolder();
    const names = async () => (await readTemplates(folder, inConfig)).templates;
    expect(await names()).toEqual(inConfig.chat_template);
    writeFiles(folder, { 'chat_template.json': { chat_template: 'processor' } });
    expect(await names()).toEqual([{ name: 'default', template: 'processor' }]);
    writeFiles(folder, { 'chat_template.jinja': 'own', 'additional_chat_templates/rag.jinja': 'rag' });
    expect(await names()).toEqual([{ name: 'default', template: 'own' }, { name: 'rag', template: 'rag' }]); // prettier-ignore
    expect((await readTemplates(folder, {})).files.map(({ name }) => name)).toEqual([
      'chat_template.jinja',
      'additional_chat_templates/rag.jinja',
    ]);
  });

  test('ends are the union of every file, the tokenizer names its own by text', async () => {
    const folder = makeFolder({
      'tokenizer.json': {
        added_tokens: [{ id: 5, content: '<|im_end|>' }],
        model: { vocab: { '<s>': 2, constructor: 3 } },
      },
      'tokenizer_config.json': {
        eos_token: { content: '<|im_end|>' },
        bos_token: '<s>',
        unk_token: 'toString',
      },
    });
    const { tokenizer } = await readTokenizer(folder);
    const special = readSpecialIds(
      [
        { name: 'generation_config.json', value: { eos_token_id: [6, 7], pad_token_id: -1 } },
        { name: 'config.json', value: { eos_token_id: 6, bos_token_id: 1, pad_token_id: 9, vocab_size: 9 } },
      ],
      tokenizer,
    );
    expect(special).toEqual({ bos: 2, ends: [5, 6, 7], unknown: null, padding: null, infill: null });
  });

  test.each([
    ['Code Llama', ['▁<PRE>', '▁<SUF>', '▁<MID>', '▁<EOT>'], { suffixFirst: false }, [2, 13]],
    ['Qwen', ['<|fim_prefix|>', '<|fim_suffix|>', '<|fim_middle|>', '<|fim_pad|>', '<|file_sep|>'], { suffixFirst: false }, [2, 13, 14]],
    ['StarCoder', ['<fim_prefix>', '<fim_suffix>', '<fim_middle>', '<fim_pad>'], { suffixFirst: false }, [2, 13]],
    ['DeepSeek', ['<｜fim▁begin｜>', '<｜fim▁hole｜>', '<｜fim▁end｜>'], { suffixFirst: false }, [2]],
    ['Codestral', ['[PREFIX]', '[SUFFIX]'], { suffixFirst: true, middle: null }, [2]],
    ['a vocabulary that lacks one', ['<fim_prefix>', '<fim_suffix>', 'fim_middle'], { suffixFirst: false, middle: null }, [2]],
  ])('tokens of fill-in prompts are found by the names of %s', (_, names, expected, ends) => {
    const [prefix, ...others] = names.map((content, index) => ({ content, id: 10 + index }));
    const vocab = Object.fromEntries(others.map(({ content, id }) => [content, id]));
    const tokenizer: TokenizerSource = {
      kind: 'huggingface',
      tokenizer: { added_tokens: [prefix!], model: { vocab } },
      config: {},
    };
    const special = readSpecialIds([{ name: 'config.json', value: { eos_token_id: 2 } }], tokenizer);
    expect(special.infill).toEqual({ prefix: 10, suffix: 11, middle: 12, ...expected });
    expect(special.ends).toEqual(ends);
  }); // prettier-ignore

  test('a vocabulary without fill-in tokens keeps names that end a middle elsewhere, and rows decide what is a token', () => {
    const names = ['<reponame>', '<file_sep>', '▁<PRE>', '▁<SUF>', '▁<MID>'];
    const added = names.map((content, index) => ({ content, id: 7 + index }));
    const tokenizer: TokenizerSource = {
      kind: 'huggingface',
      tokenizer: { added_tokens: added },
      config: {},
    };
    const read = (vocabulary: number) =>
      readSpecialIds(
        [{ name: 'config.json', value: { eos_token_id: 2, vocab_size: vocabulary } }],
        tokenizer,
      );
    expect(read(9)).toMatchObject({ infill: null, ends: [2] });
    expect(read(11)).toMatchObject({ infill: { prefix: 9, suffix: 10, middle: null }, ends: [2] });
  });

  test('ids that are no ids or lie outside the vocabulary name their file', () => {
    const read = (value: JsonObject) => () => readSpecialIds([{ name: 'config.json', value }], null);
    expect(read({ eos_token_id: '1' })).toThrow(/config.json, eos_token_id: expected an id/);
    expect(read({ eos_token_id: [1.5] })).toThrow(/expected an id/);
    expect(read({ bos_token_id: 320, vocab_size: 320 })).toThrow(
      /bos_token_id: id 320 is not below vocab_size/,
    );
  });

  test('generation defaults are what the file states, greedy is temperature 0', () => {
    const read = (value: JsonObject) => readGenerationDefaults({ name: 'generation_config.json', value });
    expect(read({ temperature: 0.6, top_k: 20, top_p: 0.95, min_p: null, repetition_penalty: 1.1 })).toEqual({
      temperature: 0.6,
      topK: 20,
      topP: 0.95,
      repetitionPenalty: 1.1,
    });
    expect(read({ do_sample: false, temperature: 0.6, top_k: -1 })).toEqual({ temperature: 0 });
    expect(() => read({ top_p: 'most' })).toThrow(/generation_config.json, top_p: expected a number/);
  });
});

describe('detection by content', () => {
  const gguf = join(tiny('llama'), 'model-f32.gguf');

  test('a folder with config.json and safetensors is read as such, one of its files too', async () => {
    expect(await readModelSource(tiny('llama'))).toMatchObject({ format: 'safetensors', name: 'llama' });
    expect(await readModelSource(join(tiny('llama'), 'model.safetensors'))).toMatchObject({
      format: 'safetensors',
    });
    const other = await labError(readModelSource(join(tiny('llama'), 'expected.safetensors')));
    expect(other.code).toBe('bad-request');
  });

  test('a GGUF file is known by its magic whatever its name, also behind a link', async () => {
    const folder = makeFolder();
    symlinkSync(gguf, join(folder, 'weights.dat'));
    expect(await readModelSource(join(folder, 'weights.dat'))).toMatchObject({ format: 'gguf' });
  });

  test('graphs come before safetensors, genai_config.json before both', async () => {
    const exports = join(goldenFolder, 'exports');
    const formats = Object.fromEntries(
      await Promise.all(
        ['llama-plain', 'llama-genai-int4', 'qwen3-transformersjs-q4'].map(async (name) => {
          return [name, (await readModelSource(join(exports, name))).format] as const;
        }),
      ),
    );
    expect(formats).toEqual({
      ...{
        'llama-plain': 'transformersjs',
        'llama-genai-int4': 'genai',
        'qwen3-transformersjs-q4': 'transformersjs',
      },
    });
  });

  test('several GGUF models in a folder are listed, an image encoder beside one is not counted', async () => {
    const folder = makeFolder({ 'a.gguf': readFileSync(gguf), 'mmproj-a.gguf': 'x' });
    expect(await readModelSource(folder)).toMatchObject({ format: 'gguf' });
    writeFiles(folder, { 'b-00001-of-00002.gguf': 'x', 'b-00002-of-00002.gguf': 'x' });
    const error = await labError(readModelSource(folder));
    expect(error.code).toBe('bad-request');
    expect(error.message).toContain('2 models; name one: a.gguf, b-00001-of-00002.gguf.');
  });

  test('the snapshot of a Hugging Face cache is named after its repository', async () => {
    const hub = makeFolder();
    const repository = join(hub, 'models--Some--Model-1');
    mkdirSync(join(repository, 'snapshots'), { recursive: true });
    const made = copyTinyModel('llama');
    mkdirSync(join(repository, 'blobs'));
    renameSync(join(made, 'model.safetensors'), join(repository, 'blobs', 'abc'));
    renameSync(made, join(repository, 'snapshots', 'f00'));
    symlinkSync('../../blobs/abc', join(repository, 'snapshots', 'f00', 'model.safetensors'));
    const source = await readModelSource(join(repository, 'snapshots', 'f00'));
    expect(source.name).toBe('Some/Model-1');
    expect(source.tensors.size).toBe(29);
  });

  test.each([
    [
      'pickle files only',
      { 'config.json': {}, 'pytorch_model.bin': 'x' },
      'Python pickle files can run code',
    ],
    ['an empty folder', {}, 'found nothing'],
    ['something else', { 'a.txt': 'x', 'b.png': 'x' }, 'found a.txt, b.png'],
  ])('%s is an unsupported format that says what was found', async (_, files, message) => {
    const error = await labError(readModelSource(makeFolder(files)));
    expect(error.code).toBe('unsupported-format');
    expect(error.message).toContain(message);
  });

  test.each([
    ['empty.bin', '', 'pickle'],
    ['archive.pt', 'PK\x03\x04zip', 'pickle'],
    ['notes.txt', 'hello', 'begins with the bytes 68656c6c'],
  ])('the file %s is refused', async (name, content, message) => {
    const error = await labError(readModelSource(join(makeFolder({ [name]: content }), name)));
    expect(error).toMatchObject({ code: 'unsupported-format', detail: { file: name } });
    expect(error.message).toContain(message);
  });

  test('a path that does not exist is not found', async () => {
    expect((await labError(readModelSource(join(makeFolder(), 'absent')))).code).toBe('not-found');
  });
});

describe('strict JSON', () => {
  const parse = (text: string) => parseJsonObject(Buffer.from(text, 'latin1'), 'config.json');

  test('names of prototype members are ordinary keys', () => {
    const value = parse('{"__proto__": {"vocab_size": 7}, "constructor": 1}');
    expect(value['vocab_size']).toBeUndefined();
    expect(Object.keys(value)).toEqual(['__proto__', 'constructor']);
  });

  test("a byte order mark and Python's Infinity are read", () => {
    expect(parse('\xef\xbb\xbf{"limit": [0.0, -Infinity, Infinity], "text": "Infinity"}')).toEqual({
      limit: [0, -Infinity, Infinity],
      text: 'Infinity',
    });
  });

  test.each([
    ['{"a": 1, "b": {"c": 1, "\\u0063": 2}}', 23, 'the key occurs twice'],
    ['{"a": "\xff"}', 7, 'not valid UTF-8'],
    ['{"a": 01}', 7, 'expected }'],
    ['{"a": 1,}', 8, 'expected a key'],
    ['{"a": NaN}', 6, 'expected a JSON value'],
    ['{"a": "\n"}', 7, 'a control character'],
    ['{"a": "\\q"}', 7, 'an unknown escape'],
    ['{"a": 1} {}', 9, 'unexpected bytes'],
    ['[1]', 0, 'expected an object'],
    ['', 0, 'expected an object'],
    [`{"a": ${'['.repeat(10_000)}`, 106, 'nested deeper than 100'],
  ])('%j is refused at offset %i', (text, offset, message) => {
    expect(() => parse(text)).toThrow(
      expect.objectContaining({ code: 'bad-file', detail: expect.objectContaining({ offset }) as object }),
    );
    expect(() => parse(text)).toThrow(message);
  });
});
