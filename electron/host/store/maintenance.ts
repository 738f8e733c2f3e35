/** What is done for a database that is in use, after its owner's first answers: the day's backup, and a look at the text indexes. */
import type { DatabaseSync } from 'node:sqlite';
import { backUp, isDayBackupDue } from './backups.ts';

const textIndexes = ['chat_titles', 'message_texts'];

export async function maintain(database: DatabaseSync, backups: string): Promise<void> {
  if (await isDayBackupDue(backups)) await backUp(database, backups, 'day');
  if (!areTextIndexesSound(database)) rebuildTextIndexes(database);
}

function areTextIndexesSound(database: DatabaseSync): boolean {
  return textIndexes.every((index) => {
    const row = database.prepare(`PRAGMA quick_check(${index})`).get();
    return row?.['quick_check'] === 'ok';
  });
}

/** From the tables. */
export function rebuildTextIndexes(database: DatabaseSync): void {
  for (const index of textIndexes) database.exec(`INSERT INTO ${index} (${index}) VALUES ('rebuild')`);
}
