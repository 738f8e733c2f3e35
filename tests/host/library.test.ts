import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Library, nameOf } from '../../electron/host/library/library.ts';
import { openStore } from '../../electron/host/store/store.ts';
import { bundledModel, goldenFolder } from '../helpers/golden.ts';
import { makeFolder } from '../helpers/model-folder.ts';
import { startHost, temporaryFolder } from '../helpers/test-host.ts';

const tinyLlama = join(goldenFolder, 'tiny', 'llama');

test('the bundled model is there from the start and is found by its name', async () => {
  const { client } = startHost();
  expect(await client.listModels({})).toMatchObject([
    { name: 'smollm2-135m-instruct', path: bundledModel, bundled: true, present: true, bytes: 98_362_432 },
  ]);
});

test('a folder is added under a name made from its own, inspected and removed', async () => {
  const { client } = startHost();
  const added = await client.addModel({ path: tinyLlama, name: null });
  expect(added).toMatchObject({
    name: 'llama',
    architecture: 'llama',
    format: 'safetensors',
    bundled: false,
  });
  const summary = await client.inspect({ model: { name: 'llama', path: null } });
  expect(summary).toMatchObject({ supported: true, layers: 3, hiddenSize: 64, vocabularySize: 320 });
  expect(await client.removeModel({ name: 'llama' })).toMatchObject({ path: tinyLlama });
  expect(await client.listModels({})).toHaveLength(1);
});

test('a name wins over a folder of the same name', async () => {
  const { client } = startHost();
  await client.addModel({ path: tinyLlama, name: 'qwen2' });
  const model = { name: 'qwen2', path: join(goldenFolder, 'tiny', 'qwen2') };
  expect((await client.inspect({ model })).architecture).toBe('llama');
});

test('two hosts share one library', async () => {
  const home = temporaryFolder();
  const [first, second] = [startHost(home), startHost(home)];
  await first.client.addModel({ path: tinyLlama, name: 'mine' });
  expect((await second.client.listModels({})).map((model) => model.name)).toContain('mine');
});

test('a model whose file is gone is listed as absent and says so when used', async () => {
  const { client } = startHost();
  const copy = makeFolder();
  cpSync(tinyLlama, copy, { recursive: true });
  await client.addModel({ path: copy, name: 'gone' });
  rmSync(copy, { recursive: true });
  expect((await client.listModels({})).find((model) => model.name === 'gone')?.present).toBe(false);
  await expect(client.inspect({ model: { name: 'gone', path: null } })).rejects.toMatchObject({
    code: 'not-found',
  });
});

test.each([
  ['a taken name', { path: tinyLlama, name: 'smollm2-135m-instruct' }, 'bad-request'],
  ['a name with a slash', { path: tinyLlama, name: '../x' }, 'bad-request'],
  ['a name of 65 letters', { path: tinyLlama, name: 'x'.repeat(65) }, 'bad-request'],
  ['a folder that does not exist', { path: '/nowhere/at/all', name: null }, 'not-found'],
  ['a folder without a model', { path: goldenFolder, name: null }, 'unsupported-format'],
])('adding %s is refused', async (_what, input, code) => {
  const { client } = startHost();
  await expect(client.addModel(input)).rejects.toMatchObject({ code });
  expect(await client.listModels({})).toHaveLength(1);
});

test('the bundled model and an unknown one cannot be removed', async () => {
  const { client } = startHost();
  await expect(client.removeModel({ name: 'smollm2-135m-instruct' })).rejects.toMatchObject({
    code: 'bad-request',
  });
  await expect(client.removeModel({ name: 'none' })).rejects.toMatchObject({ code: 'not-found' });
});

test('a model that is neither a name nor a path is an error that lists the names', async () => {
  const { client } = startHost();
  const missing = client.inspect({ model: { name: 'smolm', path: '/nowhere/smolm' } });
  await expect(missing).rejects.toThrow('smollm2-135m-instruct');
});

test.each([
  ['/a/SmolLM2-135M-Instruct.Q4_1.gguf', 'smollm2-135m-instruct-q4-1'],
  ['/a/My Model', 'my-model'],
  ['/a/模型', 'model'],
  [`/a/${'x'.repeat(63)}-y`, 'x'.repeat(63)],
])('the name made from %s is %s', (path, name) => {
  expect(nameOf(path)).toBe(name);
});

describe('a free name', () => {
  const summary = {
    ...{
      name: 'Tiny',
      format: 'gguf' as const,
      architecture: 'llama',
      supported: true,
      unsupportedReason: null,
    },
    ...{ identity: '', parameters: 0, bytes: 1, layers: null, hiddenSize: null, vocabularySize: null },
    ...{ contextLength: null, heads: null, keyValueHeads: null, headDimension: null, experts: null },
    ...{ kvBytesPerToken: null, types: {}, tokenizer: null, chatTemplate: false, files: [], tensors: [] },
  };

  function open() {
    const store = openStore(temporaryFolder());
    onTestFinished(() => store.close());
    const library = new Library(store);
    return async (title: string) => (await library.addUnderFreeName('/models/x', title, summary)).name;
  }

  test('has a number where others have the name, the bundled model too', async () => {
    const add = open();
    expect([await add('My Model.gguf'), await add('my-model'), await add('MY MODEL')]).toEqual([
      'my-model',
      'my-model-2',
      'my-model-3',
    ]);
    expect(await add('SmolLM2 135M Instruct')).toBe('smollm2-135m-instruct-2');
  });

  test('is no longer than 64 characters, the number included', async () => {
    const add = open();
    const title = 'x'.repeat(80);
    expect([await add(title), await add(title)]).toEqual(['x'.repeat(64), `${'x'.repeat(62)}-2`]);
  });

  test('is given to each of many that are added at once', async () => {
    const add = open();
    const names = await Promise.all(Array.from({ length: 5 }, () => add('same')));
    expect(names.sort()).toEqual(['same', 'same-2', 'same-3', 'same-4', 'same-5']);
  });
});
