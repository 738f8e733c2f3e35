import { act, fireEvent, screen, waitFor, within } from '@testing-library/react';
import { describe, expect, test } from 'vitest';
import type { ModelSummary } from '../../electron/contract/model-summary.ts';
import { LabError } from '../../electron/contract/errors.ts';
import type { Fit, LoadSettings, LoadState, PageModel } from '../../electron/contract/machine.ts';
import { ModelsScreen } from '../../renderer/features/models/ModelsScreen.tsx';
import { renderInPage, testShell, type PageOptions } from './page.tsx';

const mebi = 1024 ** 2;
const gibi = 1024 ** 3;

const model = (id: string, more: Partial<PageModel> = {}): PageModel => ({
  id,
  title: `Model ${id}`,
  place: '~/models',
  kind: 'folder',
  format: 'gguf',
  architecture: 'llama',
  bytes: 100 * mebi,
  isPresent: true,
  ...more,
});

const summary = (more: Partial<ModelSummary> = {}): ModelSummary => ({
  name: 'Tiny',
  format: 'gguf',
  architecture: 'llama',
  supported: true,
  unsupportedReason: null,
  identity: '0123456789abcdef0123',
  parameters: 135_000_000,
  bytes: 100 * mebi,
  layers: 30,
  hiddenSize: 576,
  vocabularySize: 49_152,
  contextLength: 8192,
  heads: 9,
  keyValueHeads: 3,
  headDimension: 64,
  experts: null,
  kvBytesPerToken: 46_080,
  types: { Q4_1: 60 * mebi, F32: 40 * mebi },
  tokenizer: 'gpt2 (smollm)',
  chatTemplate: true,
  files: [{ name: 'tiny.gguf', bytes: 100 * mebi }],
  tensors: [
    {
      name: 'token_embd.weight',
      type: 'Q8_0',
      shape: [49_152, 576],
      file: 'tiny.gguf',
      offset: 0,
      bytes: 28 * mebi,
    },
    {
      name: 'blk.10.ffn_up.weight',
      type: 'Q4_1',
      shape: [1536, 576],
      file: 'tiny.gguf',
      offset: 1,
      bytes: mebi / 2,
    },
    {
      name: 'blk.2.ffn_up.weight',
      type: 'Q4_1',
      shape: [1536, 576],
      file: 'tiny.gguf',
      offset: 2,
      bytes: mebi / 2,
    },
    { name: 'output_norm.weight', type: 'F32', shape: [576], file: 'tiny.gguf', offset: 3, bytes: 2304 },
  ],
  ...more,
});

const kibPerToken = { f32: 90, f16: 45, q8: 24 };

/** 1 GiB is free for a model whose weights take what is said. */
function fitOf(settings: LoadSettings, weightsBytes = 100 * mebi): Fit {
  const kvCodec = settings.kvCodec ?? 'f16';
  const context = settings.context ?? 4096;
  const kvBytesPerToken = kibPerToken[kvCodec] * 1024;
  const kvBytes = kvBytesPerToken * context;
  const scratchBytes = 24 * mebi;
  const totalBytes = weightsBytes + kvBytes + scratchBytes;
  const room = gibi - weightsBytes - scratchBytes;
  return {
    weightsBytes, kvBytes, scratchBytes, totalBytes, kvBytesPerToken, context, kvCodec,
    modelContext: 8192,
    largestContext: Math.max(0, Math.min(8192, Math.floor(room / kvBytesPerToken))),
    freeBytes: gibi,
    reserveBytes: gibi,
    memoryBytes: 4 * gibi,
    fits: totalBytes <= gibi,
    predictedTokensPerSecond: null,
    canStream: false,
    streaming: null,
    measured: null,
  }; // prettier-ignore
}

interface Told {
  readonly fits: { id: string; settings: LoadSettings }[];
  readonly loads: { id: string; settings: LoadSettings; force: boolean }[];
  readonly inspected: string[];
  readonly others: string[];
}

