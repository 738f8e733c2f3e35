/** Opens the SQLite file of the data folder, several processes at once, and brings it to the newest schema. */
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { DatabaseSync } from 'node:sqlite';
import { badFile } from '../../contract/errors.ts';
import { backUp } from './backups.ts';
import { migrations } from './migrations.ts';
import { Damage, damagedError, damageOf, isStatementFault } from './sqlite-errors.ts';

const busyTimeoutMs = 5000;

/** `steps`: the schema. Throws bad-file for a damaged or a newer database, whatever opening it throws else. */
export async function openDatabase(
  file: string,
  backups: string,
  steps: readonly string[] = migrations,
): Promise<DatabaseSync> {
  try {
    return await openSound(file, backups, steps);
  } catch (error) {
    const why = damageOf(error);
    throw why === null ? error : damagedError(file, why);
  }
}

/** As `openDatabase`, but throws what `damageOf` recognises for a damaged database. */
export async function openSound(
  file: string,
  backups: string,
  steps: readonly string[] = migrations,
): Promise<DatabaseSync> {
  // What a person wrote is theirs alone.
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  refuseNewer(file, steps.length);
  const database = new DatabaseSync(file, { timeout: busyTimeoutMs });
  try {
    await enterWal(database);
    database.exec('PRAGMA synchronous = FULL; PRAGMA fullfsync = 1; PRAGMA foreign_keys = ON;');
    check(database);
    await migrate(database, file, backups, steps);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Looks before anything is written: a newer Retort's file stays as it is, to the byte. */
export function refuseNewer(file: string, known = migrations.length): void {
  if (!existsSync(file)) return;
  const database = new DatabaseSync(file, { readOnly: true, timeout: busyTimeoutMs });
  try {
    const version = schemaVersion(database);
    if (version <= known) return;
    throw badFile(`the database has schema ${version}; this Retort knows ${known}. Use the newer Retort.`, {
      file: basename(file),
    });
  } finally {
    database.close();
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

/**
 * Throws Damage. Table by table, the list of free pages with the schema: a fifth of the time of the whole check, most of which goes into the
 * text indexes, and these can be built again from their tables.
 */
export function check(database: DatabaseSync): void {
  const tables = database
    .prepare(`SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0`)
    .all();
  for (const name of ['sqlite_schema', ...tables.map((table) => String(table['name']))]) {
    const row = database.prepare(`PRAGMA quick_check("${name}")`).get();
    const answer = String(row?.['quick_check']);
    if (answer !== 'ok') throw new Damage(firstFinding(answer));
  }
}

/** SQLite lists its findings one a line under a heading. */
function firstFinding(answer: string): string {
  return answer.split('\n').find((line) => !line.startsWith('***')) ?? answer;
}

async function migrate(
  database: DatabaseSync,
  file: string,
  backups: string,
  steps: readonly string[],
): Promise<void> {
  const version = schemaVersion(database);
  if (version === steps.length) return;
  if (version > 0) await backUp(database, backups, 'schema');
  database.exec('BEGIN IMMEDIATE');
  try {
    // Another process may have migrated while this one waited for the lock.
    for (const step of steps.slice(schemaVersion(database))) database.exec(step);
    database.exec(`PRAGMA user_version = ${steps.length}`);
    database.exec('COMMIT');
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    throw migrationError(error, file, version);
  }
}

/** A step that does not fit what is there: neither the disk nor another process is at fault. */
function migrationError(error: unknown, file: string, version: number): unknown {
  if (!isStatementFault(error)) return error;
  return badFile(
    `the database says it has schema ${version} and does not fit it (${(error as Error).message}). Nothing was changed: restore a copy from the backups folder beside it, or move it away to start anew.`,
    { file: basename(file) },
  );
}

export function schemaVersion(database: DatabaseSync): number {
  return Number(database.prepare('PRAGMA user_version').get()?.['user_version'] ?? 0);
}
