import { createHash } from 'node:crypto';
import {
  chmodSync,
  mkdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { PageModel } from '../../electron/contract/machine.ts';
import { findModels } from '../../electron/host/models/model-finder.ts';
import { usualPlaces } from '../../electron/host/models/model-places.ts';
import { labError, makeFolder, writeFiles } from '../helpers/model-folder.ts';
import { addToHub, addToOllama, copyFile, copyTiny, startPageModels, tiny } from '../helpers/page-models.ts';
import { temporaryFolder } from '../helpers/test-host.ts';

const bundled = 'smollm2-135m-instruct';
const idOf = (kind: string, path: string) =>
  `${kind}-${createHash('sha256').update(realpathSync(path)).digest('hex').slice(0, 16)}`;

/** All models but the bundled one, as a page gets them. */
async function listed({ client }: Pick<ReturnType<typeof startPageModels>, 'client'>): Promise<PageModel[]> {
  return (await client.listModels({})).filter(({ kind }) => kind !== 'bundled');
}

const titles = (models: readonly PageModel[]) => models.map(({ title }) => title);

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

describe('what other programs keep', () => {
  const llama = tiny('llama', 'model-q8_0.gguf');

  function userWithModels(): string {
    const user = temporaryFolder();
    const hub = join(user, '.cache', 'huggingface', 'hub');
    const folder = {
      'config.json': tiny('qwen2', 'config.json'),
      'model.safetensors': tiny('qwen2', 'model.safetensors'),
    };
    addToHub(hub, 'owner/tiny-qwen', '0'.repeat(40), { 'old.gguf': llama });
    addToHub(hub, 'owner/tiny-qwen', '1'.repeat(40), {
      ...folder,
      'tokenizer.json': tiny('qwen2', 'tokenizer.json'),
      'tokenizer_config.json': tiny('qwen2', 'tokenizer_config.json'),
    });
    addToHub(hub, 'owner/files', 'main-revision', { 'Tiny.Q8_0.gguf': tiny('mixtral', 'model-q8_0.gguf') });
    writeFiles(hub, { 'datasets--owner--text/snapshots/1/data.gguf': 'GGUF', 'version.txt': '1' });
    copyFile(
      tiny('qwen3', 'model-q8_0.gguf'),
      join(user, '.lmstudio', 'models', 'owner', 'tiny', 'Qwen3.Q8_0.gguf'),
    );
    const ollama = join(user, '.ollama', 'models');
    addToOllama(ollama, 'registry.ollama.ai/library/tiny-llama/8b', llama, [
      { mediaType: 'application/vnd.ollama.image.template', digest: `sha256:${'1'.repeat(64)}` },
    ]);
    addToOllama(ollama, 'registry.ollama.ai/owner/gemma/latest', tiny('gemma3_text', 'model-q8_0.gguf'));
    addToOllama(ollama, 'hf.co/owner/qwen/Q8_0', tiny('qwen2', 'model-q8_0.gguf'));
    return user;
  }

  test('is found in the caches of Hugging Face, LM Studio and Ollama, and opens where it lies', async () => {
    const service = startPageModels({ user: userWithModels() });
    const found = await listed(service);
    expect(found.map(({ title, place, kind, format }) => [title, place, kind, format])).toEqual([
      ['owner/tiny-qwen', 'Hugging Face cache', 'found', 'safetensors'],
      ['Tiny.Q8_0', 'Hugging Face cache', 'found', 'gguf'],
      ['Qwen3.Q8_0', 'LM Studio', 'found', 'gguf'],
      ['hf.co/owner/qwen:Q8_0', 'Ollama', 'found', 'gguf'],
      ['owner/gemma:latest', 'Ollama', 'found', 'gguf'],
      ['tiny-llama:8b', 'Ollama', 'found', 'gguf'],
    ]);
    for (const { id, bytes } of found) {
      expect(id).toMatch(/^found-[0-9a-f]{16}$/);
      const summary = await service.client.inspectModel({ id });
      expect(summary.supported).toBe(true);
      // The list adds up weights; the summary has the tokenizer's files too.
      expect(bytes / summary.bytes).toBeGreaterThan(0.9);
    }
    expect(service.notices.list()).toEqual([]);
  });

  test('is not listed at all where these programs never were, and nothing is said', async () => {
    const service = startPageModels();
    expect(await listed(service)).toEqual([]);
    expect(service.notices.list()).toEqual([]);
  });

  test('is looked for where the environment says', () => {
    const env = {
      HF_HOME: '/disk/hf',
      HF_HUB_CACHE: '/disk/hub',
      OLLAMA_MODELS: '/disk/ollama',
      XDG_CACHE_HOME: '/x',
    };
    expect(usualPlaces(env, '/home/me').map(({ title, folder }) => `${title}: ${folder}`)).toEqual([
      'Hugging Face cache: /disk/hub',
      'Hugging Face cache: /disk/hf/hub',
      'Hugging Face cache: /x/huggingface/hub',
      'Hugging Face cache: /home/me/.cache/huggingface/hub',
      'LM Studio: /home/me/.lmstudio/models',
      'LM Studio: /home/me/.cache/lm-studio/models',
      'Ollama: /disk/ollama',
      'Ollama: /home/me/.ollama/models',
      'Ollama: /usr/share/ollama/.ollama/models',
    ]);
  });

  test('without a usable refs/main is the revision that changed last', async () => {
    const user = temporaryFolder();
    const hub = join(user, '.cache', 'huggingface', 'hub');
    addToHub(hub, 'a/b', 'one', { 'first.gguf': llama });
    writeFiles(hub, {
      'models--a--b/refs/main': '../../../../etc',
      'models--c--d/refs/main': 'x'.repeat(5000),
    });
    writeFiles(hub, { 'models--c--d/snapshots/two/second.gguf': 'GGUF', 'models--e--f/blobs/x': '' });
    const service = startPageModels({ user });
    expect(titles(await listed(service))).toEqual(['first', 'second']);
    expect(service.notices.list()).toEqual([]);
  });

  test.each<[string, string | object]>([
    ['is no JSON', '{'],
    ['is empty', ''],
    ['is a list', []],
    ['is very long', `{"layers": [], "x": "${'x'.repeat(2_000_000)}"}`],
    ['has layers that are none', { layers: [1] }],
    [
      'has 100,000 layers',
      { layers: Array.from({ length: 100_000 }, () => ({ mediaType: 'x', digest: 'y' })) },
    ],
    [
      'names a file outside',
      { layers: [{ mediaType: 'application/vnd.ollama.image.model', digest: 'sha256:../../x' }] },
    ],
  ])(
    'in a manifest of Ollama that %s is left out and said, and the others are listed',
    async (_what, content) => {
      const user = temporaryFolder();
      const store = join(user, '.ollama', 'models');
      addToOllama(store, 'registry.ollama.ai/library/good/1', llama);
      writeFiles(store, { 'manifests/registry.ollama.ai/library/bad/1': content });
      const service = startPageModels({ user });
      expect(titles(await listed(service))).toEqual(['good:1']);
      expect(service.notices.list().map(({ message }) => message)).toEqual([
        'The folder of another program (Ollama) holds bad:1, whose manifest cannot be read: it is not listed.',
      ]);
    },
  );

  test('of Ollama without its blob is not there, and what is not one GGUF file is not listed', async () => {
    const user = temporaryFolder();
    const store = join(user, '.ollama', 'models');
    const layer = { mediaType: 'application/vnd.ollama.image.model', digest: `sha256:${'a'.repeat(64)}` };
    writeFiles(store, {
      'manifests/registry.ollama.ai/library/pruned/1': { layers: [layer] },
      'manifests/registry.ollama.ai/library/cloud/1': { layers: [] },
      'manifests/registry.ollama.ai/library/two/1': { layers: [layer, layer] },
    });
    const service = startPageModels({ user });
    const [pruned, ...rest] = await listed(service);
    expect(pruned).toMatchObject({ title: 'pruned:1', isPresent: false });
    expect(rest).toEqual([]);
    const error = await labError(service.client.inspectModel({ id: pruned?.id ?? '' }));
    expect(error).toMatchObject({ code: 'not-found' });
    expect(error.message).toBe(
      'pruned:1 is not there: its file was moved or deleted, or its disk is not connected.',
    );
  });
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