function showModels(models: readonly PageModel[], options: PageOptions & { weightsBytes?: number } = {}) {
  const told: Told = { fits: [], loads: [], inspected: [], others: [] };
  const { handlers, state, weightsBytes, ...rest } = options;
  const page = renderInPage(<ModelsScreen />, {
    ...rest,
    state: { models, ...state },
    handlers: {
      inspectModel: ({ id }) => {
        told.inspected.push(id);
        return Promise.resolve(summary());
      },
      estimateFit: ({ id, settings }) => {
        told.fits.push({ id, settings });
        return Promise.resolve(fitOf(settings, weightsBytes));
      },
      loadModel: (input) => {
        told.loads.push(input);
        return Promise.resolve(null);
      },
      unloadModel: () => {
        told.others.push('unload');
        return Promise.resolve(null);
      },
      ...handlers,
    },
  });
  return { page, told };
}

const fitPanel = async () => within(await screen.findByRole('region', { name: 'Fit before load' }));

describe('the list of models', () => {
  test('has models by place, and those of other programs apart, with their own Use', async () => {
    const adopted: string[] = [];
    showModels(
      [
        model('a'),
        model('b', { place: 'With Retort', kind: 'bundled' }),
        model('c', { place: 'Ollama', kind: 'found' }),
      ],
      {
        handlers: {
          adoptModel: ({ id }) => {
            adopted.push(id);
            return Promise.resolve(model('c-added', { kind: 'added' }));
          },
        },
      },
    );
    expect(screen.getByText('3 models, 300 MiB, used where they lie')).toBeDefined();
    const list = within(screen.getByRole('navigation', { name: 'Models' }));
    const places = list.getAllByRole('heading').map(({ textContent }) => textContent);
    expect(places).toEqual(['~/models', 'With Retort', 'Found on this machine', 'Ollama']);
    fireEvent.click(list.getByRole('button', { name: 'Use Model c' }));
    await waitFor(() => expect(adopted).toEqual(['c']));
    await waitFor(() => expect(window.location.hash).toBe('#/models/c-added'));
  });

  test('that cannot be read says so, and is not an empty list', async () => {
    const { page } = showModels([], { state: { models: null, modelsError: 'The library is locked.' } });
    expect(screen.getByRole('alert').textContent).toContain('The library is locked.');
    expect(screen.queryByText('No models yet')).toBeNull();
    act(() => page.app.setState({ modelsError: null }));
    expect(screen.getByText('Looking for models…')).toBeDefined();
    await Promise.resolve();
  });

  test('without a model offers to add one; in a browser it says how', () => {
    showModels([]);
    fireEvent.click(screen.getByRole('button', { name: 'Add a model…' }));
    const dialog = within(screen.getByRole('dialog', { name: 'Add a model' }));
    expect(dialog.getByText('npx retort models add PATH')).toBeDefined();
    expect(dialog.getByText('npx retort serve --models-dir FOLDER')).toBeDefined();
  });

  test('takes what the shell’s dialog gave', async () => {
    const imported: string[] = [];
    showModels([model('a')], {
      shell: testShell({ chooseModels: () => Promise.resolve(['grant-1', 'grant-2']) }),
      handlers: {
        importModel: ({ grant }) => {
          imported.push(grant);
          return Promise.resolve(model(`from-${grant}`));
        },
      },
    });
    fireEvent.click(screen.getByRole('button', { name: 'Add…' }));
    await waitFor(() => expect(imported).toEqual(['grant-1', 'grant-2']));
    await waitFor(() => expect(window.location.hash).toBe('#/models/from-grant-2'));
  });

  test('takes dropped files, and goes on after one that is refused', async () => {
    const imported: string[] = [];
    showModels([model('a')], {
      shell: testShell({
        grantDropped: (files) => Promise.resolve(files.map(({ name }) => name.replace('.', '-'))),
      }),
      handlers: {
        importModel: ({ grant }) => {
          if (grant === 'notes-txt') throw new LabError('unsupported-format', 'notes.txt is no model.');
          imported.push(grant);
          return Promise.resolve(model(grant));
        },
      },
    });
    const files = [new File([], 'notes.txt'), new File([], 'tiny.gguf')];
    fireEvent.drop(screen.getByRole('heading', { name: 'Models' }), {
      dataTransfer: { types: ['Files'], files },
    });
    await waitFor(() => expect(imported).toEqual(['tiny-gguf']));
    expect(screen.getByText('notes.txt is no model.')).toBeDefined();
  });
});

