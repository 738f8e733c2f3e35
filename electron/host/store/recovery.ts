/**
 * Opens the database for the owner of the data folder, whatever state it is in. A damaged one is kept under another name and replaced by what can be
 * read of it: alone where that is all of it, else over the newest sound backup. Never is a list empty without a word.
 */
import { accessSync, constants, existsSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';
import { listBackups } from './backups.ts';
import { openDamagedCopy } from './damaged-copy.ts';
import { migrations } from './migrations.ts';
import { check, openSound, refuseNewer, schemaVersion } from './open-database.ts';
import { finishReplacement, removeDatabase, replaceDatabase } from './replace-database.ts';
import { salvage } from './salvage.ts';
import { Damage, damageOf, isReadOnly } from './sqlite-errors.ts';
import type { DatabasePlace } from './store-contract.ts';
import { damageOfLog, fileSize } from './write-ahead-log.ts';

/** A copy of the database that a person can go back to. */
export interface SoundBackup {
  readonly file: string;
  /** When it was made, in milliseconds since 1970. */
  readonly at: number;
  readonly chats: number;
}

/** What was found and done. Files by their names in the data folder. */
export interface Recovery {
  /** 'replaced': the database was damaged. 'finished': so it was at the last start, which was cut short. 'missing': there was none, or an empty file. */
  readonly kind: 'replaced' | 'finished' | 'missing';
  /** What was wrong with it. */
  readonly why: string;
  /** The damaged file under its new name; null: there was none. */
  readonly keptAs: string | null;
  /** What was restored, or, where the database was missing, could be. */
  readonly backup: SoundBackup | null;
  /** Whether parts of the damaged file could not be read. */
  readonly isIncomplete: boolean;
  /** What the database holds now. */
  readonly chats: number;
  readonly messages: number;
}

export interface OpenedDatabase {
  readonly database: DatabaseSync;
  /** Null: all was well. */
  readonly recovery: Recovery | null;
}

const wasEmpty = 'it was empty';

/** Throws bad-file for a newer Retort's database, and what opening throws where the disk or another process is at fault. */
export async function openOrRecover(place: DatabasePlace): Promise<OpenedDatabase> {
  const { file, backups } = place;
  const finished = await finishReplacement(file);
  if (finished !== null) {
    const done = { kind: 'finished', why: '', keptAs: finished, backup: null, isIncomplete: false } as const;
    return describe(await openSound(file, backups), done);
  }
  const before = await damageBeforeOpening(place);
  if (before !== null) return replace(place, before, true);
  const missing = await whatIsMissing(place);
  try {
    const database = await openSound(file, backups);
    expectWritable(database, file);
    return missing === null ? { database, recovery: null } : describe(database, missing);
  } catch (error) {
    const why = damageOf(error);
    if (why === null) throw error;
    return replace(place, why, false);
  }
}

type Done = Omit<Recovery, 'chats' | 'messages'>;

/** A first start has neither a database nor a backup. */
async function whatIsMissing({ file, backups }: DatabasePlace): Promise<Done | null> {
  if ((await fileSize(file)) > 0) return null;
  const isThere = existsSync(file);
  const backup = await newestSoundBackup(backups);
  if (!isThere && backup === null) return null;
  const why = isThere ? wasEmpty : 'it was not there';
  return { kind: 'missing', why, keptAs: null, backup, isIncomplete: false };
}

/** A damaged header may forbid writing, in a file that the system lets be written. */
function expectWritable(database: DatabaseSync, file: string): void {
  try {
    database.exec(`BEGIN IMMEDIATE; PRAGMA user_version = ${schemaVersion(database)}; ROLLBACK`);
  } catch (error) {
    if (isReadOnly(error) && isWritable(file)) throw new Damage('its header forbids writing');
    throw error;
  }
}

function isWritable(file: string): boolean {
  try {
    accessSync(file, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** What SQLite would pass over in silence: it takes an empty file for a new database and an unreadable log for its end. */
async function damageBeforeOpening({ file, backups }: DatabasePlace): Promise<string | null> {
  const size = await fileSize(file);
  const logSize = await fileSize(`${file}-wal`);
  if (size === 0 && logSize > 0) return 'the file of latest changes was there without the database itself';
  if (size === 0) return existsSync(file) && (await newestSoundBackup(backups)) ? wasEmpty : null;
  const why = await damageOfLog(`${file}-wal`);
  if (why !== null) refuseNewerIfReadable(file);
  return why;
}

function refuseNewerIfReadable(file: string): void {
  try {
    refuseNewer(file);
  } catch (error) {
    if (damageOf(error) === null) throw error;
  }
}

/** `isLogDamaged`: what the database file holds is sound, but not all there was. */
async function replace(place: DatabasePlace, why: string, isLogDamaged: boolean): Promise<OpenedDatabase> {
  const { file, backups } = place;
  const rebuilt = await rebuild(place, isLogDamaged);
  const keptAs = await replaceDatabase(file);
  return describe(await openSound(file, backups), { kind: 'replaced', why, keptAs, ...rebuilt });
}

type Rebuilt = Pick<Recovery, 'backup' | 'isIncomplete'>;

/** Makes the database that is to replace the damaged one, which is only read. */
async function rebuild({ file, backups }: DatabasePlace, isLogDamaged: boolean): Promise<Rebuilt> {
  const target = `${file}.partial`;
  await removeDatabase(target);
  const isComplete = await fillFrom(file, target, backups);
  if (isComplete && !isLogDamaged) return { backup: null, isIncomplete: false };
  const backup = await newestSoundBackup(backups);
  if (backup === null) return { backup, isIncomplete: true };
  await removeDatabase(target);
  await copyFile(backup.file, target);
  await fillFrom(file, target, backups);
  return { backup, isIncomplete: true };
}

/** Opens or creates `target` and adds what can be read of `file`; false: not all of it could be. */
async function fillFrom(file: string, target: string, backups: string): Promise<boolean> {
  const to = await openSound(target, backups);
  const from = await openDamagedCopy(file);
  try {
    if (from === null) return false;
    const { gaps } = salvage(from.database, to);
    return gaps === 0 && versionOf(from.database) > 0;
  } finally {
    await from?.close();
    to.close();
  }
}

/** 0 where even the schema cannot be read. */
function versionOf(database: DatabaseSync): number {
  try {
    return schemaVersion(database);
  } catch (error) {
    if (damageOf(error) === null) throw error;
    return 0;
  }
}

function openToRead(file: string): DatabaseSync | null {
  try {
    return new DatabaseSync(file, { readOnly: true });
  } catch {
    return null;
  }
}

async function newestSoundBackup(folder: string): Promise<SoundBackup | null> {
  for (const { file, at } of await listBackups(folder)) {
    const database = openToRead(file);
    if (database === null) continue;
    try {
      check(database);
      const version = schemaVersion(database);
      if (version >= 1 && version <= migrations.length) return { file, at, chats: countsOf(database).chats };
    } catch (error) {
      if (damageOf(error) === null) throw error;
    } finally {
      database.close();
    }
  }
  return null;
}

function describe(database: DatabaseSync, done: Done): OpenedDatabase {
  return { database, recovery: { ...done, ...countsOf(database) } };
}

/** Schemas before chats have none. */
function countsOf(database: DatabaseSync): { chats: number; messages: number } {
  const count = (what: string) =>
    Number(database.prepare(`SELECT count(*) AS rows FROM ${what}`).get()?.['rows']);
  const hasChats = count(`sqlite_schema WHERE name = 'chats'`) > 0;
  if (!hasChats) return { chats: 0, messages: 0 };
  return { chats: count('chats WHERE deleted_at IS NULL'), messages: count('messages') };
}
