import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { LabError } from '../../electron/contract/errors.ts';
import { backUp } from '../../electron/host/store/backups.ts';
import { openDatabase } from '../../electron/host/store/open-database.ts';
import { noticeOf } from '../../electron/host/store/recovery-notice.ts';
import { openOrRecover } from '../../electron/host/store/recovery.ts';
import { placeIn } from '../../electron/host/store/store.ts';
import { fillWithChats } from '../helpers/many-chats.ts';
import { temporaryFolder } from '../helpers/test-host.ts';

const chats = 20;
const messages = 400;
const page = 4096;

/** A data folder as a crash leaves it: chats in the database, later ones in its log only, and an older backup. */
let whole = '';
let wanted: Contents;

interface Contents {
  readonly chats: number;
  readonly messages: number;
  /** Of all rows. */
  readonly digest: string;
}

beforeAll(async () => {
  const folder = mkdtempSync(join(tmpdir(), 'retort-whole-'));
  const home = join(folder, 'live');
  whole = join(folder, 'whole');
  await fillWithChats(home, chats, messages);
  const { file, backups } = placeIn(home);
  const database = await openDatabase(file, backups);
  await backUp(database, backups, 'day');
  for (let change = 0; change < 5; change++) {
    database.exec(`INSERT INTO chats (id, title, has_own_title, is_pinned, created_at, changed_at, sampling, system_prompt, draft)
      VALUES ('late-${change}', 'Late ${change}', 1, 0, 1, ${change}, '{}', '', '')`);
  }
  wanted = contentsOf(database);
  cpSync(home, whole, { recursive: true });
  database.close();
  rmSync(join(whole, 'retort.db-shm'));
});
afterAll(() => rmSync(join(whole, '..'), { recursive: true, force: true }));

function contentsOf(database: DatabaseSync): Contents {
  const all = (table: string) => database.prepare(`SELECT * FROM ${table} ORDER BY sequence`).all();
  const [chatRows, messageRows] = [all('chats'), all('messages')];
  return {
    ...{ chats: chatRows.length, messages: messageRows.length },
    digest: digest(JSON.stringify([chatRows, messageRows])),
  };
}

/** A copy of the folder, with its log written into the database or still beside it. */
function copyOfWhole({ hasBackup, hasLog }: { hasBackup: boolean; hasLog: boolean }): string {
  const home = temporaryFolder();
  cpSync(whole, home, { recursive: true });
  if (!hasBackup) rmSync(placeIn(home).backups, { recursive: true });
  // Opening and closing it writes the log into the database.
  if (hasLog) return home;
  const database = new DatabaseSync(placeIn(home).file);
  database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  database.close();
  return home;
}

interface Damaging {
  readonly name: string;
  /** The log is left beside the database. */
  readonly hasLog?: boolean;
  readonly damage: (file: string) => void;
  /** Messages that are there afterwards at least, where there is no backup. */
  readonly saved?: number;
}

function change(file: string, edit: (bytes: Buffer) => void): void {
  const bytes = readFileSync(file);
  edit(bytes);
  writeFileSync(file, bytes);
}

/** Bytes that look like nothing, the same each time. */
function noise(bytes: Buffer, begin: number, end: number): void {
  for (let at = begin, state = 7; at < Math.min(end, bytes.length); at++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    bytes[at] = state >>> 16;
  }
}

const percents = [0, 10, 20, 30, 40, 50, 60, 70, 80, 90];
const pages = [1, 2, 3, 4, 5, 7, 10, 20, 30, 40, 50, 60, 70, 80, 90];
const headerFields = [0, 16, 18, 19, 20, 21, 28, 36, 47, 59, 92];

