import { fork } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { pageContract, type AppEvent } from '../../electron/contract/page-contract.ts';
import { portPair } from '../../electron/contract/port.ts';
import { connect } from '../../electron/contract/rpc-client.ts';
import { serve } from '../../electron/contract/rpc.ts';
import { Settings } from '../../electron/contract/settings.ts';
import { AppEvents } from '../../electron/host/events.ts';
import { keepBudget } from '../../electron/host/loaded/memory-budget.ts';
import { noticeHandlers } from '../../electron/host/notices/notice-handlers.ts';
import { Notices } from '../../electron/host/notices/notices.ts';
import { SettingsFile } from '../../electron/host/settings/settings-file.ts';
import { settingsHandlers } from '../../electron/host/settings/settings-handlers.ts';
import { labError } from '../helpers/model-folder.ts';
import { mayMount, SmallDisk } from '../helpers/small-disk.ts';
import { temporaryFolder } from '../helpers/test-host.ts';

const usual = Settings.parse({});
const preset = { id: 'p-1', name: 'Brief', systemPrompt: 'Be brief.', sampling: { temperature: 0.2 } };

function open(home = temporaryFolder()) {
  const events = new AppEvents();
  const told: AppEvent[] = [];
  events.listen((event) => void told.push(event));
  const notices = new Notices(events);
  const settings = new SettingsFile(home, { events, notices });
  const stored = () =>
    JSON.parse(readFileSync(join(home, 'settings.json'), 'utf8')) as Record<string, unknown>;
  const messages = () => notices.list().map((notice) => notice.message);
  return { home, settings, notices, told, stored, messages, events };
}

/** A data folder whose settings.json holds `text`, and where given its predecessor `previous`. */
function homeWith(text: string, previous?: string): string {
  const home = temporaryFolder();
  writeFileSync(join(home, 'settings.json'), text);
  if (previous !== undefined) writeFileSync(join(home, 'settings.previous.json'), previous);
  return home;
}

test('a data folder without settings has the usual ones, and reading writes nothing', async () => {
  const home = join(temporaryFolder(), 'unused');
  const { settings, messages } = open(home);
  expect(await settings.read()).toEqual(usual);
  expect(await settings.modelFolders()).toEqual([]);
  expect(existsSync(home)).toBe(false);
  expect(messages()).toEqual([]);
});

test('budgets that are kept at the same moment are all kept', async () => {
  const { settings } = open();
  const ids = ['a', 'b', 'c'];
  await Promise.all(ids.map((id, index) => keepBudget({ settings }, id, index + 1)));
  expect((await settings.read()).memoryBudgets).toEqual({ a: 1, b: 2, c: 3 });
  await Promise.all([keepBudget({ settings }, 'a', 'auto'), settings.change({ theme: 'dark' })]);
  expect(await settings.read()).toMatchObject({ theme: 'dark', memoryBudgets: { a: 'auto', b: 2, c: 3 } });
});

test('a change is on disk when it returns, told to pages, and read by the next start', async () => {
  const { home, settings, told, stored } = open();
  const changed = await settings.change({ theme: 'dark', threads: 3, presets: [preset] });
  expect(changed).toEqual({ ...usual, theme: 'dark', threads: 3, presets: [preset] });
  expect(stored()).toMatchObject({ theme: 'dark', threads: 3 });
  expect(told).toEqual([{ type: 'settings', settings: changed }]);
  expect(await open(home).settings.read()).toEqual(changed);
  expect(readdirSync(home)).toEqual(['settings.json']);
});

test('a change that changes nothing writes and tells nothing', async () => {
  const { home, settings, told } = open();
  await settings.change({ theme: 'dark' });
  await settings.change({ theme: 'dark' });
  expect(told).toHaveLength(1);
  expect(readdirSync(home)).toEqual(['settings.json']);
});

test('what the file held before the last change is kept beside it', async () => {
  const { home, settings } = open();
  await settings.change({ theme: 'dark' });
  await settings.change({ theme: 'light' });
  const previous = readFileSync(join(home, 'settings.previous.json'), 'utf8');
  expect(JSON.parse(previous)).toEqual({ theme: 'dark' });
});

