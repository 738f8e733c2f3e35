/** Model folders: what is found in them, what cannot be read, how long a search takes. */
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findModels } from '../../electron/host/models/model-finder.ts';
import { makeFolder, writeFiles } from '../helpers/model-folder.ts';
import { copyFile, copyTiny, idOf, listed, startPageModels, tiny, titles } from '../helpers/page-models.ts';

describe('a model folder', () => {
  test('lists what lies in it and one and two levels below, each format by its files', async () => {
    const folder = makeFolder();
    copyFile(tiny('llama', 'model-f32.gguf'), join(folder, 'Tiny-Llama.F32.gguf'));
    copyTiny('qwen2', join(folder, 'tiny-qwen'));
    copyFile(tiny('qwen3', 'model-q8_0.gguf'), join(folder, 'owner', 'repository', 'tiny.Q8_0.GGUF'));
    writeFiles(folder, {
      'genai/genai_config.json': '{}',
      'genai/model.onnx': 'graph',
      'genai/model.onnx.data': 'weights',
      'web/config.json': '{}',
      'web/onnx/model_q4.onnx': 'graph',
      'web/onnx/model_q4.onnx_data': 'more',
      'packs/packed.retortpack': 'RETORTPK',
      'packs/.partial-other.retortpack': 'RETORTPK',
      'a/b/c/too-deep.gguf': 'GGUF',
      '.hidden/model.gguf': 'GGUF',
      'empty/readme.txt': 'nothing',
      'config-only/config.json': '{}',
      'lora/adapter_model.safetensors': 'x',
    });
    const service = startPageModels({ folders: [folder] });
    const found = await listed(service);
    expect(found.map(({ title, format, bytes }) => [title, format, bytes])).toEqual(
      [
        ['genai', 'genai', 12],
        ['tiny-qwen', 'safetensors', expect.any(Number)],
        ['Tiny-Llama.F32', 'gguf', expect.any(Number)],
        ['tiny.Q8_0', 'gguf', expect.any(Number)],
        ['packed', 'pack', 8],
        ['web', 'transformersjs', 9],
      ].sort((left, right) => String(left[0]).localeCompare(String(right[0]), 'en')),
    );
    const llama = found.find(({ title }) => title === 'Tiny-Llama.F32');
    expect(llama).toEqual({
      id: idOf('folder', join(folder, 'Tiny-Llama.F32.gguf')),
      title: 'Tiny-Llama.F32',
      place: basename(folder),
      kind: 'folder',
      format: 'gguf',
      architecture: null,
      bytes: llama?.bytes,
      isPresent: true,
    });
    expect(await service.client.listModelFolders({})).toEqual([
      {
        id: expect.stringMatching(/^place-[0-9a-f]{16}$/) as string,
        label: basename(folder),
        models: 6,
        isPresent: true,
      },
    ]);
    expect(service.notices.list()).toEqual([]);
  });

  test('lists the parts of a split model once, and says where one is missing', async () => {
    const folder = makeFolder({
      'big-00001-of-00003.gguf': 'GGUF1',
      'big-00002-of-00003.gguf': 'GGUF22',
      'big-00003-of-00003.gguf': 'GGUF333',
      'half-00001-of-00002.gguf': 'GGUF',
      'sharded/config.json': '{}',
      'sharded/model-00001-of-00002.safetensors': 'x',
    });
    const found = await listed(startPageModels({ folders: [folder] }));
    expect(found.map(({ title, bytes, isPresent }) => ({ title, bytes, isPresent }))).toEqual([
      { title: 'big', bytes: 18, isPresent: true },
      { title: 'half', bytes: 4, isPresent: false },
      { title: 'sharded', bytes: 1, isPresent: false },
    ]);
  });

  test('leaves image encoders out and names a file that is only called model by its folder', async () => {
    const folder = makeFolder({
      'gemma/mmproj-model-f16.gguf': 'GGUF',
      'gemma/gemma.mmproj-Q8_0.gguf': 'GGUF',
      'gemma/model-q8_0.gguf': 'GGUF',
      'gemma/ggml-model-f16.gguf': 'GGUF',
    });
    expect(titles(await listed(startPageModels({ folders: [folder] })))).toEqual([
      'gemma, ggml-model-f16',
      'gemma, model-q8_0',
    ]);
  });

  test('that is itself a model is listed as one, beside the files in it', async () => {
    const folder = makeFolder();
    copyTiny('llama', folder);
    copyFile(tiny('llama', 'model-q8_0.gguf'), join(folder, 'other.gguf'));
    const found = await listed(startPageModels({ folders: [folder] }));
    expect(found.map(({ format }) => format).sort()).toEqual(['gguf', 'safetensors']);
  });

  test('with links that lead in circles ends, and a linked file is one model', async () => {
    const folder = makeFolder({ 'real/model-a.gguf': 'GGUF' });
    symlinkSync(folder, join(folder, 'real', 'up'));
    symlinkSync('loop', join(folder, 'loop'));
    symlinkSync(join(folder, 'real', 'model-a.gguf'), join(folder, 'again.gguf'));
    symlinkSync(join(folder, 'real'), join(folder, 'real-again'));
    const found = await listed(startPageModels({ folders: [folder] }));
    expect(found.map(({ id }) => id)).toEqual([idOf('folder', join(folder, 'real', 'model-a.gguf'))]);
  });

  test('of which a link leads nowhere lists the model as not there', async () => {
    const folder = makeFolder();
    symlinkSync(join(folder, 'gone'), join(folder, 'lost.gguf'));
    expect(await listed(startPageModels({ folders: [folder] }))).toMatchObject([
      { title: 'lost', bytes: 0, isPresent: false },
    ]);
  });

  test('that is missing is listed as missing and said once', async () => {
    const folder = join(makeFolder(), 'unplugged');
    const { client, notices } = startPageModels({ folders: [folder] });
    expect(await client.listModelFolders({})).toMatchObject([
      { label: 'unplugged', models: 0, isPresent: false },
    ]);
    await client.listModels({});
    expect(notices.list().map(({ message }) => message)).toEqual([
      'The model folder unplugged cannot be read: it is not there.',
    ]);
    mkdirSync(folder);
    writeFileSync(join(folder, 'back.gguf'), 'GGUF');
    expect(await client.listModelFolders({})).toMatchObject([{ models: 1, isPresent: true }]);
  });

  test('that is a file is said', async () => {
    const folder = makeFolder({ 'model.gguf': 'GGUF' });
    const { client, notices } = startPageModels({ folders: [join(folder, 'model.gguf')] });
    expect(await client.listModelFolders({})).toMatchObject([{ isPresent: false }]);
    expect(notices.list()[0]?.message).toContain('it is no folder');
  });

  test('of the same name as another is told apart by the folder around it', async () => {
    const folder = makeFolder({ 'left/models/a.gguf': 'GGUF', 'right/models/b.gguf': 'GGUF' });
    const service = startPageModels({
      folders: [join(folder, 'left', 'models'), join(folder, 'right', 'models')],
    });
    expect((await listed(service)).map(({ place }) => place)).toEqual(['left/models', 'right/models']);
  });

  test('inside another is not listed twice', async () => {
    const folder = makeFolder({ 'inner/a.gguf': 'GGUF' });
    const service = startPageModels({ folders: [folder, join(folder, 'inner')] });
    expect(await listed(service)).toHaveLength(1);
    expect(await service.client.listModelFolders({})).toMatchObject([{ models: 1 }, { models: 1 }]);
  });
});

