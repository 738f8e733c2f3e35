import { act, fireEvent, screen, waitFor, within } from '@testing-library/react';
import { describe, expect, test } from 'vitest';
import { LabError } from '../../electron/contract/errors.ts';
import type { PageContract } from '../../electron/contract/page-contract.ts';
import type { Handlers } from '../../electron/contract/rpc.ts';
import { Settings, type Preset, type SettingsChange } from '../../electron/contract/settings.ts';
import { parseNumberSetting } from '../../renderer/features/settings/number-setting.ts';
import { presetText, restored } from '../../renderer/features/settings/presets.ts';
import { SettingsScreen } from '../../renderer/features/settings/SettingsScreen.tsx';
import { renderInPage, testShell, type PageOptions } from './page.tsx';

const mebi = 1024 ** 2;
const preset = (id: string, more: Partial<Preset> = {}): Preset => ({
  id,
  name: `Preset ${id}`,
  systemPrompt: '',
  sampling: {},
  ...more,
});

/** A host that keeps settings in memory. */
function showSettings(options: PageOptions & { settings?: Settings } = {}) {
  const { handlers, state, settings = Settings.parse({}), ...rest } = options;
  let kept = settings;
  const changes: SettingsChange[] = [];
  const page = renderInPage(<SettingsScreen />, {
    ...rest,
    state: { settings, ...state },
    handlers: {
      changeSettings: (change) => {
        changes.push(change);
        kept = Settings.parse({ ...kept, ...change });
        return Promise.resolve(kept);
      },
      listModelFolders: () => Promise.resolve([]),
      listCaches: () => Promise.resolve([]),
      dataFolder: () =>
        Promise.resolve({ label: '~/.local/share/retort', bytes: 5 * mebi, chats: 14, backups: 1 }),
      ...handlers,
    } satisfies Partial<Handlers<PageContract>>,
  });
  return { page, changes, kept: () => kept };
}

describe('settings', () => {
  test('change the theme at once', async () => {
    const { changes } = showSettings();
    const group = within(screen.getByRole('radiogroup', { name: 'Theme' }));
    fireEvent.click(group.getByRole('radio', { name: 'dark' }));
    await waitFor(() => expect(changes).toEqual([{ theme: 'dark' }]));
  });

  test('take a number when Enter is pressed, and leave it to Retort where the field is empty', async () => {
    const { changes } = showSettings();
    const field = screen.getByRole('textbox', { name: 'Context' });
    fireEvent.change(field, { target: { value: '16,384' } });
    fireEvent.keyDown(field, { key: 'Enter' });
    await waitFor(() => expect(changes).toEqual([{ defaultContext: 16_384 }]));
    fireEvent.change(field, { target: { value: '' } });
    fireEvent.blur(field);
    await waitFor(() => expect(changes.at(-1)).toEqual({ defaultContext: null }));
  });

  test('say what is wrong with a number, and do not take it', () => {
    const { changes } = showSettings();
    const field = screen.getByRole('textbox', { name: 'Threads' });
    fireEvent.change(field, { target: { value: '0' } });
    fireEvent.keyDown(field, { key: 'Enter' });
    expect(screen.getByRole('alert').textContent).toBe('A whole number from 1 to 1,024, or nothing.');
    fireEvent.keyDown(field, { key: 'Escape' });
    expect(screen.queryByRole('alert')).toBeNull();
    expect(changes).toEqual([]);
  });

  test('choose the precision of keys and values, or leave it to Retort', async () => {
    const { changes } = showSettings();
    const list = screen.getByRole('combobox', { name: 'Precision of keys and values' });
    fireEvent.change(list, { target: { value: 'q8' } });
    await waitFor(() => expect(changes).toEqual([{ kvCodec: 'q8' }]));
    fireEvent.change(list, { target: { value: 'retort' } });
    await waitFor(() => expect(changes.at(-1)).toEqual({ kvCodec: null }));
  });

  test.each(['1.5', '-1', 'many', '0', '99999999999'])('refuse %j as a number of tokens', (text) => {
    expect(parseNumberSetting(text, { minimum: 1, maximum: 16_777_216 })).toHaveProperty('error');
  });
});

