/** Copies of the database in a folder beside it: one before each migration, one a day of use; the latest three of each kind are kept. */
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';

const keptOfEachKind = 3;
const dayMs = 86_400_000;
const hourMs = 3_600_000;

export interface Backup {
  readonly file: string;
  readonly kind: 'schema' | 'day';
  /** When it was made, in milliseconds since 1970. */
  readonly at: number;
}

/** Newest first. */
export async function listBackups(folder: string): Promise<Backup[]> {
  const names = await readdir(folder).catch(() => []);
  return names.flatMap((name) => parseName(folder, name)).sort((left, right) => right.at - left.at);
}

function parseName(folder: string, name: string): Backup[] {
  const found = /^(schema|day)-\d+-(\d+)-\d+\.db$/.exec(name);
  return found ? [{ file: join(folder, name), kind: found[1] as Backup['kind'], at: Number(found[2]) }] : [];
}

/** Whole or not there: written under another name first. `version`: the schema of the database. */
export async function backUp(database: DatabaseSync, folder: string, kind: Backup['kind']): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const version = Number(database.prepare('PRAGMA user_version').get()?.['user_version']);
  const file = join(folder, `${kind}-${version}-${Date.now()}-${process.pid}.db`);
  const partial = `${file}.partial`;
  try {
    database.prepare('VACUUM INTO ?').run(partial);
    await toDisk(partial);
    await rename(partial, file);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
  await removeOld(folder, kind);
}

/** At most one a day; a backup from the future, made before the clock was set back, does not count. */
export async function isDayBackupDue(folder: string): Promise<boolean> {
  const ages = (await listBackups(folder))
    .filter(({ kind }) => kind === 'day')
    .map(({ at }) => Date.now() - at);
  return !ages.some((age) => age >= 0 && age < dayMs);
}

async function removeOld(folder: string, kind: Backup['kind']): Promise<void> {
  const old = (await listBackups(folder)).filter((backup) => backup.kind === kind).slice(keptOfEachKind);
  const abandoned = (await readdir(folder)).filter(isAbandoned).map((name) => join(folder, name));
  for (const file of [...old.map((backup) => backup.file), ...abandoned]) await rm(file, { force: true });
}

/** What a killed process left; a younger one may be in the making by another process. */
function isAbandoned(name: string): boolean {
  const begun = /^[a-z]+-\d+-(\d+)-\d+\.db\.partial/.exec(name)?.[1];
  return begun !== undefined && Date.now() - Number(begun) > hourMs;
}

export async function toDisk(file: string): Promise<void> {
  const handle = await open(file, 'r+');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
