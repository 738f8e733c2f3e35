/** Opens the SQLite file of the data folder, several processes at once, and brings it to the newest schema. */
import { mkdir, readdir, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { DatabaseSync } from 'node:sqlite';
import { badFile, type LabError } from '../../contract/errors.ts';
import { migrations } from './migrations.ts';

const busyTimeoutMs = 5000;
const backupsKept = 3;

/** `steps`: the schema. Throws bad-file for a damaged or a newer database, whatever opening it throws else. */
export async function openDatabase(
  file: string,
  backups: string,
  steps: readonly string[] = migrations,
): Promise<DatabaseSync> {
  // What a person wrote is theirs alone.
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const database = new DatabaseSync(file, { timeout: busyTimeoutMs });
  try {
    await enterWal(database);
    database.exec('PRAGMA synchronous = FULL; PRAGMA fullfsync = 1; PRAGMA foreign_keys = ON;');
    check(database, file);
    await migrate(database, file, backups, steps);
    return database;
  } catch (error) {
    database.close();
    throw asDamage(error, file);
  }
}

/** Changing to WAL needs the file alone and does not wait by itself when two processes create it at once. */
async function enterWal(database: DatabaseSync): Promise<void> {
  const deadline = Date.now() + busyTimeoutMs;
  for (;;) {
    try {
      database.exec('PRAGMA journal_mode = WAL');
      return;
    } catch (error) {
      if (!/locked|busy/i.test(String(error)) || Date.now() > deadline) throw error;
      await wait(20);
    }
  }
}

function check(database: DatabaseSync, file: string): void {
  const row = database.prepare('PRAGMA quick_check(1)').get();
  const answer = row?.['quick_check'];
  if (answer !== 'ok') throw damaged(file, String(answer));
}

function damaged(file: string, why: string): LabError {
  return badFile(
    `the database is damaged (${why}). Nothing was changed: move it away to start anew, or restore a copy from the backups folder beside it.`,
    { file: basename(file) },
  );
}

/** SQLITE_CORRUPT and SQLITE_NOTADB; node:sqlite puts SQLite's own number in errcode. */
function asDamage(error: unknown, file: string): unknown {
  const number = error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : 0;
  return number === 11 || number === 26 ? damaged(file, String((error as Error).message)) : error;
}

async function migrate(
  database: DatabaseSync,
  file: string,
  backups: string,
  steps: readonly string[],
): Promise<void> {
  const version = schemaVersion(database);
  if (version > steps.length) {
    throw badFile(
      `the database has schema ${version}; this Retort knows ${steps.length}. Use the newer Retort.`,
      { file: basename(file) },
    );
  }
  if (version === steps.length) return;
  if (version > 0) await backUp(database, backups, version);
  database.exec('BEGIN IMMEDIATE');
  try {
    // Another process may have migrated while this one waited for the lock.
    for (const step of steps.slice(schemaVersion(database))) database.exec(step);
    database.exec(`PRAGMA user_version = ${steps.length}`);
    database.exec('COMMIT');
  } catch (error) {
    database.exec('ROLLBACK');
    throw error;
  }
}

function schemaVersion(database: DatabaseSync): number {
  return Number(database.prepare('PRAGMA user_version').get()?.['user_version'] ?? 0);
}

async function backUp(database: DatabaseSync, backups: string, version: number): Promise<void> {
  await mkdir(backups, { recursive: true, mode: 0o700 });
  const name = `schema-${version}-${Date.now()}-${process.pid}.db`;
  database.prepare('VACUUM INTO ?').run(join(backups, name));
  const old = (await readdir(backups)).filter((entry) => entry.endsWith('.db')).sort(byTime);
  for (const entry of old.slice(0, -backupsKept)) await rm(join(backups, entry), { force: true });
}

function byTime(left: string, right: string): number {
  return Number(left.split('-')[2]) - Number(right.split('-')[2]);
}
