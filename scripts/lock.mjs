// A lock between processes: a file that names its holder. A holder that died is replaced.
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const pollMs = 100;

/** @param {string} file @returns {number} the process id in it; 0 where there is no such file */
function holderOf(file) {
  try {
    return Number(readFileSync(file, 'utf8'));
  } catch {
    return 0;
  }
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: alive, but another person's.
    return error.code === 'EPERM';
  }
}

/** Creates the file with its content in one step, so that nobody ever reads half of it. Returns false where it exists. */
function tryTake(file) {
  const own = `${file}.${process.pid}`;
  writeFileSync(own, String(process.pid));
  try {
    linkSync(own, file);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(own, { force: true });
  }
}

/** Removes a dead process's lock; puts it back where another waiter has taken it over in the meantime. */
function removeStale(file, deadPid) {
  const aside = `${file}.${process.pid}.stale`;
  try {
    renameSync(file, aside);
    if (holderOf(aside) !== deadPid) linkSync(aside, file);
  } catch (error) {
    if (error.code !== 'ENOENT' && error.code !== 'EEXIST') throw error;
  } finally {
    rmSync(aside, { force: true });
  }
}

/**
 * Runs `body` while no other process holds `file`.
 * @template T
 * @param {string} file
 * @param {() => Promise<T> | T} body
 * @param {() => void} [onWait] called once where another process holds the lock
 * @returns {Promise<T>}
 */
export async function withLock(file, body, onWait = () => {}) {
  mkdirSync(dirname(file), { recursive: true });
  for (let waited = false; !tryTake(file);) {
    const holder = holderOf(file);
    if (holder !== 0 && !isAlive(holder)) {
      removeStale(file, holder);
      continue;
    }
    if (!waited) onWait();
    waited = true;
    await sleep(pollMs);
  }
  try {
    return await body();
  } finally {
    rmSync(file, { force: true });
  }
}