describe('presets', () => {
  const presets = [preset('a'), preset('b'), preset('c')];

  test('are renamed', async () => {
    const { kept } = showSettings({ settings: Settings.parse({ presets }) });
    fireEvent.click(screen.getByRole('button', { name: 'Rename Preset b' }));
    const dialog = within(screen.getByRole('dialog', { name: 'Rename preset' }));
    fireEvent.change(dialog.getByRole('textbox', { name: 'Name' }), { target: { value: '  Terse ' } });
    fireEvent.click(dialog.getByRole('button', { name: 'Rename' }));
    await waitFor(() =>
      expect(kept().presets.map(({ name }) => name)).toEqual(['Preset a', 'Terse', 'Preset c']),
    );
  });

  test('have a name', () => {
    showSettings({ settings: Settings.parse({ presets }) });
    fireEvent.click(screen.getByRole('button', { name: 'Rename Preset b' }));
    const dialog = within(screen.getByRole('dialog'));
    fireEvent.change(dialog.getByRole('textbox'), { target: { value: ' ' } });
    fireEvent.click(dialog.getByRole('button', { name: 'Rename' }));
    expect(dialog.getByRole('alert').textContent).toBe('A preset has a name.');
  });

  test('that were deleted come back to their place, and none that was deleted after them', async () => {
    const { kept } = showSettings({ settings: Settings.parse({ presets }) });
    fireEvent.click(screen.getByRole('button', { name: 'Delete Preset b' }));
    await waitFor(() => expect(kept().presets.map(({ id }) => id)).toEqual(['a', 'c']));
    fireEvent.click(screen.getByRole('button', { name: 'Delete Preset c' }));
    await waitFor(() => expect(kept().presets.map(({ id }) => id)).toEqual(['a']));
    fireEvent.click(screen.getAllByRole('button', { name: 'Undo' })[0]!);
    await waitFor(() => expect(kept().presets.map(({ id }) => id)).toEqual(['a', 'b']));
  });

  test('tell what they set', () => {
    expect(
      presetText(preset('a', { sampling: { temperature: 0.2, topP: 0.9 }, systemPrompt: 'Be brief.' })),
    ).toBe('temperature 0.2, top-p 0.9; system prompt of 9 characters');
    expect(presetText(preset('a'))).toBe('sampling as the model’s author set it; no system prompt');
    expect(restored([preset('a')], preset('z'), 9).map(({ id }) => id)).toEqual(['a', 'z']);
  });
});

describe('model folders', () => {
  test('are added by the shell’s dialog and removed', async () => {
    const folders = [{ id: 'x', label: '~/models', models: 4, isPresent: true }];
    showSettings({
      shell: testShell({ chooseModelFolder: () => Promise.resolve('grant-9') }),
      handlers: {
        listModelFolders: () => Promise.resolve([...folders]),
        addModelFolder: ({ grant }) => {
          const folder = { id: 'y', label: `from ${grant}`, models: 1, isPresent: false };
          folders.push(folder);
          return Promise.resolve(folder);
        },
        removeModelFolder: ({ id }) => {
          folders.splice(
            folders.findIndex((folder) => folder.id === id),
            1,
          );
          return Promise.resolve(null);
        },
      },
    });
    expect(await screen.findByText('4 models')).toBeDefined();
    fireEvent.click(screen.getByRole('button', { name: 'Add folder…' }));
    expect(await screen.findByText('from grant-9')).toBeDefined();
    expect(screen.getByText('missing')).toBeDefined();
    fireEvent.click(screen.getByRole('button', { name: 'Remove ~/models' }));
    await waitFor(() => expect(screen.queryByText('~/models')).toBeNull());
  });

  test('in a browser are named when Retort is started', async () => {
    showSettings();
    expect(await screen.findByText(/npx retort serve --models-dir FOLDER/)).toBeDefined();
    expect(screen.queryByRole('button', { name: 'Add folder…' })).toBeNull();
  });

  test('that cannot be read are no empty list, and are read again', async () => {
    let isBroken = true;
    showSettings({
      handlers: {
        listModelFolders: () =>
          isBroken ? Promise.reject(new LabError('file-unreadable', 'No permission.')) : Promise.resolve([]),
      },
    });
    expect(await screen.findByText('The list of folders cannot be read.')).toBeDefined();
    isBroken = false;
    fireEvent.click(screen.getByRole('button', { name: 'Try again' }));
    expect(await screen.findByText(/None yet/)).toBeDefined();
  });
});

