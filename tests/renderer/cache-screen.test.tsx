import { act, fireEvent, screen, waitFor, within } from '@testing-library/react';
import { expect, test } from 'vitest';
import { LabError } from '../../electron/contract/errors.ts';
import type { SavedCache } from '../../electron/contract/kv-cache.ts';
import { CacheHost } from '../helpers/cache-host.ts';
import { readyEngine } from '../helpers/chat-host.ts';
import { openApp } from './app-page.tsx';
import { testShell } from './page.tsx';

const open = (host: CacheHost, shell = testShell()) => {
  openApp(host, { fragment: '#/cache', shell });
  return shell;
};

const saved = (more: Partial<SavedCache> = {}): SavedCache => ({
  id: 'first',
  name: 'first',
  savedAt: 1,
  modelTitle: 'Tiny model',
  kvCodec: 'f16',
  context: 64,
  tokens: 64,
  bytes: 2048,
  refusal: null,
  ...more,
});

test('without a model it leads to the models; where nothing is held to the chat, with saves to restore', async () => {
  const none = new CacheHost(2, 64);
  none.engine = { state: 'none' };
  none.answers = { readHeldCache: () => Promise.resolve(null) };
  open(none);
  await screen.findByRole('heading', { name: 'No model in memory' });
  fireEvent.click(screen.getByRole('button', { name: 'Choose a model' }));
  expect(window.location.hash).toBe('#/models');
});

test('where nothing is held a saved cache can be restored, and one of another model says why not', async () => {
  const host = new CacheHost(2, 64);
  const refusal = 'It was saved by another model: Other.';
  host.saved = [saved(), saved({ id: 'second', name: 'second', refusal })];
  let isRestored = false;
  host.answers = {
    readHeldCache: () => Promise.resolve(isRestored ? host.held() : null),
    restoreSavedCache: () => {
      isRestored = true;
      return Promise.resolve({ tokens: 64, kvBytes: 4096, milliseconds: 12 });
    },
  };
  open(host);
  await screen.findByRole('heading', { name: 'Nothing is held' });
  await screen.findByText(refusal);
  expect(screen.queryByRole('button', { name: 'Restore second' })).toBeNull();
  fireEvent.click(screen.getByRole('button', { name: 'Restore first' }));
  await screen.findByRole('grid', { name: /attention$/ });
  await screen.findByText('64 tokens restored, 4 KiB in 12 ms');
});

test('a cache that cannot be read, and a map that cannot, say why', async () => {
  const host = new CacheHost(2, 64);
  const fail = (message: string) => () => Promise.reject(new LabError('engine-failed', message));
  host.answers = { readCacheMap: fail('The engine is gone.') };
  open(host);
  await screen.findByText('The engine is gone.');
  expect(screen.getByRole('region', { name: 'Ledger' }).textContent).toContain('64 of 64 tokens');
  const other = new CacheHost(2, 64);
  other.answers = { readHeldCache: fail('It does not answer.') };
  open(other);
  await screen.findByText('It does not answer.');
});

test('an engine that tells no layers has a ledger and no map', async () => {
  const host = new CacheHost(0, 64);
  open(host);
  await screen.findByRole('heading', { name: 'This engine shows no map' });
  expect(screen.getByRole<HTMLButtonElement>('button', { name: 'Measure' }).disabled).toBe(true);
});

test('the map is read by keys: a cell with its token and heads, a range with its sums, Escape lets go', async () => {
  open(new CacheHost(3, 64));
  const grid = await screen.findByRole('grid', { name: /attention$/ });
  const press = (key: string, shiftKey = false) => fireEvent.keyDown(grid, { key, shiftKey });
  for (const key of ['ArrowRight', 'ArrowDown', 'End']) press(key);
  expect(within(grid).getByRole('gridcell').textContent).toMatch(
    /^layer 1, position 63, token ·word63 in Reply: message 7: attention /,
  );
  await screen.findByRole('list', { name: 'By head' });
  press('ArrowLeft', true);
  press('ArrowLeft', true);
  await screen.findByText('Positions 61 to 63, all layers');
  screen.getByText('3 tokens, 7 KiB');
  press('Escape');
  expect(screen.queryByText(/^Positions/)).toBeNull();
});

