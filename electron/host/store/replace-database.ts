/**
 * Puts a rebuilt database in the place of a damaged one, which is kept under another name. Cut short anywhere, the next start goes on: the rebuilt
 * file stands beside, whole, until it has the place.
 */
import { existsSync } from 'node:fs';
import { copyFile, link, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { makeNamesDurable } from '../durable-file.ts';
import { toDisk } from './backups.ts';

/** What belongs to a database besides its file. */
const companions = ['-wal', '-shm'];

export async function removeDatabase(file: string): Promise<void> {
  for (const name of [file, ...companions.map((ending) => file + ending)]) await rm(name, { force: true });
}

/** Gives `<file>.partial`, closed, the place of `file`. Returns the name under which the damaged file is kept. */
export async function replaceDatabase(file: string): Promise<string | null> {
  await toDisk(`${file}.partial`);
  await rename(`${file}.partial`, rebuiltName(file));
  await makeNamesDurable(dirname(file));
  return finishReplacement(file);
}

/** The name under which the damaged file is kept, or where there was none its log; null where there was nothing to finish. */
export async function finishReplacement(file: string): Promise<string | null> {
  const rebuilt = rebuiltName(file);
  if (!existsSync(rebuilt)) return null;
  const at = new Date((await stat(rebuilt)).mtimeMs).toISOString().replace(/[:.]/g, '-');
  const kept = join(dirname(file), `retort-damaged-${at}.db`);
  if (existsSync(file) && !existsSync(kept)) await giveSecondName(file, kept);
  // Beside the new database an old log would be taken for its own.
  for (const ending of companions) {
    if (existsSync(file + ending)) await rename(file + ending, kept + ending);
  }
  await makeNamesDurable(dirname(file));
  await rename(rebuilt, file);
  await makeNamesDurable(dirname(file));
  return basename(existsSync(kept) ? kept : `${kept}-wal`);
}

function rebuiltName(file: string): string {
  return `${file}.restored`;
}

/** At no moment is there no database: another process would begin a new one. */
async function giveSecondName(file: string, name: string): Promise<void> {
  try {
    await link(file, name);
  } catch {
    // Not every file system knows second names.
    await copyFile(file, `${name}.partial`);
    await rename(`${name}.partial`, name);
  }
}