/** What an account that is not root sees. */
async function asOtherAccount<T>(look: () => Promise<T>): Promise<T> {
  if (process.getuid?.() !== 0) return look();
  process.seteuid?.(65_534);
  try {
    return await look();
  } finally {
    process.seteuid?.(0);
  }
}

describe.runIf(process.platform !== 'win32')('without the right to read', () => {
  test('a folder inside a model folder is said, and the rest is listed', async () => {
    const folder = makeFolder({ 'locked/a.gguf': 'GGUF', 'open/b.gguf': 'GGUF' });
    chmodSync(folder, 0o755);
    chmodSync(join(folder, 'locked'), 0);
    const search = () => findModels((finder) => finder.searchFolder(folder, () => 'x'));
    const { models, folder: state, problem } = await asOtherAccount(search);
    expect(models.map(({ title }) => title)).toEqual(['b']);
    expect(state).toBe('read');
    expect(problem).toBe(
      'holds a folder locked that cannot be read (this account may not read it): what is in it is not listed',
    );
  });

  test('a model folder itself is not taken for an empty one', async () => {
    const folder = makeFolder({ 'a.gguf': 'GGUF' });
    chmodSync(folder, 0);
    const search = () => findModels((finder) => finder.searchFolder(folder, () => 'x'));
    expect(await asOtherAccount(search)).toEqual({
      models: [],
      folder: 'unreadable',
      problem: 'cannot be read: this account may not read it',
    });
  });
});

describe('a search', () => {
  const files = Object.fromEntries(Array.from({ length: 3000 }, (_, index) => [`model-${index}.gguf`, '']));

  test('of a folder with very many files ends and says that it did not list all', async () => {
    const folder = makeFolder(files);
    const search = (limits: Parameters<typeof findModels>[1]) =>
      findModels((finder) => finder.searchFolder(folder, () => 'x'), limits);
    const few = await search({ entries: 1000, models: 2000, timeMs: 60_000 });
    expect(few.models.length).toBeLessThanOrEqual(1000);
    expect(few.problem).toBe('holds more than 1,000 files: what comes after them is not listed');
    const some = await search({ entries: 50_000, models: 2000, timeMs: 60_000 });
    expect(some.models).toHaveLength(2000);
    expect(some.problem).toBe('holds more than 2,000 models: the rest is not listed');
  });

  test('of a folder that does not answer ends with what was found by then', async () => {
    const model = {
      path: '/a',
      realPath: '/a',
      title: 'a',
      format: 'gguf' as const,
      bytes: 1,
      isWhole: true,
    };
    const found = await findModels(
      (finder) => {
        finder.add(model);
        return new Promise(() => undefined);
      },
      { entries: 100, models: 100, timeMs: 100 },
    );
    expect(found.models).toEqual([model]);
    expect(found.problem).toBe('takes longer than 0.1 s to read: what was not read by then is not listed');
  });
});
