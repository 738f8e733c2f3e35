/** Running processes: a name by which another can tell later whether one still runs, although ids are used again, and how long they computed. */
import { readFileSync } from 'node:fs';

/** `<pid>:<start time>`; without /proc the start time is 0. */
export function processIdentity(pid: number = process.pid): string {
  return `${pid}:${startTime(pid)}`;
}

export function isProcessAlive(identity: string): boolean {
  const [pid = '', started = '0'] = identity.split(':');
  return isRunning(Number(pid)) && (started === '0' || startTime(Number(pid)) === started);
}

/** A zombie counts as dead: it does no more work. */
export function isRunning(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  return statFields(pid)?.[0] !== 'Z';
}

/** Field 22 of /proc/<pid>/stat: clock ticks after boot. */
function startTime(pid: number): string {
  return statFields(pid)?.[19] ?? '0';
}

/** Milliseconds that all threads of a process computed so far; null where it is gone or the system does not tell. */
export function processorMs(pid: number): number | null {
  const fields = statFields(pid);
  // Fields 14 and 15, of which Linux tells programs hundredths of seconds everywhere.
  return fields && 10 * (Number(fields[11]) + Number(fields[12]));
}

/** Fields from the third on: the second, the program's name, may hold spaces and brackets. */
function statFields(pid: number): string[] | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return null;
  }
}