test('bytes and precision need no engine; a table and a file have every position', async () => {
  const host = new CacheHost(2, 64);
  const shell = open(host);
  await screen.findByRole('grid', { name: /attention$/ });
  const before = host.called.filter((name) => name === 'readCacheMap').length;
  fireEvent.click(screen.getByRole('radio', { name: 'precision' }));
  await screen.findByText('All layers: f16');
  expect(screen.queryByRole('combobox', { name: 'Head' })).toBeNull();
  fireEvent.click(screen.getByRole('radio', { name: 'bytes' }));
  await screen.findByText('bytes of a position');
  expect(host.called.filter((name) => name === 'readCacheMap')).toHaveLength(before);
  fireEvent.click(screen.getAllByRole('radio', { name: 'table' }).at(-1)!);
  await screen.findByRole('columnheader', { name: 'mean bytes of layers' });
  fireEvent.click(screen.getByRole('button', { name: 'Save the map as CSV' }));
  await waitFor(() => expect(shell.saved).toHaveLength(1));
  expect(shell.saved[0]?.fileName).toBe('retort-cache-bytes.csv');
  expect(shell.saved[0]?.text.split('\r\n')).toHaveLength(66);
});

test('a comparison shows how far it is, ends where it is cancelled or a reply begins, and what it found', async () => {
  const host = new CacheHost(2, 64);
  let end: (error: LabError | null) => void = () => undefined;
  const result = {
    ...{ kvBytes: 4096, topOneAgreement: 0.99, tokensPerSecond: { min: 1, median: 2, max: 3 } },
    kl: { mean: 0.0123, p99: 0.1, max: 0.2 },
  };
  host.answers = {
    compareCodecs: async (_input, { emit, signal }) => {
      await emit({ phase: 'replay', done: 10, total: 96 });
      await new Promise<void>((resolve, reject) => {
        end = (error) => (error ? reject(error) : resolve());
        signal.addEventListener('abort', () => reject(new LabError('cancelled', 'Cancelled.')));
      });
      return { positions: 64, timedTokens: 32, codecs: [{ ...result, codec: 'q8' }] };
    },
  };
  open(host);
  const begin = async () => {
    fireEvent.click(await screen.findByRole('button', { name: 'Measure' }));
    await screen.findByText('10 of 96 steps');
  };
  await begin();
  fireEvent.click(screen.getByRole('button', { name: 'Cancel' }));
  await begin();
  act(() => end(new LabError('cancelled', 'Cancelled.')));
  await screen.findByText('A reply began: measure again when it has ended.');
  await begin();
  act(() => end(null));
  await screen.findByText('0.0123');
  screen.getByText('99.0 %');
});

test('a save is named after the chat, and says in the dialog why it was refused', async () => {
  const host = new CacheHost(2, 64);
  host.saved = [saved({ name: 'A long talk' })];
  host.answers = {
    saveCache: () => Promise.reject(new LabError('disk-full', 'The disk has no room for this cache.')),
  };
  open(host);
  await screen.findByText('A long talk');
  fireEvent.click(screen.getByRole('button', { name: 'Save cache…' }));
  const dialog = screen.getByRole('dialog');
  expect(within(dialog).getByRole<HTMLInputElement>('textbox', { name: 'Name' }).value).toBe('A long talk 2');
  fireEvent.click(within(dialog).getByRole('button', { name: 'Save' }));
  await within(dialog).findByText('The disk has no room for this cache.');
});

test('another codec is applied with the context as it is; what is held is cleared, a save deleted after a question', async () => {
  const host = new CacheHost(2, 64);
  host.saved = [saved()];
  let loaded: unknown = null;
  host.answers = {
    loadModel: (input) => {
      loaded = input;
      return Promise.resolve(null);
    },
    clearCache: () => Promise.resolve(null),
    removeSavedCache: () => Promise.resolve(saved()),
  };
  open(host);
  fireEvent.click(await screen.findByRole('button', { name: 'Apply q8' }));
  await waitFor(() =>
    expect(loaded).toMatchObject({ id: 'tiny', settings: { context: 8192, kvCodec: 'q8' } }),
  );
  fireEvent.click(screen.getByRole('button', { name: 'Clear' }));
  await screen.findByText(/^The cache is empty/);
  fireEvent.click(screen.getByRole('button', { name: 'Delete first' }));
  fireEvent.click(within(screen.getByRole('dialog')).getByRole('button', { name: 'Delete' }));
  await screen.findByText('first is deleted: 2 KiB freed');
});

test('while a reply is written nothing is asked of the engine; what is held is shown when it ends', async () => {
  const host = new CacheHost(2, 64);
  host.engine = { ...(readyEngine as typeof readyEngine & { state: 'ready' }), isBusy: true };
  open(host);
  await screen.findByText(/^A reply is being written/);
  expect(host.called).not.toContain('readHeldCache');
  act(() => host.emit({ type: 'engine', engine: readyEngine }));
  await screen.findByRole('grid', { name: /attention$/ });
});