describe('a model', () => {
  test('is described by its headers', async () => {
    showModels([model('a')]);
    expect(await screen.findByText('135 M')).toBeDefined();
    expect(screen.getByText('6.21')).toBeDefined();
    expect(screen.getByText('9 heads, 3 for KV')).toBeDefined();
    expect(screen.getByText('~/models · tiny.gguf, 100 MiB')).toBeDefined();
  });

  test('that cannot run names the missing part and offers no Load', async () => {
    const reason = 'The depth transformer of moshi is not supported.';
    showModels([model('a')], {
      handlers: {
        inspectModel: () => Promise.resolve(summary({ supported: false, unsupportedReason: reason })),
      },
    });
    expect(await screen.findByText(reason)).toBeDefined();
    expect(screen.getByText('cannot run')).toBeDefined();
    expect(screen.queryByRole('button', { name: 'Load' })).toBeNull();
  });

  test('whose file is missing says so, is not opened, and can be forgotten', async () => {
    const forgotten: string[] = [];
    const { told } = showModels([model('a', { kind: 'added', isPresent: false })], {
      handlers: {
        forgetModel: ({ id }) => {
          forgotten.push(id);
          return Promise.resolve(null);
        },
      },
    });
    expect(screen.getByText('It is not where it was.')).toBeDefined();
    fireEvent.click(screen.getByRole('button', { name: 'Forget…' }));
    const dialog = within(screen.getByRole('dialog', { name: 'Forget Model a?' }));
    expect(dialog.getByText(/No file is deleted/)).toBeDefined();
    fireEvent.click(dialog.getByRole('button', { name: 'Forget' }));
    await waitFor(() => expect(forgotten).toEqual(['a']));
    expect([told.inspected, told.fits]).toEqual([[], []]);
  });

  test('whose headers cannot be read says why, and reads them again', async () => {
    let isBroken = true;
    showModels([model('a')], {
      handlers: {
        inspectModel: () =>
          isBroken
            ? Promise.reject(new LabError('bad-file', 'tiny.gguf, offset 8: cut off.'))
            : Promise.resolve(summary()),
      },
    });
    expect(await screen.findByText('tiny.gguf, offset 8: cut off.')).toBeDefined();
    isBroken = false;
    fireEvent.click(screen.getByRole('button', { name: 'Read again' }));
    expect(await screen.findByText('135 M')).toBeDefined();
  });
});