describe('caches', () => {
  test('are cleared after a question that says what it costs', async () => {
    let caches = [
      { id: 'graph-1', kind: 'graph' as const, bytes: 300 * mebi, changedAt: 1 },
      { id: 'kernels', kind: 'kernels' as const, bytes: 2 * mebi, changedAt: 1 },
    ];
    showSettings({
      handlers: {
        listCaches: () => Promise.resolve(caches),
        removeCache: ({ id }) => {
          const cache = caches.find((other) => other.id === id)!;
          caches = caches.filter((other) => other.id !== id);
          return Promise.resolve(cache);
        },
      },
    });
    expect(await screen.findByText('302 MiB')).toBeDefined();
    fireEvent.click(screen.getByRole('button', { name: 'Clear Graph of a model graph-1' }));
    const dialog = within(screen.getByRole('dialog', { name: 'Clear the graph of a model?' }));
    expect(dialog.getByText(/^300 MiB are freed\. It is made again/)).toBeDefined();
    fireEvent.click(dialog.getByRole('button', { name: 'Clear' }));
    expect(await screen.findByText('300 MiB freed')).toBeDefined();
    await waitFor(() => expect(caches.map(({ id }) => id)).toEqual(['kernels']));
    await waitFor(() => expect(screen.queryByText('graph-1')).toBeNull());
  });

  test('are kept where the question is answered so', async () => {
    const cache = { id: 'kernels', kind: 'kernels' as const, bytes: 400, changedAt: 1 };
    showSettings({ handlers: { listCaches: () => Promise.resolve([cache]) } });
    fireEvent.click(await screen.findByRole('button', { name: 'Clear all…' }));
    fireEvent.click(within(screen.getByRole('dialog')).getByRole('button', { name: 'Keep' }));
    expect(screen.queryByRole('dialog')).toBeNull();
    expect(screen.getByText('kernels')).toBeDefined();
  });
});

describe('data', () => {
  test('says where it is and how much, and opens the folder in the app', async () => {
    let opened = 0;
    const openDataFolder = () => {
      opened += 1;
      return Promise.resolve();
    };
    showSettings({ shell: testShell({ openDataFolder }) });
    expect(await screen.findByText('~/.local/share/retort')).toBeDefined();
    expect(screen.getByText('5.0 MiB, 14 chats, 1 backup')).toBeDefined();
    fireEvent.click(screen.getByRole('button', { name: 'Open folder' }));
    expect(opened).toBe(1);
    await act(() => Promise.resolve());
  });

  test('shows diagnostics before they are copied', async () => {
    showSettings({ handlers: { diagnostics: () => Promise.resolve('Retort 0.1.0 on linux') } });
    fireEvent.click(screen.getByRole('button', { name: 'Diagnostics…' }));
    expect(await screen.findByText('Retort 0.1.0 on linux')).toBeDefined();
    fireEvent.click(screen.getByRole('button', { name: 'Copy diagnostics' }));
    expect(await screen.findByText('Diagnostics copied')).toBeDefined();
    expect(await navigator.clipboard.readText()).toBe('Retort 0.1.0 on linux');
  });

  test('lists the shortcuts', () => {
    showSettings();
    fireEvent.click(screen.getByRole('button', { name: 'Shortcuts…' }));
    expect(screen.getByRole('dialog', { name: 'Shortcuts' })).toBeDefined();
  });
});
