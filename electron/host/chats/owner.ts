/**
 * One process at a time owns the chats of a data folder. `chats.lock` is a small SQLite file on which the owner holds the write lock as long as it lives:
 * the system lets go of it when the process ends, however it ends, so that it is never stale, even where ids of processes are used again. Its one row
 * tells others who holds it.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { LabError } from '../../contract/errors.ts';
import { processIdentity } from '../process-identity.ts';
import { damageOf, isBusy } from '../store/sqlite-errors.ts';

/** Another that looks who owns them holds the lock for a moment. */
const waitMs = 500;

/** So that no lock is collected, and with it let go, while nobody has let go of it. */
const held = new Set<DatabaseSync>();

/** Returns how to let go. Throws bad-request naming the process that owns them. */
export function ownChats(home: string): () => void {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const file = join(home, 'chats.lock');
  try {
    return take(file);
  } catch (error) {
    if (damageOf(error) === null) throw error;
    // Nobody can hold a file that cannot be read.
    rmSync(file);
    return take(file);
  }
}

function take(file: string): () => void {
  const lock = new DatabaseSync(file, { timeout: waitMs });
  try {
    lock.exec(
      'BEGIN IMMEDIATE; CREATE TABLE IF NOT EXISTS owner (identity TEXT NOT NULL) STRICT; DELETE FROM owner',
    );
    lock.prepare('INSERT INTO owner VALUES (?)').run(processIdentity());
    // Committed so that others can read it. Who gets the lock now owns the chats, whoever's name stands there.
    lock.exec('COMMIT; BEGIN IMMEDIATE');
  } catch (error) {
    const refusal = isBusy(error) ? heldByAnother(lock) : error;
    lock.close();
    throw refusal;
  }
  held.add(lock);
  return () => {
    if (held.delete(lock)) lock.close();
  };
}

function heldByAnother(lock: DatabaseSync): LabError {
  const identity = lock.prepare('SELECT identity FROM owner').get()?.['identity'];
  const process = typeof identity === 'string' ? ` (process ${identity.split(':')[0]})` : '';
  return new LabError(
    'bad-request',
    `Another Retort${process} has the chats of this data folder open. Use its window, or end it and try again.`,
  );
}
