import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ErrorLog, loggingErrors } from '../../electron/host/diagnostics/error-log.ts';
import { Diagnostics, type OwnFolders } from '../../electron/host/diagnostics/diagnostics.ts';
import { LabError } from '../../electron/contract/errors.ts';
import type { ModelInfo } from '../../electron/contract/open-model.ts';
import type { LoadState } from '../../electron/contract/machine.ts';
import type { PageContract } from '../../electron/contract/page-contract.ts';
import { Chats } from '../../electron/host/chats/chats.ts';
import { AppEvents } from '../../electron/host/events.ts';
import { Notices } from '../../electron/host/notices/notices.ts';
import { SettingsFile } from '../../electron/host/settings/settings-file.ts';
import { openStore } from '../../electron/host/store/store.ts';
import { makeFolder } from '../helpers/model-folder.ts';
import { startPageHost, temporaryFolder } from '../helpers/test-host.ts';

/** Diagnostics of a data folder, with the engine in `state`. */
function open(state: LoadState = { state: 'none' }, folders: Partial<OwnFolders> = {}) {
  const home = folders.home ?? temporaryFolder();
  const events = new AppEvents();
  const settings = new SettingsFile(home, { events, notices: new Notices(events) });
  const store = openStore(home);
  onTestFinished(() => store.close());
  const chats = new Chats(store, events);
  const own = { home, cache: join(home, 'cache'), userHome: '/home/nobody', ...folders };
  const diagnostics = new Diagnostics(own, { events, settings, chats, loaded: { state } });
  return { diagnostics, settings, chats, events, own };
}

const info: ModelInfo = {
  identity: 'f'.repeat(64),
  engine: 'native',
  arithmetic: 'fast',
  device: 'cpu',
  threads: 2,
  versions: { kernels: 'avx2' },
  vocabularySize: 100,
  contextLength: 2048,
  weightsBytes: 98_566_144,
  kvCodec: 'f16',
  kvBytesPerToken: 1000,
  streaming: null,
  loadMs: 1,
  ends: [],
  generation: {},
};

describe('diagnostics', () => {
  test('name versions, machine, engine, settings and Retort’s own folders', async () => {
    const userHome = makeFolder({ 'data/cache/kernels.json': { kernels: 'avx2', times: [] } });
    const home = join(userHome, 'data');
    const { diagnostics, settings } = open({ state: 'none' }, { home, cache: join(home, 'cache'), userHome });
    await settings.change({ threads: 2 });
    const lines = (await diagnostics.text()).split('\n');
    expect(lines[0]).toBe('Retort 0.1.0');
    expect(lines[1]).toContain(`Node ${process.versions.node}`);
    expect(lines).toContain('Shell: none (browser or terminal)');
    expect(lines.find((line) => line.startsWith('Processor:'))).toMatch(/, \d+ cores$/);
    expect(lines.find((line) => line.startsWith('Memory:'))).toMatch(/^Memory: [\d,]+ MiB, [\d,]+ MiB free$/);
    expect(lines).toContain('Kernel set chosen for this machine: avx2');
    expect(lines).toContain('Engine: no model is loaded');
    expect(lines).toContain('Settings: threads 2, context as usual, KV as usual, longest reply as usual');
    expect(lines).toContain('Data folder: ~/data');
    expect(lines).toContain('Cache folder: ~/data/cache');
    expect(lines).toContain('Errors: none since the start');
  });

  test('tell a ready engine by what computes, not by the model’s name', async () => {
    const { diagnostics } = open({
      ...{
        state: 'ready',
        model: 'private-model',
        title: 'Private model',
        precision: 'Q4_1, 5.0 bits',
        info,
      },
      ...{ context: 2048, kvCodec: 'f16', kvBytesPerToken: 1000, held: 0, isBusy: false },
    });
    const text = await diagnostics.text();
    expect(text).toContain(
      'Engine: ready (native, fast, cpu, 2 threads, kernels avx2; Q4_1, 5.0 bits; weights 94 MiB; context 2048, KV f16)',
    );
    expect(text).not.toMatch(/private/i);
  });

  test.each([
    ['is no JSON', '{'],
    ['has another shape', '[]'],
    ['names what is no kernel set', '{"kernels": "rm -rf ~"}'],
  ])('pass over a choice of kernels that %s', async (_what, content) => {
    const cache = makeFolder({ 'kernels.json': content });
    const { diagnostics } = open({ state: 'none' }, { cache });
    expect(await diagnostics.text()).toContain('Kernel set chosen for this machine: none yet');
  });

  test('tell errors of operations, of loading and of replies by their codes, the latest fifty', async () => {
    const { diagnostics, events } = open();
    const error = { code: 'out-of-memory', message: 'private words' };
    events.emit({
      type: 'engine',
      engine: { state: 'failed', model: 'm', title: 'private', error, fix: { kind: 'choose-model' } },
    });
    for (let index = 0; index < 60; index++)
      diagnostics.errors.add(`operation${index}`, new LabError('bad-file', 'private'));
    diagnostics.errors.add('stopped', new LabError('cancelled', 'Cancelled.'));
    const text = await diagnostics.text();
    expect(text).toMatch(/ operation59: bad-file$/m);
    expect(text).not.toContain('operation9:');
    expect(text).not.toContain('stopped');
    expect(text).not.toContain('private');
    expect(diagnostics.errors.list()).toHaveLength(50);
  });
});