test('fifty changes at once are all kept', async () => {
  const { home, settings } = open();
  const folders = Array.from({ length: 50 }, (_, index) => `/models/${index}`);
  const changes = folders.map((folder) => settings.changeModelFolders((list) => [...list, folder]));
  await Promise.all([...changes, settings.change({ threads: 2 }), settings.change({ draft: 'typed' })]);
  const next = open(home).settings;
  expect(await next.modelFolders()).toEqual(folders);
  expect(await next.read()).toMatchObject({ threads: 2, draft: 'typed' });
});

test('pages change settings by their contract and never see the model folders', async () => {
  const { settings, notices } = open();
  await settings.changeModelFolders(() => ['/secret/place']);
  const { changeSettings, dismissNotice } = pageContract;
  const [here, there] = portPair();
  onTestFinished(() => here.close());
  serve(
    there,
    { changeSettings, dismissNotice },
    { ...settingsHandlers({ settings }), ...noticeHandlers({ notices }) },
  );
  const client = connect(here, { changeSettings, dismissNotice });
  const changed = await client.changeSettings({ lastModel: 'mine', showsInstruments: false });
  expect(changed).toEqual({ ...usual, lastModel: 'mine', showsInstruments: false });
  expect(await labError(client.changeSettings({ threads: 0 }))).toMatchObject({ code: 'bad-request' });
  expect(await labError(client.changeSettings({ modelFolders: [] } as object))).toMatchObject({
    code: 'bad-request',
  });
  const { id } = notices.add('info', 'Something.');
  await client.dismissNotice({ id });
  expect(notices.list()).toEqual([]);
});

describe('notices', () => {
  test('are told once, listed oldest first and gone when dismissed', () => {
    const { notices, told } = open();
    const first = notices.add('warning', 'One.');
    expect(notices.add('warning', 'One.')).toBe(first);
    const second = notices.add('error', 'Two.');
    expect(notices.list()).toEqual([first, second]);
    expect(told).toEqual([
      { type: 'notice', notice: first },
      { type: 'notice', notice: second },
    ]);
    notices.dismiss(first.id);
    notices.dismiss('never-there');
    expect(notices.list()).toEqual([second]);
  });

  test('are no more than a person can read', () => {
    const { notices } = open();
    for (let index = 0; index < 1000; index++) notices.add('info', `Number ${index}.`);
    expect(
      notices
        .list()
        .map((notice) => notice.message)
        .at(-1),
    ).toBe('Number 999.');
    expect(notices.list()).toHaveLength(100);
  });
});

describe('what a newer version wrote', () => {
  const newer = {
    theme: 'sepia',
    threads: 4,
    rotation: { kept: true },
    presets: [{ ...preset, colour: 'red' }, { shape: 'unknown' }],
    modelFolders: ['/models', 7],
  };

  test('is kept in the file, and what is not understood is the usual value and said', async () => {
    const { home, settings, stored, messages } = open(homeWith(JSON.stringify(newer)));
    expect(await settings.read()).toEqual({ ...usual, threads: 4, presets: [preset] });
    expect(await settings.modelFolders()).toEqual(['/models']);
    expect(messages()).toEqual([
      'settings.json has values that this version does not understand: theme, presets[1], modelFolders[1]. The usual values are used for them; the file keeps what it has.',
    ]);
    await settings.change({ draft: 'x' });
    expect(stored()).toEqual({ ...newer, draft: 'x' });
    expect(readdirSync(home).sort()).toEqual(['settings.json', 'settings.previous.json']);
  });

  test('is kept of a preset that is renamed, and of one that cannot be read', async () => {
    const { settings, stored } = open(homeWith(JSON.stringify(newer)));
    await settings.change({ presets: [{ ...preset, name: 'Short' }] });
    expect(stored()['presets']).toEqual([{ ...preset, name: 'Short', colour: 'red' }, { shape: 'unknown' }]);
  });
});

