/**
 * F4 of docs/reliability.md for config.json, generation_config.json, tokenizer.json, tokenizer_config.json and genai_config.json:
 * each is refused with its file and field, by the reader or when the architecture is resolved. Image settings come with vision.
 */
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../electron/contract/model-source.ts';
import { readModelSource } from '../../electron/formats/open-source.ts';
import { resolveModel } from '../../models/families/index.ts';
import { goldenFolder, readGoldenJson } from '../helpers/golden.ts';
import { copyTinyModel, labError, makeFolder, writeFiles } from '../helpers/model-folder.ts';

const config = readGoldenJson<JsonObject>('tiny/llama/config.json');
const tokenizer = readGoldenJson<JsonObject>('tiny/llama/tokenizer.json');

/** Reads and resolves the tiny llama with some of its files replaced. */
async function openWith(files: Readonly<Record<string, string | object>>) {
  return resolveModel(await readModelSource(copyTinyModel('llama', files)));
}

const changed = (change: object) => ({ 'config.json': { ...config, ...change } });

test('the unchanged folder is read and resolved', async () => {
  expect((await openWith({})).spec.layers).toHaveLength(3);
});

test('config.json that is absent is named', async () => {
  const folder = copyTinyModel('llama');
  rmSync(join(folder, 'config.json'));
  const error = await labError(readModelSource(folder));
  expect(error).toMatchObject({ code: 'not-found', detail: { file: 'config.json' } });
});

interface HostileConfig {
  readonly title: string;
  readonly files: Readonly<Record<string, string | object>>;
  readonly field?: string;
  readonly file?: string;
  readonly code?: string;
}

const configCases: HostileConfig[] = [
  { title: 'an empty config.json', files: { 'config.json': '' } },
  { title: 'a config.json that is a list', files: { 'config.json': '[]' } },
  { title: 'a config.json cut short', files: { 'config.json': '{"model_type": "llama", "hidden_size": 6' } },
  { title: 'config.json 100,000 deep', files: { 'config.json': `{"a":${'{"a":'.repeat(100_000)}` } },
  { title: 'a key twice', files: { 'config.json': '{"model_type":"llama","model_type":"gpt2"}' }, field: 'model_type' },
  { title: 'no model_type', files: { 'config.json': {} }, field: 'model_type' },
  { title: 'a model_type that is a number', files: changed({ model_type: 7 }), field: 'model_type' },
  { title: 'code of its own without a model_type', files: { 'config.json': { auto_map: { AutoModel: 'm.M' } } }, field: 'auto_map', code: 'unsupported-architecture' },
  { title: 'a layer count as text', files: changed({ num_hidden_layers: '3' }), field: 'num_hidden_layers' },
  { title: 'no layers', files: changed({ num_hidden_layers: 0 }), field: 'num_hidden_layers' },
  { title: '10^9 layers', files: changed({ num_hidden_layers: 1e9 }), field: 'num_hidden_layers' },
  { title: 'infinitely many layers', files: { 'config.json': JSON.stringify({ ...config, num_hidden_layers: 7 }).replace(':7', ':Infinity') }, field: 'num_hidden_layers' },
  { title: '2.5 layers', files: changed({ num_hidden_layers: 2.5 }), field: 'num_hidden_layers' },
  { title: 'no heads', files: changed({ num_attention_heads: 0 }), field: 'num_attention_heads' },
  { title: 'a negative width', files: changed({ hidden_size: -64 }), field: 'hidden_size' },
  { title: 'key-value heads that do not divide the heads', files: changed({ num_key_value_heads: 3 }), field: 'num_key_value_heads' },
  { title: 'an epsilon that is text', files: changed({ rms_norm_eps: 'small' }), field: 'rms_norm_eps' },
  { title: 'a tied flag that is text', files: changed({ tie_word_embeddings: 'yes' }), field: 'tie_word_embeddings' },
  { title: 'a quantization_config that is a list', files: changed({ quantization_config: [] }), field: 'quantization_config' },
  { title: 'a group size of 0', files: changed({ quantization_config: { quant_method: 'gptq', group_size: 0 } }), field: 'quantization_config.group_size' },
  { title: 'an end id outside the vocabulary', files: changed({ eos_token_id: 320 }), field: 'eos_token_id' },
  { title: 'an end id of 2^40', files: changed({ eos_token_id: [2 ** 40] }), field: 'eos_token_id' },
  { title: 'a temperature that is text', files: { 'generation_config.json': { temperature: 'hot' } }, file: 'generation_config.json', field: 'temperature' },
  { title: 'a tokenizer without a model', files: { 'tokenizer.json': {} }, file: 'tokenizer.json', field: 'model' },
  { title: 'an added token without an id', files: { 'tokenizer.json': { ...tokenizer, added_tokens: [{ content: 'x' }] } }, file: 'tokenizer.json', field: 'added_tokens[0]' },
  { title: 'an added token with id −1', files: { 'tokenizer.json': { ...tokenizer, added_tokens: [{ id: -1, content: 'x' }] } }, file: 'tokenizer.json', field: 'added_tokens[0]' },
  { title: 'a chat template that is a number', files: { 'tokenizer_config.json': { chat_template: 1 } }, file: 'tokenizer_config.json', field: 'chat_template' },
  { title: 'a chat template without a name', files: { 'tokenizer_config.json': { chat_template: [{ template: '' }] } }, file: 'tokenizer_config.json', field: 'chat_template[0]' },
  { title: 'a chat template of 50 MB', files: { 'tokenizer_config.json': { chat_template: 'x'.repeat(50_000_000) } }, file: 'tokenizer_config.json', field: 'chat_template' },
  { title: 'a template file of 50 MB', files: { 'chat_template.jinja': 'x'.repeat(50_000_000) }, file: 'chat_template.jinja' },
]; // prettier-ignore

