/** Names a running process so that another can tell later whether it still runs, although ids are used again. */
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

/** Fields from the third on: the second, the program's name, may hold spaces and brackets. */
function statFields(pid: number): string[] | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return null;
  }
}