describe('a damaged settings.json', () => {
  const good = JSON.stringify({ theme: 'dark', threads: 2 });
  const previous = JSON.stringify({ theme: 'light', threads: 5 });
  const damages: [string, string][] = [
    ...[0, 1, 5, 10, 20, good.length - 1].map((length): [string, string] => [
      `cut after ${length} bytes`,
      good.slice(0, length),
    ]),
    ['zeros', '\0'.repeat(200)],
    ['a list', '[1, 2]'],
    ['a text', '"dark"'],
    ['null', 'null'],
    [
      'random bytes',
      Buffer.from(Array.from({ length: 300 }, (_, i) => (i * 97 + 13) % 256)).toString('latin1'),
    ],
    ['nested a hundred thousand times', '['.repeat(100_000)],
  ];

  test.each(damages)(
    '(%s) gives way to the settings before the last change, is kept, and said',
    async (_what, text) => {
      const { home, settings, messages } = open(homeWith(text, previous));
      expect(await settings.read()).toMatchObject({ theme: 'light', threads: 5 });
      expect(messages()).toHaveLength(1);
      expect(messages()[0]).toMatch(
        /^settings\.json could not be read: .*settings\.previous\.json.*settings\.damaged\.json\.$/s,
      );
      expect(readFileSync(join(home, 'settings.damaged.json'), 'utf8')).toBe(text);
      const next = open(home);
      expect(await next.settings.read()).toMatchObject({ theme: 'light', threads: 5 });
      expect(next.messages()).toEqual([]);
    },
  );

  test.each(damages)(
    '(%s) without a predecessor gives the usual settings, is kept, and said',
    async (_what, text) => {
      const { home, settings, messages } = open(homeWith(text));
      expect(await settings.read()).toEqual(usual);
      expect(messages()[0]).toContain('The usual settings are used');
      expect(readFileSync(join(home, 'settings.damaged.json'), 'utf8')).toBe(text);
      expect(await settings.change({ threads: 1 })).toMatchObject({ threads: 1 });
      expect(await open(home).settings.read()).toMatchObject({ threads: 1 });
    },
  );

  test('and a damaged predecessor give the usual settings, and both are said', async () => {
    const { settings, messages } = open(homeWith('{', '{'));
    expect(await settings.read()).toEqual(usual);
    expect(messages()[0]).toContain('settings.previous.json cannot be read either');
  });

  test('that is gone gives way to the settings before the last change', async () => {
    const home = homeWith(good, previous);
    rmSync(join(home, 'settings.json'));
    const { settings, messages } = open(home);
    expect(await settings.read()).toMatchObject({ theme: 'light' });
    expect(messages()).toEqual([
      'settings.json is not there. The settings from before the last change are used (settings.previous.json).',
    ]);
    expect(await open(home).settings.read()).toMatchObject({ theme: 'light' });
  });

  test('that is a folder is set aside', async () => {
    const home = temporaryFolder();
    mkdirSync(join(home, 'settings.json', 'inside'), { recursive: true });
    const { settings, messages } = open(home);
    expect(await settings.read()).toEqual(usual);
    expect(messages()[0]).toContain('it is no file');
    expect(existsSync(join(home, 'settings.damaged.json', 'inside'))).toBe(true);
  });
});

describe.runIf(process.platform === 'linux')('a disk that is full', () => {
  test.each(['settings.previous.json', 'settings.json'])(
    'while %s is written is an error, changes nothing, and the next change works',
    async (name) => {
      const { home, settings, told } = open();
      await settings.change({ theme: 'dark' });
      // What is written to /dev/full finds no space.
      symlinkSync('/dev/full', join(home, `${name}.partial`));
      const error = await labError(settings.change({ theme: 'light' }));
      expect(error).toMatchObject({ code: 'disk-full', detail: { file: 'settings.json' } });
      expect(error.message).toBe(
        'The settings are as they were: the disk is full. Free some space and try again.',
      );
      expect(await settings.read()).toMatchObject({ theme: 'dark' });
      expect(await open(home).settings.read()).toMatchObject({ theme: 'dark' });
      expect(readdirSync(home).filter((file) => file.endsWith('.partial'))).toEqual([]);
      expect(told).toHaveLength(1);
      expect(await settings.change({ theme: 'light' })).toMatchObject({ theme: 'light' });
      expect(await open(home).settings.read()).toMatchObject({ theme: 'light' });
    },
  );
});