describe('the error log', () => {
  const places = (error: Error) => {
    const log = new ErrorLog();
    log.add('x', error);
    return log.list()[0]?.places ?? [];
  };

  test('tells where in Retort’s code an error of its own arose', () => {
    expect(places(new TypeError('secret'))[0]).toMatch(/^tests\/host\/diagnostics\.test\.ts:\d+:\d+$/);
  });

  test('takes no place from a message that pretends to be a stack', () => {
    const folder = new URL('../../', import.meta.url).href;
    const found = places(
      new Error(`x\n    at secret (${folder}secret.ts:1:1)\n    at ${folder}secret.ts:2:2`),
    );
    expect(found.length).toBeGreaterThan(0);
    expect(found.join()).not.toContain('secret');
  });

  test('takes none where the message was changed after the stack was made', () => {
    const error = new Error('before');
    expect(error.stack).toContain('before');
    error.message = 'after';
    expect(places(error)).toEqual([]);
  });

  test('hears what handlers throw and passes it on as it is', async () => {
    const log = new ErrorLog();
    const thrown = new LabError('not-found', 'secret');
    const handlers = loggingErrors<Pick<PageContract, 'deleteChat' | 'dismissNotice'>>(
      { deleteChat: () => Promise.reject(thrown), dismissNotice: () => Promise.resolve(null) },
      log,
    );
    const context = { signal: new AbortController().signal };
    await expect(handlers.deleteChat({ id: 'a' }, context)).rejects.toBe(thrown);
    expect(await handlers.dismissNotice({ id: 'a' }, context)).toBe(null);
    expect(log.list()).toMatchObject([{ operation: 'deleteChat', code: 'not-found', places: [] }]);
  });
});

test('of twenty secrets in prompts, names, paths and errors none is in the diagnostics', async () => {
  const secrets = Array.from({ length: 20 }, (_, index) => `secret${index}x`);
  const [s0 = '', s1 = '', s2 = '', s3 = '', s4 = '', s5 = '', s6 = '', s7 = '', s8 = '', s9 = '', ...more] =
    secrets;
  const [s10 = '', s11 = '', s12 = '', s13 = '', s14 = '', s15 = '', s16 = '', s17 = '', s18 = '', s19 = ''] =
    more;
  const folder = makeFolder({ [`${s0}/${s1}.gguf`]: `${s2} is no model` });
  const home = temporaryFolder();
  writeFileSync(
    join(home, 'settings.json'),
    JSON.stringify({ modelFolders: [join(folder, s0), `/gone/${s3}`], [s4]: s5 }),
  );
  const { page } = await startPageHost(home);
  const failing: Promise<unknown>[] = [];
  const chat = await page.createChat({ systemPrompt: s6, title: s7, draft: s8 });
  const draft = { chatId: chat.id, parentId: null, text: s9, files: [{ name: s10, text: s11 }] };
  await page.changeSettings({
    draft: s12,
    presets: [{ id: 'a', name: s13, systemPrompt: s14, sampling: {} }],
  });
  const broken = (await page.listModels({})).find(({ kind }) => kind === 'folder');
  failing.push(page.inspectModel({ id: broken?.id ?? '' }));
  failing.push(page.send({ ...draft, model: s15 }));
  failing.push(page.importModel({ grant: s16 }));
  failing.push(page.readChat({ id: s17 }));
  failing.push(page.importChat({ text: s18 }));
  failing.push(page.restoreChat({ id: s19 }));
  const outcomes = await Promise.allSettled(failing);
  expect(outcomes.map(({ status }) => status)).toEqual(failing.map(() => 'rejected'));
  const text = await page.diagnostics({});
  for (const secret of secrets) expect(text).not.toContain(secret);
  expect(text).not.toContain(folder);
  expect(text).toMatch(/inspectModel: unsupported-format$/m);
  expect(text).toMatch(/send: not-found$/m);
  expect(text).toMatch(/importModel: not-found$/m);
});

describe('the data folder', () => {
  test('is told with its size, chats and backups, its caches and what links lead to left out', async () => {
    const userHome = temporaryFolder();
    const home = join(userHome, 'data');
    const { diagnostics, chats, settings } = open(
      { state: 'none' },
      { home, cache: join(home, 'cache'), userHome },
    );
    await settings.change({ threads: 1 });
    const before = await diagnostics.dataFolder();
    expect(before).toMatchObject({ label: '~/data', chats: 0, backups: 0 });
    await chats.create({});
    mkdirSync(join(home, 'cache', 'graphs'), { recursive: true });
    mkdirSync(join(home, 'backups'), { recursive: true });
    writeFileSync(join(home, 'cache', 'graphs', 'weights.bin'), Buffer.alloc(5_000_000));
    writeFileSync(join(home, 'backups', 'one.db'), Buffer.alloc(1_000_000));
    symlinkSync('/dev/zero', join(home, 'endless'));
    const after = await diagnostics.dataFolder();
    expect(after).toMatchObject({ label: '~/data', chats: 1, backups: 1 });
    expect(after.bytes - before.bytes).toBeGreaterThanOrEqual(1_000_000);
    expect(after.bytes - before.bytes).toBeLessThan(4_000_000);
  });

  test('that nothing used yet is empty', async () => {
    const home = join(temporaryFolder(), 'unused');
    const { page } = await startPageHost(home);
    expect(await page.dataFolder({})).toMatchObject({ label: home, chats: 0, backups: 0 });
  });
});

test('pages list and remove caches', async () => {
  const { page, home } = await startPageHost();
  mkdirSync(join(home, 'cache'), { recursive: true });
  writeFileSync(join(home, 'cache', 'kernels.json'), '{}');
  expect(await page.listCaches({})).toMatchObject([{ id: 'kernels', bytes: 2 }]);
  expect(await page.removeCache({ id: 'kernels' })).toMatchObject({ id: 'kernels' });
  expect(await page.listCaches({})).toEqual([]);
});