describe('fit before load', () => {
  test('prices weights, KV and scratch against what is free', async () => {
    showModels([model('a')]);
    const panel = await fitPanel();
    await panel.findByText('fits', { selector: 'header *' });
    expect(panel.getByText('weights').textContent).toBe('weights 100 MiB');
    expect(panel.getByText('KV', { selector: 'li' }).textContent).toBe('KV 180 MiB');
    expect(panel.getByText('scratch').textContent).toBe('scratch 24.0 MiB');
    expect(panel.getByText('304 MiB', { selector: 'b' })).toBeDefined();
    expect(panel.getByText(/free now 1\.00 GiB/)).toBeDefined();
  });

  test('reprices on every knob, and ends with the price of the last', async () => {
    const { told } = showModels([model('a')]);
    const panel = await fitPanel();
    const slider = await panel.findByRole('slider', { name: 'Context' });
    fireEvent.keyDown(slider, { key: 'End' });
    fireEvent.click(panel.getByRole('radio', { name: 'f32' }));
    fireEvent.keyDown(panel.getByRole('slider', { name: 'Threads' }), { key: 'Home' });
    const wanted = { context: 8192, kvCodec: 'f32', threads: 1, memoryBudget: null };
    await waitFor(() => expect(told.fits).toContainEqual({ id: 'a', settings: wanted }));
    await panel.findByText('KV', { selector: 'li' });
    await waitFor(() => expect(panel.getByText('KV', { selector: 'li' }).textContent).toBe('KV 720 MiB'));
    fireEvent.click(panel.getByRole('button', { name: 'Load' }));
    await waitFor(() => expect(told.loads).toEqual([{ id: 'a', settings: wanted, force: false }]));
  });

  test('sets the largest context that fits, and tells what other precisions would take', async () => {
    const { told } = showModels([model('a')], { weightsBytes: 800 * mebi });
    const panel = await fitPanel();
    fireEvent.click(await panel.findByRole('button', { name: '4,551' }));
    await waitFor(() => expect(told.fits.some(({ settings }) => settings.context === 4551)).toBe(true));
    const table = within(await panel.findByRole('table', { name: 'Other precisions of keys and values' }));
    await waitFor(() => expect(table.getByText('200 MiB over')).toBeDefined());
    fireEvent.click(table.getByRole('button', { name: 'Use q8' }));
    await waitFor(() => expect(told.fits.at(-1)?.settings.context).toBe(4551));
    expect(told.fits.some(({ settings }) => settings.kvCodec === 'q8')).toBe(true);
  });

  test('loads what does not fit only after a second word', async () => {
    const { told } = showModels([model('a')], { weightsBytes: 2 * gibi });
    const panel = await fitPanel();
    expect(await panel.findByText('does not fit')).toBeDefined();
    expect(panel.getByText(/the weights alone do not fit/)).toBeDefined();
    fireEvent.click(panel.getByRole('button', { name: 'Load anyway…' }));
    expect(told.loads).toEqual([]);
    const dialog = within(screen.getByRole('dialog'));
    fireEvent.click(dialog.getByRole('button', { name: 'Load anyway' }));
    await waitFor(() => expect(told.loads.map(({ force }) => force)).toEqual([true]));
  });

  test('loads what does not fit at once with Alt held', async () => {
    const { told } = showModels([model('a')], { weightsBytes: 2 * gibi });
    const panel = await fitPanel();
    fireEvent.click(await panel.findByRole('button', { name: 'Load anyway…' }), { altKey: true });
    await waitFor(() => expect(told.loads.map(({ force }) => force)).toEqual([true]));
    expect(screen.queryByRole('dialog')).toBeNull();
  });

  test('puts what was measured beside what was predicted', async () => {
    const measured = {
      totalBytes: 313 * mebi,
      context: 4096,
      usedContext: 4090,
      tokensPerSecond: 142.3,
      ...{ readBytesPerToken: null, hitRate: null },
      at: 1,
    };
    showModels([model('a')], {
      handlers: {
        estimateFit: ({ settings }) =>
          Promise.resolve({ ...fitOf(settings), predictedTokensPerSecond: 150, measured }),
      },
    });
    const panel = await fitPanel();
    expect(await panel.findByText('150.0', { selector: 'b' })).toBeDefined();
    expect(panel.getByText('142.3 tokens/s, 313 MiB (+3 %) with 4,090 of 4,096 tokens used')).toBeDefined();
  });

  test('that cannot be computed says why', async () => {
    showModels([model('a')], {
      handlers: { estimateFit: () => Promise.reject(new LabError('bad-file', 'tiny.gguf is cut off.')) },
    });
    expect(await screen.findByText('tiny.gguf is cut off.')).toBeDefined();
  });
});