describe.runIf(mayMount)('on a disk of its own', () => {
  test('a full one refuses a change that does not fit and takes the one after it', async () => {
    const { folder } = new SmallDisk(65_536);
    const { settings } = open(folder);
    await settings.change({ theme: 'dark' });
    const error = await labError(settings.change({ draft: 'x'.repeat(200_000) }));
    expect(error.code).toBe('disk-full');
    expect(await open(folder).settings.read()).toMatchObject({ theme: 'dark', draft: '' });
    expect(readdirSync(folder).filter((file) => file.endsWith('.partial'))).toEqual([]);
    expect(await settings.change({ draft: 'short' })).toMatchObject({ theme: 'dark', draft: 'short' });
  });

  test('one that cannot be written refuses changes until it can', async () => {
    const disk = new SmallDisk(65_536);
    const { folder } = disk;
    const { settings } = open(folder);
    await settings.change({ theme: 'dark' });
    disk.remount('ro');
    const error = await labError(settings.change({ theme: 'light' }));
    expect(error).toMatchObject({ code: 'file-unreadable' });
    expect(error.message).toContain('EROFS');
    expect(await settings.read()).toMatchObject({ theme: 'dark' });
    disk.remount('rw');
    expect(await settings.change({ theme: 'light' })).toMatchObject({ theme: 'light' });
    expect(await open(folder).settings.read()).toMatchObject({ theme: 'light' });
  });

  test('damaged settings on one that cannot be written are read around, and stay where they are', async () => {
    const disk = new SmallDisk(65_536);
    const { folder } = disk;
    writeFileSync(join(folder, 'settings.json'), '{');
    writeFileSync(join(folder, 'settings.previous.json'), '{"threads": 6}');
    disk.remount('ro');
    const { settings, messages } = open(folder);
    expect(await settings.read()).toMatchObject({ threads: 6 });
    expect(messages()[0]).toContain('The file stays where it is.');
    disk.remount('rw');
    expect(await settings.change({ theme: 'dark' })).toMatchObject({ threads: 6, theme: 'dark' });
    expect(await open(folder).settings.read()).toMatchObject({ threads: 6, theme: 'dark' });
  });
});

test('a data folder that cannot be made is a coded error and changes nothing', async () => {
  const home = temporaryFolder();
  writeFileSync(join(home, 'file'), '');
  const { settings } = open(join(home, 'file', 'below'));
  expect((await labError(settings.change({ theme: 'dark' }))).message).toContain(
    'The settings are as they were',
  );
  expect(await settings.read()).toEqual(usual);
});

const writer = fileURLToPath(new URL('../helpers/settings-child.ts', import.meta.url));

test('settings acknowledged before kill -9 are there afterwards, and no kill leaves a file that cannot be read', async () => {
  const home = temporaryFolder();
  for (let round = 0, threads = 0; round < 20; round++) {
    const child = fork(writer, [home, String(threads + 1)], { execArgv: [] });
    let changes = 0;
    child.on('message', (acknowledged: number) => {
      threads = acknowledged;
      changes += 1;
      if (changes === 3) setTimeout(() => child.kill('SIGKILL'), round % 7);
    });
    await Promise.all([once(child, 'exit'), once(child, 'disconnect')]);
    const { settings, messages } = open(home);
    const read = await settings.read();
    // What was under way when the process was killed may be there too.
    expect([threads, threads + 1]).toContain(read.threads);
    expect(read.draft).toHaveLength(10_000 * ((read.threads ?? 0) % 50));
    expect(messages()).toEqual([]);
    threads = read.threads ?? 0;
  }
}, 60_000);
