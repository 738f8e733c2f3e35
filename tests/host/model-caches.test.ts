/** Models in the caches of other programs, which open where they lie. */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { usualPlaces } from '../../electron/host/models/model-places.ts';
import { labError, writeFiles } from '../helpers/model-folder.ts';
import {
  addToHub,
  addToOllama,
  copyFile,
  listed,
  startPageModels,
  tiny,
  titles,
} from '../helpers/page-models.ts';
import { temporaryFolder } from '../helpers/test-host.ts';

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