describe('hostile configurations', () => {
  test.each(configCases)('$title is refused', async ({ files, field, file, code }) => {
    const error = await labError(openWith(files));
    expect(error.code).toBe(code ?? 'bad-file');
    expect(error.detail.file).toBe(file ?? 'config.json');
    if (field !== undefined) expect(error.detail.field).toBe(field);
    expect(error.message).toContain(file ?? 'config.json');
  });

  test('an unknown model_type is passed on and named when it is resolved', async () => {
    const folder = copyTinyModel('llama', changed({ model_type: 'llama99', auto_map: { AutoModel: 'm.M' } }));
    const source = await readModelSource(folder);
    expect(source.architecture).toBe('llama99');
    expect(() => resolveModel(source)).toThrow(expect.objectContaining({ code: 'unsupported-architecture' }));
    expect(() => resolveModel(source)).toThrow('llama99');
  });

  test('a vocabulary larger than the weights names the weights', async () => {
    const error = await labError(openWith(changed({ vocab_size: 1_000_000 })));
    expect(error.code).toBe('bad-file');
    expect(error.message).toMatch(/embed_tokens|embedding/);
  });

  test('more layers than the weights hold names the missing weights', async () => {
    const error = await labError(openWith(changed({ num_hidden_layers: 5000 })));
    expect(error.code).toBe('bad-file');
    expect(error.message).toContain('model.layers.3.');
  });

  test('__proto__ and constructor keys change nothing', async () => {
    const text = JSON.stringify(config);
    const poison =
      '"__proto__":{"num_hidden_layers":1,"eos_token_id":7},"constructor":{"prototype":{"x":1}},';
    const { hidden_size: _, ...rest } = config;
    const { spec } = await openWith({ 'config.json': text.replace('{', `{${poison}`) });
    expect(spec.layers).toHaveLength(3);
    expect(({} as JsonObject)['num_hidden_layers']).toBeUndefined();
    // A field that only the poisoned prototype has is missing.
    const hidden = JSON.stringify(rest).replace('{', '{"__proto__":{"hidden_size":64},');
    expect((await labError(openWith({ 'config.json': hidden }))).detail.field).toBe('hidden_size');
  });

  test('a tokenizer with 10^6 added tokens is refused in under 5 s', async () => {
    const added = Array.from({ length: 1_000_000 }, (_, id) => `{"id":${id},"content":"<${id}>"}`).join(',');
    const folder = copyTinyModel('llama', { 'tokenizer.json': `{"added_tokens":[${added}],"model":{}}` });
    const start = process.cpuUsage();
    const error = await labError(readModelSource(folder));
    const { user, system } = process.cpuUsage(start);
    expect(error).toMatchObject({
      code: 'bad-file',
      detail: { file: 'tokenizer.json', field: 'added_tokens' },
    });
    expect(user + system).toBeLessThan(5e6);
  });

  test('a file larger than its limit is not read', async () => {
    const big = JSON.stringify(config).replace('{', `{${' '.repeat(17 * 1_048_576)}`);
    const error = await labError(openWith({ 'config.json': big }));
    expect(error.message).toContain('more than the 16777216 allowed');
  });

  test('a folder in the place of config.json is refused', async () => {
    const folder = copyTinyModel('llama');
    rmSync(join(folder, 'config.json'));
    writeFiles(folder, { 'config.json/file': '' });
    const error = await labError(readModelSource(folder));
    expect(error).toMatchObject({ code: 'bad-file', detail: { file: 'config.json' } });
  });
});

describe('hostile genai_config.json', () => {
  test.each([
    ['that is empty', {}, 'model'],
    ['without a decoder', { model: { type: 'llama' } }, 'model.decoder'],
    [
      'with a decoder outside the folder',
      { model: { type: 'llama', decoder: { filename: '../model.onnx' } } },
      undefined,
    ],
  ])('one %s is refused', async (_, value, field) => {
    const folder = makeFolder();
    cpSync(join(goldenFolder, 'exports/llama-genai-int4'), folder, { recursive: true });
    writeFiles(folder, { 'genai_config.json': value });
    const error = await labError(readModelSource(folder));
    expect(error.code).toBe(field === undefined ? 'outside-folder' : 'bad-file');
    if (field !== undefined) expect(error.detail).toMatchObject({ file: 'genai_config.json', field });
  });
});
