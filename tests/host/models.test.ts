/** Models as pages name them: the bundled one, the library, what a page adds and forgets. */
import { rmSync, truncateSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { labError, makeFolder } from '../helpers/model-folder.ts';
import {
  addToOllama,
  bundled,
  copyFile,
  listed,
  startPageModels,
  tiny,
  titles,
} from '../helpers/page-models.ts';
import { temporaryFolder } from '../helpers/test-host.ts';

test('the bundled model is listed where nothing else is, with its place', async () => {
  const { client, notices } = startPageModels();
  expect(await client.listModels({})).toEqual([
    {
      id: bundled,
      title: 'SmolLM2 135M Instruct, Q4_1',
      place: 'With Retort',
      kind: 'bundled',
      format: 'gguf',
      architecture: 'llama',
      bytes: 98_362_432,
      isPresent: true,
    },
  ]);
  expect(notices.list()).toEqual([]);
});

describe('the library', () => {
  test('takes a found model where it lies; it is then listed once, and its old id still leads to it', async () => {
    const user = temporaryFolder();
    addToOllama(
      join(user, '.ollama', 'models'),
      'registry.ollama.ai/library/llama3.2/3b',
      tiny('llama', 'model-q8_0.gguf'),
    );
    const service = startPageModels({ user });
    const [found] = await listed(service);
    const id = found?.id ?? '';
    const adopted = await service.client.adoptModel({ id });
    expect(adopted).toMatchObject({
      id: 'llama3-2-3b',
      kind: 'added',
      place: 'Ollama',
      architecture: 'llama',
    });
    expect(service.told).toEqual([{ type: 'models' }]);
    expect(await listed(service)).toEqual([adopted]);
    expect(await service.models.pathOf(id)).toMatchObject({ title: 'llama3.2:3b' });
    expect(await service.client.adoptModel({ id })).toEqual(adopted);
    await service.client.forgetModel({ id: adopted.id });
    expect(await listed(service)).toEqual([found]);
  });

  test('takes what was chosen in the shell, once, and finds a free name for a second of the same name', async () => {
    const folder = makeFolder();
    const [first, second] = [join(folder, 'one', 'Tiny.gguf'), join(folder, 'two', 'tiny.gguf')];
    copyFile(tiny('llama', 'model-q8_0.gguf'), first);
    copyFile(tiny('qwen2', 'model-q8_0.gguf'), second);
    const { client, grants, library } = startPageModels();
    const added = await client.importModel({ grant: grants.give(first) });
    expect(added).toMatchObject({ id: 'tiny', kind: 'added', place: 'one', isPresent: true });
    expect(await client.importModel({ grant: grants.give(second) })).toMatchObject({
      id: 'tiny-2',
      place: 'two',
    });
    expect(await client.importModel({ grant: grants.give(first) })).toEqual(added);
    expect((await library.list()).map(({ name }) => name)).toEqual([bundled, 'tiny', 'tiny-2']);
  });

  test('takes a file that is chosen twice at once a single time', async () => {
    const { client, grants } = startPageModels();
    const choose = () => client.importModel({ grant: grants.give(tiny('llama', 'model-q8_0.gguf')) });
    const [first, second] = await Promise.all([choose(), choose()]);
    expect(second).toEqual(first);
    expect(await client.listModels({})).toHaveLength(2);
  });

  test('takes no file that is no model, and its refusal names no path', async () => {
    const folder = makeFolder({ 'notes.gguf': 'this is no model at all' });
    const { client, grants } = startPageModels();
    const error = await labError(client.importModel({ grant: grants.give(join(folder, 'notes.gguf')) }));
    expect(error.code).toBe('unsupported-format');
    expect(error.message).toContain('notes.gguf');
    expect(error.message).not.toContain(folder);
    expect(await client.listModels({})).toHaveLength(1);
  });

  test('lists a model whose file is gone as not there, and says so without its path', async () => {
    const folder = makeFolder();
    const file = join(folder, 'short-lived.gguf');
    copyFile(tiny('llama', 'model-q8_0.gguf'), file);
    const { client, grants, models } = startPageModels();
    const { id } = await client.importModel({ grant: grants.give(file) });
    rmSync(file);
    expect((await client.listModels({})).find((model) => model.id === id)).toMatchObject({
      isPresent: false,
    });
    const error = await labError(client.inspectModel({ id }));
    expect(error.code).toBe('not-found');
    expect(error.message).not.toContain(folder);
    expect(await labError(models.pathOf(id))).toMatchObject({ code: 'not-found' });
    await client.forgetModel({ id });
    expect(await client.listModels({})).toHaveLength(1);
  });

  test('names a damaged file of a folder by its title, never by its path', async () => {
    const folder = makeFolder();
    const file = join(folder, 'cut.gguf');
    copyFile(tiny('llama', 'model-q8_0.gguf'), file);
    truncateSync(file, 100);
    const service = startPageModels({ folders: [folder] });
    const [cut] = await listed(service);
    const error = await labError(service.client.inspectModel({ id: cut?.id ?? '' }));
    expect(error.code).toBe('bad-file');
    expect(JSON.stringify([error.message, error.detail])).not.toContain(folder);
  });
});

describe('a page', () => {
  test('adds a folder that was chosen in the shell, and removes it', async () => {
    const folder = makeFolder({ 'a.gguf': 'GGUF' });
    const service = startPageModels();
    const { client, grants, told, home } = service;
    const added = await client.addModelFolder({ grant: grants.give(folder) });
    expect(added).toMatchObject({ label: basename(folder), models: 1, isPresent: true });
    expect(await client.addModelFolder({ grant: grants.give(folder) })).toEqual(added);
    expect(titles(await listed(service))).toEqual(['a']);
    expect(told).toContainEqual({ type: 'models' });
    const next = startPageModels({ home });
    expect(await next.client.listModelFolders({})).toEqual([added]);
    await client.removeModelFolder({ id: added.id });
    expect(await client.listModelFolders({})).toEqual([]);
    expect(await listed(service)).toEqual([]);
  });

  test.each<[string, (service: ReturnType<typeof startPageModels>) => Promise<unknown>, string, string]>([
    [
      'adds a folder that was not chosen',
      ({ client }) => client.addModelFolder({ grant: 'x' }),
      'not-found',
      'choose it again',
    ],
    [
      'adds a file as a folder',
      ({ client, grants }) => client.addModelFolder({ grant: grants.give(tiny('llama', 'config.json')) }),
      'file-unreadable',
      'it is no folder',
    ],
    [
      'adds a folder that is gone',
      ({ client, grants }) => client.addModelFolder({ grant: grants.give('/gone/away') }),
      'file-unreadable',
      'away cannot be read: it is not there',
    ],
    [
      'removes a folder that is not listed',
      ({ client }) => client.removeModelFolder({ id: 'place-0' }),
      'not-found',
      'not in the list',
    ],
    [
      'imports what was not chosen',
      ({ client }) => client.importModel({ grant: '0' }),
      'not-found',
      'choose it again',
    ],
    [
      'inspects an unknown model',
      ({ client }) => client.inspectModel({ id: 'found-0123456789abcdef' }),
      'not-found',
      'There is no model',
    ],
    [
      'adopts an unknown model',
      ({ client }) => client.adoptModel({ id: 'none' }),
      'not-found',
      'There is no model',
    ],
    [
      'forgets an unknown model',
      ({ client }) => client.forgetModel({ id: 'none' }),
      'not-found',
      'There is no model',
    ],
    [
      'forgets the bundled model',
      ({ client }) => client.forgetModel({ id: bundled }),
      'bad-request',
      'comes with Retort',
    ],
  ])('that %s is refused', async (_what, call, code, message) => {
    const error = await labError(call(startPageModels()));
    expect(error.code).toBe(code);
    expect(error.message).toContain(message);
  });

  test('cannot remove a folder that was named at the start, nor forget a model in it', async () => {
    const folder = makeFolder({ 'a.gguf': 'GGUF' });
    const service = startPageModels({ folders: [folder] });
    const [named] = await service.client.listModelFolders({});
    const removal = await labError(service.client.removeModelFolder({ id: named?.id ?? '' }));
    expect(removal).toMatchObject({ code: 'bad-request' });
    const [model] = await listed(service);
    const error = await labError(service.client.forgetModel({ id: model?.id ?? '' }));
    expect(error.message).toBe(
      `a is listed because it lies in ${basename(folder)} and is not in the library.`,
    );
  });
});
