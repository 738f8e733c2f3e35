/** A copy of a damaged database that SQLite opens, so that the file itself is only ever read. */
import { copyFile, open } from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';
import { removeDatabase } from './replace-database.ts';
import { fileSize } from './write-ahead-log.ts';

const pageBytes = 4096;

export interface DamagedCopy {
  readonly database: DatabaseSync;
  close(): Promise<void>;
}

/** Null where there is nothing to read. */
export async function openDamagedCopy(file: string): Promise<DamagedCopy | null> {
  if ((await fileSize(file)) < pageBytes) return null;
  const copy = `${file}.salvage`;
  await removeDatabase(copy);
  await copyFile(file, copy);
  const hasLog = (await fileSize(`${file}-wal`)) > 0;
  if (hasLog) await copyFile(`${file}-wal`, `${copy}-wal`);
  await writeHeader(copy, hasLog);
  const database = new DatabaseSync(copy, { enableForeignKeyConstraints: false });
  return {
    database,
    async close() {
      database.close();
      await removeDatabase(copy);
    },
  };
}

/**
 * The first 100 bytes as every database of ours has them, but for the schema's version, which stays. The number of pages is marked as not valid, so
 * that SQLite takes the file's size. https://sqlite.org/fileformat.html, 1.3
 */
async function writeHeader(file: string, hasLog: boolean): Promise<void> {
  const handle = await open(file, 'r+');
  try {
    const header = Buffer.alloc(100);
    await handle.read(header, 0, header.length, 0);
    header.write('SQLite format 3\0', 0, 'latin1');
    header.writeUInt16BE(pageBytes, 16);
    header.fill(hasLog ? 2 : 1, 18, 20);
    // No reserved bytes; fractions that are the same in every file.
    header.set([0, 64, 32, 32], 20);
    // The change counter, and far below the counter for which the number of pages is valid.
    header.writeUInt32BE(1, 24);
    header.writeUInt32BE(0, 92);
    // No free pages, no automatic vacuum, UTF-8, schema format 4.
    header.fill(0, 32, 40);
    header.writeUInt32BE(4, 44);
    header.fill(0, 48, 56);
    header.writeUInt32BE(1, 56);
    await handle.write(header, 0, header.length, 0);
  } finally {
    await handle.close();
  }
}
