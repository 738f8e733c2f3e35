/** How much memory there is for all processes, and how much of it is free: the system's, or less where a container limits it. */
import { readFileSync } from 'node:fs';
import { freemem, totalmem } from 'node:os';
import { dirname, join } from 'node:path';

export interface SystemMemory {
  readonly totalBytes: number;
  /** What can be had without swapping. */
  readonly freeBytes: number;
}

/** `root`: where /proc and /sys lie. */
export function systemMemory(root = '/'): SystemMemory {
  const system = meminfo(root);
  if (system === null) return { totalBytes: totalmem(), freeBytes: freemem() };
  return limits(root, system.totalBytes).reduce(
    (memory, { limitBytes, freeBytes }) => ({
      totalBytes: Math.min(memory.totalBytes, limitBytes),
      freeBytes: Math.min(memory.freeBytes, freeBytes),
    }),
    system,
  );
}

/** Null: this is no Linux. */
function meminfo(root: string): SystemMemory | null {
  const text = read(join(root, 'proc', 'meminfo'));
  const bytes = (name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text ?? '')?.[1]) * 1024;
  const [totalBytes, freeBytes] = [bytes('MemTotal'), bytes('MemAvailable')];
  return Number.isFinite(totalBytes) && Number.isFinite(freeBytes) ? { totalBytes, freeBytes } : null;
}

interface Limit {
  readonly limitBytes: number;
  readonly freeBytes: number;
}

/** Files of a control group, by the version of control groups. */
interface GroupFiles {
  readonly limit: string;
  readonly used: string;
  /** Field of memory.stat: cached files that the kernel gives up first. */
  readonly reclaimable: string;
}

const versionOne: GroupFiles = {
  limit: 'memory.limit_in_bytes',
  used: 'memory.usage_in_bytes',
  reclaimable: 'total_inactive_file',
};
const versionTwo: GroupFiles = { limit: 'memory.max', used: 'memory.current', reclaimable: 'inactive_file' };

/** Of this process's control group and those around it, as far as they are below what the system has. */
function limits(root: string, totalBytes: number): Limit[] {
  const groups = (read(join(root, 'proc', 'self', 'cgroup')) ?? '').split('\n').map((line) => {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    return { controllers: controllers?.split(','), path: path ?? '/' };
  });
  const mount = join(root, 'sys', 'fs', 'cgroup');
  return groups.flatMap(({ controllers, path }) => {
    if (controllers?.includes('memory'))
      return limitsAlong(join(mount, 'memory'), path, versionOne, totalBytes);
    return controllers?.includes('') ? limitsAlong(mount, path, versionTwo, totalBytes) : [];
  });
}

/** A container may see its own group at the mount's root although the path is the one outside: what is not there is passed over. */
function limitsAlong(mount: string, path: string, files: GroupFiles, totalBytes: number): Limit[] {
  const own = limitOf(join(mount, path), files, totalBytes);
  const around = path === '/' ? [] : limitsAlong(mount, dirname(path), files, totalBytes);
  return own ? [own, ...around] : around;
}

function limitOf(group: string, files: GroupFiles, totalBytes: number): Limit | null {
  const limitBytes = Number(read(join(group, files.limit)) ?? NaN);
  // "max" is no number; version one writes a number beyond all memory.
  if (!(limitBytes < totalBytes)) return null;
  const usedBytes = Number(read(join(group, files.used)) ?? 0);
  const statistics = read(join(group, 'memory.stat')) ?? '';
  const reclaimable = Number(new RegExp(`^${files.reclaimable} (\\d+)$`, 'm').exec(statistics)?.[1] ?? 0);
  return { limitBytes, freeBytes: Math.max(0, limitBytes - usedBytes + reclaimable) };
}

function read(file: string): string | null {
  try {
    return readFileSync(file, 'latin1').trim();
  } catch {
    return null;
  }
}