const damages: readonly Damaging[] = [
  ...percents.map((percent) => ({
    name: `cut to ${percent} %`,
    // The list of chats and the indexes come first.
    saved: percent < 30 ? 0 : (percent - 24) * 4,
    damage: (file: string) => truncateSync(file, Math.floor((readFileSync(file).length * percent) / 100)),
  })),
  ...pages.map((number) => ({
    name: `page ${number} zeroed`,
    saved: number === 1 ? 0 : messages - 12,
    damage: (file: string) => change(file, (bytes) => bytes.fill(0, (number - 1) * page, number * page)),
  })),
  ...headerFields.map((offset) => ({
    name: `byte ${offset} of the header changed`,
    saved: messages,
    damage: (file: string) =>
      change(file, (bytes) => bytes.writeUInt8((bytes.readUInt8(offset) ^ 0x5a) & 0xff, offset)),
  })),
  ...[0.2, 0.4, 0.6, 0.8].map((part) => ({
    name: `noise from ${part * 100} % on`,
    saved: messages - 36,
    damage: (file: string) =>
      change(file, (bytes) =>
        noise(bytes, Math.floor(bytes.length * part), Math.floor(bytes.length * part) + 3 * page),
      ),
  })),
  { name: 'the schema set back', damage: (file) => change(file, (bytes) => bytes.writeUInt32BE(1, 60)) },
  { name: 'the schema set to 0', damage: (file) => change(file, (bytes) => bytes.writeUInt32BE(0, 60)) },
  {
    name: 'a version from the future',
    damage: (file) => change(file, (bytes) => bytes.writeUInt32BE(999, 60)),
  },
  { name: 'text in its place', damage: (file) => writeFileSync(file, 'It is all gone. '.repeat(1000)) },
  { name: 'every byte noise', damage: (file) => change(file, (bytes) => noise(bytes, 0, bytes.length)) },
  {
    name: 'the log noise',
    hasLog: true,
    damage: (file) => change(`${file}-wal`, (bytes) => noise(bytes, 0, bytes.length)),
  },
  {
    name: 'the header of the log zeroed',
    hasLog: true,
    damage: (file) => change(`${file}-wal`, (bytes) => bytes.fill(0, 0, 32)),
  },
  {
    name: 'the first frame of the log noise',
    hasLog: true,
    damage: (file) => change(`${file}-wal`, (bytes) => noise(bytes, 56, 56 + page)),
  },
  { name: 'the log without the database', hasLog: true, damage: (file) => rmSync(file) },
];

/**
 * All that may happen: refused and left alone, unharmed and complete, or replaced with a word about it. Returns how many messages are there, or
 * could be.
 */
async function judge(home: string, hasBackup: boolean): Promise<number> {
  const place = placeIn(home);
  const before = digestsOf(home);
  let opened;
  try {
    opened = await openOrRecover(place);
  } catch (error) {
    expect(error).toBeInstanceOf(LabError);
    expect((error as LabError).message).toContain('retort.db');
    expect(digestsOf(home)).toEqual(before);
    return messages;
  }
  const { database, recovery } = opened;
  onTestFinished(() => database.close());
  expect(database.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' });
  const contents = contentsOf(database);
  database.exec('UPDATE chats SET draft = draft');
  if (recovery === null) {
    expect(contents).toEqual(wanted);
    return messages;
  }
  const { message } = noticeOf(recovery);
  expect(recovery).toMatchObject({ chats: contents.chats, messages: contents.messages });
  if (recovery.kind === 'missing') return 0;
  expect(message).toContain(`Now there are ${recovery.chats} chat`);
  if (recovery.keptAs !== null) {
    expect(message).toContain(recovery.keptAs);
    const keptAs = join(home, recovery.keptAs.replace(/-wal$/, ''));
    for (const [ending, was] of before) expect(digest(readFileSync(keptAs + ending))).toBe(was);
  }
  if (hasBackup || !recovery.isIncomplete) expect(contents.chats).toBeGreaterThanOrEqual(chats);
  if (!recovery.isIncomplete) expect(contents).toEqual(wanted);
  expectWhole(database);
  return contents.messages;
}

/** Digests of the database and its log. */
function digestsOf(home: string): Map<string, string> {
  const { file } = placeIn(home);
  // To look at a database SQLite makes an empty log.
  const present = ['', '-wal'].filter(
    (ending) => (statSync(file + ending, { throwIfNoEntry: false })?.size ?? 0) > 0,
  );
  return new Map(present.map((ending) => [ending, digest(readFileSync(file + ending))]));
}

function digest(data: Buffer | string): string {
  return createHash('sha256').update(data).digest('hex');
}

/** Every message is of a chat and follows one that is there; counts and the shown branch are right; the text indexes fit. */
function expectWhole(database: DatabaseSync): void {
  const wrong = `
    SELECT id FROM messages WHERE chat_id NOT IN (SELECT id FROM chats) OR parent_id NOT IN (SELECT id FROM messages)
    UNION ALL SELECT id FROM chats WHERE message_count <> (SELECT count(*) FROM messages WHERE chat_id = chats.id)
    UNION ALL SELECT id FROM chats WHERE leaf_id IS NOT NULL AND leaf_id NOT IN (SELECT id FROM messages WHERE chat_id = chats.id)`;
  expect(database.prepare(wrong).all()).toEqual([]);
  database.exec(`INSERT INTO message_texts (message_texts, rank) VALUES ('integrity-check', 1)`);
  database.exec(`INSERT INTO chat_titles (chat_titles, rank) VALUES ('integrity-check', 1)`);
}

describe.each([true, false])('a damaged database, with a backup: %s', (hasBackup) => {
  test.each(damages)(
    '$name: never an empty list without a word',
    async ({ damage, hasLog = false, saved = 0 }) => {
      const home = copyOfWhole({ hasBackup, hasLog });
      damage(placeIn(home).file);
      expect(await judge(home, hasBackup)).toBeGreaterThanOrEqual(hasBackup ? messages : saved);
    },
  );
});