describe('loading', () => {
  const loading: LoadState = {
    state: 'loading',
    model: 'a',
    title: 'Model a',
    phase: 'load weights',
    done: 40 * mebi,
    total: 100 * mebi,
    startedAt: Date.now() - 2000,
  };

  test('shows phase, done of total, rate and time left, and can be cancelled', async () => {
    const { told } = showModels([model('a')], { state: { engine: loading } });
    const bar = await screen.findByRole('progressbar', { name: 'Reading weights: Model a' });
    expect(bar.getAttribute('aria-valuenow')).toBe('40');
    expect(bar.getAttribute('aria-valuetext')).toMatch(/^40\.0 MiB of 100 MiB, .* MiB\/s, .* s left$/);
    fireEvent.click(screen.getByRole('button', { name: 'Cancel' }));
    await waitFor(() => expect(told.others).toEqual(['unload']));
  });

  test('that failed states the reason and offers what fixes it', async () => {
    const failed: LoadState = {
      state: 'failed',
      model: 'a',
      title: 'Model a',
      error: { code: 'engine-gone', message: 'The system ended the engine: it ran out of memory.' },
      fix: { kind: 'lower-context', context: 2048 },
    };
    const { told } = showModels([model('a')], { state: { engine: failed } });
    expect(await screen.findByText('The system ended the engine: it ran out of memory.')).toBeDefined();
    fireEvent.click(screen.getByRole('button', { name: 'Load with a context of 2,048' }));
    await waitFor(() => expect(told.loads[0]?.settings.context).toBe(2048));
  });
});

describe('a budget above what is free', () => {
  test('is given up where the button says so', async () => {
    const failed: LoadState = {
      state: 'failed',
      model: 'a',
      title: 'Model a',
      error: { code: 'out-of-memory', message: 'Its budget is above what is free.' },
      fix: { kind: 'auto-budget', context: 2048 },
    };
    const { told } = showModels([model('a')], { state: { engine: failed } });
    const name = 'Load with an automatic budget and a context of 2,048';
    fireEvent.click(await screen.findByRole('button', { name }));
    await waitFor(() =>
      expect(told.loads[0]?.settings).toMatchObject({ context: 2048, memoryBudget: 'auto' }),
    );
  });
});

describe('the tensor table', () => {
  const names = () =>
    within(screen.getByRole('table', { name: 'Tensors' }))
      .getAllByRole('row')
      .slice(1)
      .map((row) => row.firstElementChild?.textContent);

  test('begins with the largest, sorts by a column, and turns the order', async () => {
    showModels([model('a')]);
    await screen.findByRole('table', { name: 'Tensors' });
    expect(names()[0]).toBe('token_embd.weight');
    fireEvent.click(screen.getByRole('button', { name: 'Tensor' }));
    expect(names().slice(0, 2)).toEqual(['blk.2.ffn_up.weight', 'blk.10.ffn_up.weight']);
    fireEvent.click(screen.getByRole('button', { name: 'Tensor' }));
    expect(names()[0]).toBe('token_embd.weight');
    expect(screen.getByRole('columnheader', { name: 'Tensor' }).getAttribute('aria-sort')).toBe('descending');
  });

  test('keeps what every word of the filter is in', async () => {
    showModels([model('a')]);
    fireEvent.change(await screen.findByRole('searchbox', { name: 'Filter tensors' }), {
      target: { value: 'blk.2 Q4' },
    });
    expect(names()).toEqual(['blk.2.ffn_up.weight']);
    expect(screen.getByText('1 of 4')).toBeDefined();
  });

  test('of thousands of tensors keeps only those in sight in the page', async () => {
    const tensors = Array.from({ length: 5000 }, (_, index) => ({
      name: `blk.${index}.weight`, type: 'F32', shape: [4], file: 'a', offset: index, bytes: 16,
    })); // prettier-ignore
    showModels([model('a')], { handlers: { inspectModel: () => Promise.resolve(summary({ tensors })) } });
    const table = await screen.findByRole('table', { name: 'Tensors' });
    expect(within(table).getAllByRole('row').length).toBeLessThan(100);
    expect(table.getAttribute('aria-rowcount')).toBe('5001');
  });
});
