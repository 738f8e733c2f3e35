import {
  existsSync,
  linkSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, onTestFinished, test, vi } from 'vitest';
import { Chats } from '../../electron/host/chats/chats.ts';
import { AppEvents } from '../../electron/host/events.ts';
import { backUp, isDayBackupDue, listBackups } from '../../electron/host/store/backups.ts';
import { maintain } from '../../electron/host/store/maintenance.ts';
import { openDatabase } from '../../electron/host/store/open-database.ts';
import { openOwnedStore } from '../../electron/host/store/owned-store.ts';
import { noticeOf } from '../../electron/host/store/recovery-notice.ts';
import { openOrRecover } from '../../electron/host/store/recovery.ts';
import { placeIn } from '../../electron/host/store/store.ts';
import { eventually } from '../helpers/eventually.ts';
import { fillWithChats } from '../helpers/many-chats.ts';
import { temporaryFolder } from '../helpers/test-host.ts';

const dayMs = 86_400_000;

/** A data folder with three chats of four messages. */
async function filledHome(): Promise<string> {
  const home = temporaryFolder();
  await fillWithChats(home, 3, 12);
  return home;
}

async function openIn(home: string): Promise<DatabaseSync> {
  const { file, backups } = placeIn(home);
  const database = await openDatabase(file, backups);
  onTestFinished(() => {
    if (database.isOpen) database.close();
  });
  return database;
}

async function openOwned(home: string, maintainAfterMs = 60_000) {
  const told: [string, string][] = [];
  const tell = (level: string, message: string) => void told.push([level, message]);
  const store = await openOwnedStore(home, { tell, maintainAfterMs });
  onTestFinished(() => store.close());
  return { store, told, chats: new Chats(store, new AppEvents()) };
}

test('the owner opens a sound database without a word, and makes one backup a day afterwards', async () => {
  const home = await filledHome();
  const first = await openOwned(home, 0);
  expect(await first.chats.list()).toHaveLength(3);
  const { backups } = placeIn(home);
  await eventually(() => expect(readdirSync(backups)).toHaveLength(1));
  await first.store.close();
  const second = await openOwned(home, 0);
  await second.chats.list();
  await second.store.close();
  expect((await listBackups(backups)).map(({ kind }) => kind)).toEqual(['day']);
  expect([...first.told, ...second.told]).toEqual([]);
});

test('the owner of a damaged database is told what was kept and restored, and goes on with it', async () => {
  const home = await filledHome();
  const database = await openIn(home);
  await backUp(database, placeIn(home).backups, 'day');
  database.close();
  truncateSync(placeIn(home).file, 4096);
  const { chats, told } = await openOwned(home);
  const kept = readdirSync(home).filter((name) => /^retort-damaged-.+\.db$/.test(name));
  expect(kept).toHaveLength(1);
  expect(told).toEqual([
    [
      'error',
      expect.stringMatching(
        new RegExp(
          `^The database of chats was damaged: .+\\. The damaged file is kept in the data folder as ${kept[0]}\\. Parts of it could not be read\\. ` +
            'The backup of .+ with 3 chats was restored, and what could be read was added\\. Now there are 3 chats with 12 messages\\.$',
        ),
      ),
    ],
  ]);
  const [chat] = await chats.list();
  expect((await chats.read(chat?.id ?? '')).messages).toHaveLength(4);
  await chats.create({ title: 'after' });
});

test('a database of a newer Retort is refused by its owner too', async () => {
  const home = await filledHome();
  const database = await openIn(home);
  database.exec('PRAGMA user_version = 999');
  database.close();
  const before = readFileSync(placeIn(home).file);
  await expect(openOwned(home)).rejects.toMatchObject({ code: 'bad-file' });
  expect(readFileSync(placeIn(home).file).equals(before)).toBe(true);
});

test('three backups of each kind are kept, the newest, and each is whole', async () => {
  const home = await filledHome();
  const { backups } = placeIn(home);
  const database = await openIn(home);
  vi.useFakeTimers({ toFake: ['Date'] });
  try {
    for (let day = 1; day <= 5; day++) {
      vi.setSystemTime(day * dayMs);
      await backUp(database, backups, 'day');
      await backUp(database, backups, 'schema');
    }
  } finally {
    vi.useRealTimers();
  }
  const listed = await listBackups(backups);
  expect(listed.map(({ at }) => at / dayMs)).toEqual([5, 5, 4, 4, 3, 3]);
  for (const { file } of listed) {
    const backup = new DatabaseSync(file, { readOnly: true });
    expect(backup.prepare('SELECT count(*) AS messages FROM messages').get()).toEqual({ messages: 12 });
    expect(backup.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' });
    backup.close();
  }
});

test('a backup is due a day after the last, and where the last is from the future', async () => {
  const home = await filledHome();
  const { backups } = placeIn(home);
  const database = await openIn(home);
  expect(await isDayBackupDue(backups)).toBe(true);
  await backUp(database, backups, 'schema');
  expect(await isDayBackupDue(backups)).toBe(true);
  await backUp(database, backups, 'day');
  expect(await isDayBackupDue(backups)).toBe(false);
  vi.useFakeTimers({ toFake: ['Date'] });
  try {
    vi.setSystemTime(Date.now() + dayMs + 1000);
    expect(await isDayBackupDue(backups)).toBe(true);
    vi.setSystemTime(Date.now() - 3 * dayMs);
    expect(await isDayBackupDue(backups)).toBe(true);
  } finally {
    vi.useRealTimers();
  }
});

test('what a killed backup left is no backup, and goes with the next', async () => {
  const home = await filledHome();
  const { backups } = placeIn(home);
  const database = await openIn(home);
  await backUp(database, backups, 'day');
  writeFileSync(join(backups, 'day-2-1000-5.db.partial'), 'half');
  writeFileSync(join(backups, `day-2-${Date.now()}-5.db.partial`), 'in the making');
  expect(await listBackups(backups)).toHaveLength(1);
  await backUp(database, backups, 'day');
  expect(readdirSync(backups).filter((name) => name.endsWith('.partial'))).toHaveLength(1);
});

test('of two backups the newest that is sound is restored', async () => {
  const home = await filledHome();
  const { file, backups } = placeIn(home);
  const database = await openIn(home);
  await backUp(database, backups, 'day');
  await new Promise((resolve) => setTimeout(resolve, 5));
  await backUp(database, backups, 'day');
  database.close();
  const [newest, older] = await listBackups(backups);
  writeFileSync(newest?.file ?? '', 'no backup at all');
  writeFileSync(file, 'no database at all '.repeat(1000));
  const opened = await openOrRecover({ file, backups });
  onTestFinished(() => opened.database.close());
  expect(opened.recovery).toMatchObject({ backup: { file: older?.file, chats: 3 }, chats: 3, messages: 12 });
});

test.each(['at its beginning', 'after the log was moved', 'after the second name was given'])(
  'a replacement that was cut short %s is finished at the next start',
  async (moment) => {
    const home = temporaryFolder();
    const { file, backups } = placeIn(home);
    await fillWithChats(home, 2, 4);
    const whole = readFileSync(file);
    writeFileSync(`${file}.restored`, whole);
    const damaged = 'damaged '.repeat(2000);
    writeFileSync(file, damaged);
    if (moment !== 'after the log was moved') writeFileSync(`${file}-wal`, 'log '.repeat(3000));
    if (moment === 'after the second name was given') {
      linkSync(file, join(home, 'another-name'));
    }
    const { database, recovery } = await openOrRecover({ file, backups });
    onTestFinished(() => database.close());
    expect(recovery).toMatchObject({ kind: 'finished', chats: 2, messages: 4 });
    expect(readFileSync(join(home, recovery?.keptAs ?? ''), 'utf8')).toBe(damaged);
    expect(existsSync(`${file}.restored`)).toBe(false);
    expect(recovery && noticeOf(recovery)).toMatchObject({
      level: 'warning',
      message: `The database of chats was damaged and has been replaced; the start before was cut short while it was. The damaged file is kept in the data folder as ${recovery?.keptAs}. Now there are 2 chats with 4 messages.`,
    });
  },
);

test('where the database is missing and a backup is there, a new one is begun and the backup named', async () => {
  const home = await filledHome();
  const { file, backups } = placeIn(home);
  const database = await openIn(home);
  await backUp(database, backups, 'day');
  database.close();
  rmSync(file);
  const opened = await openOrRecover({ file, backups });
  onTestFinished(() => opened.database.close());
  expect(opened.recovery && noticeOf(opened.recovery)).toEqual({
    level: 'warning',
    message: expect.stringMatching(
      /^The database of chats could not be read: it was not there\. A new one was begun\. The backup of .+ with 3 chats lies in the folder “backups” and was left there\.$/,
    ) as string,
  });
});

test('a first start says nothing', async () => {
  const { file, backups } = placeIn(join(temporaryFolder(), 'new'));
  const { database, recovery } = await openOrRecover({ file, backups });
  onTestFinished(() => database.close());
  expect(recovery).toBeNull();
});

/** Makes nothing of every block of the text index; the table that holds them stays sound. */
async function damageTextIndex(home: string): Promise<void> {
  const database = await openIn(home);
  // Without this no statement may change the tables of an index. Types of this version do not know it yet.
  (database as unknown as { enableDefensive(on: boolean): void }).enableDefensive(false);
  database.exec('UPDATE message_texts_data SET block = zeroblob(length(block)) WHERE id > 10');
  database.close();
}

test('a damaged text index is built again when a search or a message meets it', async () => {
  for (const meet of ['search', 'write'] as const) {
    const home = await filledHome();
    await damageTextIndex(home);
    const { chats, told } = await openOwned(home);
    const [chat] = await chats.list();
    const { messages } = await chats.read(chat?.id ?? '');
    const word = messages[1]?.text.split(' ')[0] ?? '';
    if (meet === 'write') await chats.import((await chats.export(chat?.id ?? '', 'json')).text);
    expect((await chats.search(word, 100)).map((hit) => hit.messageId)).toContain(messages[1]?.id);
    expect(told).toEqual([]);
  }
});

test('maintenance finds a damaged text index that nothing met', async () => {
  const home = await filledHome();
  await damageTextIndex(home);
  const database = await openIn(home);
  expect(database.prepare('PRAGMA quick_check(message_texts)').get()).not.toEqual({ quick_check: 'ok' });
  await maintain(database, placeIn(home).backups);
  expect(database.prepare('PRAGMA quick_check(message_texts)').get()).toEqual({ quick_check: 'ok' });
  database.exec(`INSERT INTO message_texts (message_texts, rank) VALUES ('integrity-check', 1)`);
});

test('a backup that cannot be made is said, and chats go on', async () => {
  const home = await filledHome();
  writeFileSync(placeIn(home).backups, 'a file in the way');
  const { chats, told } = await openOwned(home, 0);
  await eventually(() => expect(told).toHaveLength(1));
  expect(told[0]).toEqual([
    'warning',
    expect.stringContaining('Today’s backup of chats could not be made: '),
  ]);
  expect(await chats.list()).toHaveLength(3);
});

test('a growing reply is indexed once, also where the index was built again while it grew', async () => {
  const home = await filledHome();
  const database = await openIn(home);
  const [chat] = database.prepare('SELECT id FROM chats').all();
  database.exec(`INSERT INTO messages (id, chat_id, parent_id, role, state, created_at, reply, files, text)
    VALUES ('growing', '${String(chat?.['id'])}', NULL, 'assistant', 'streaming', 1, '{}', '[]', 'malachite')`);
  database.exec(`INSERT INTO message_texts (message_texts) VALUES ('rebuild')`);
  database.exec(`UPDATE messages SET state = 'complete', text = 'malachite green' WHERE id = 'growing'`);
  database.exec(`INSERT INTO message_texts (message_texts, rank) VALUES ('integrity-check', 1)`);
  expect(
    database.prepare(`SELECT rowid FROM message_texts WHERE message_texts MATCH 'malachite'`).all(),
  ).toHaveLength(1);
});
