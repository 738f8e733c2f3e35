/**
 * A cap on the memory of a process and all it starts: a control group of Linux, version 2 or 1. Page cache that the group's processes bring in counts
 * against it. Making one takes root. The group lies under the one that we are in where that can be, so that its cap holds too.
 */
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Wrapping } from '../engines/call-client.ts';

interface Hierarchy {
  readonly version: 1 | 2;
  /** The folder under which new groups are made. */
  readonly folder: string;
}

/** A group's numbers, by whichever files hold them. */
interface Files {
  readonly limit: string;
  readonly usage: string;
  readonly noLimit: string;
}

const filesOf: Record<1 | 2, Files> = {
  1: { limit: 'memory.limit_in_bytes', usage: 'memory.usage_in_bytes', noLimit: '-1' },
  2: { limit: 'memory.max', usage: 'memory.current', noLimit: 'max' },
};

/** Why caps cannot be set here, or null where they can. */
export function whyNoCaps(): string | null {
  if (process.platform !== 'linux') return 'memory caps are control groups, which only Linux has';
  if (process.getuid?.() !== 0) return 'memory caps are control groups, and only root may make one';
  try {
    const cap = MemoryCap.create();
    cap.remove();
    return null;
  } catch (error) {
    return `no control group can be made here: ${(error as Error).message}`;
  }
}

interface Mount {
  readonly root: string;
  readonly point: string;
  readonly type: string;
  readonly options: readonly string[];
}

/** Lines of /proc/self/mountinfo: … root point options … - type source super-options. */
function readMounts(): Mount[] {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').trim().split('\n');
  return lines.map((line) => {
    const [before = '', after = ''] = line.split(' - ');
    const fields = before.split(' ');
    const [type = '', , options = ''] = after.split(' ');
    return { root: fields[3] ?? '/', point: fields[4] ?? '/', type, options: options.split(',') };
  });
}

/** The folder of our own group of version 1, as far as the mount shows it. */
function ownFolder({ root, point }: Mount): string {
  const line = readFileSync('/proc/self/cgroup', 'utf8')
    .split('\n')
    .find((text) => text.split(':')[1]?.split(',').includes('memory'));
  const path = line?.split(':')[2] ?? '/';
  const below = path === root || path.startsWith(`${root === '/' ? '' : root}/`);
  return below ? join(point, path.slice(root === '/' ? 0 : root.length)) : point;
}

function findHierarchy(): Hierarchy {
  const mounts = readMounts();
  const first = mounts.find(({ type, options }) => type === 'cgroup' && options.includes('memory'));
  if (first) return { version: 1, folder: ownFolder(first) };
  const second = mounts.find(({ type }) => type === 'cgroup2');
  if (!second) throw new Error('no memory controller is mounted');
  // A group that holds processes cannot hand its controllers to groups below it; the root alone can.
  writeFileSync(join(second.point, 'cgroup.subtree_control'), '+memory');
  return { version: 2, folder: second.point };
}

const bothLimit = 'memory.memsw.limit_in_bytes';
/** Of swap that version 1 lets a group use: were both caps the same, meeting the one with swap would not be counted. */
const swapBytes = 2 ** 20;

let made = 0;

export class MemoryCap {
  readonly #folder: string;
  readonly #version: 1 | 2;
  /** Version 2 forgets nothing: counts are differences from these. */
  #failsBefore = 0;
  #killsBefore = 0;

  private constructor({ version, folder }: Hierarchy) {
    this.#version = version;
    this.#folder = join(folder, `retort-bench-${process.pid}-${made++}`);
    mkdirSync(this.#folder);
  }

  /** A group without a cap. Throws where none can be made. */
  static create(): MemoryCap {
    return new MemoryCap(findHierarchy());
  }

  /** Starts Node inside the group: a shell enters it and becomes Node. */
  get wrapping(): Wrapping {
    const enter = 'echo $$ > "$0/cgroup.procs" && exec "$@"';
    return { execPath: '/bin/sh', execArgv: ['-c', enter, this.#folder, process.execPath] };
  }

  /** null: none. Swap is not used beyond it. */
  setLimit(bytes: number | null): void {
    const { limit, noLimit } = filesOf[this.#version];
    const text = bytes === null ? noLimit : String(bytes);
    if (this.#version === 2) {
      this.#write('memory.swap.max', '0');
      return this.#write(limit, text);
    }
    // Memory with swap may never be below memory alone: it is raised first and lowered last.
    this.#writeWhereThere(bothLimit, noLimit);
    this.#write(limit, text);
    this.#write('memory.swappiness', '0');
    if (bytes !== null) this.#writeWhereThere(bothLimit, String(bytes + swapBytes));
  }

  get usage(): number {
    return Number(this.#read(filesOf[this.#version].usage));
  }

  /** Highest usage since `forgetPeak`. Version 2 keeps the highest since the group was made: there it is never too low. */
  get highestUsage(): number {
    return Number(this.#read(this.#version === 1 ? 'memory.max_usage_in_bytes' : 'memory.peak'));
  }

  /** How often the cap was met since `forgetPeak`: memory was taken back from the group, or a process was killed. */
  get failCount(): number {
    return this.#fails() - this.#failsBefore;
  }

  /** Processes that the cap killed since `forgetPeak`. */
  get kills(): number {
    return this.#kills() - this.#killsBefore;
  }

  forgetPeak(): void {
    if (this.#version === 1) {
      this.#write('memory.max_usage_in_bytes', '0');
      this.#write('memory.failcnt', '0');
    }
    this.#failsBefore = this.#fails();
    this.#killsBefore = this.#kills();
  }

  /** Its processes must have ended. */
  remove(): void {
    rmdirSync(this.#folder);
  }

  #fails(): number {
    return this.#version === 1 ? Number(this.#read('memory.failcnt')) : this.#event('memory.events', 'max');
  }

  #kills(): number {
    return this.#event(this.#version === 1 ? 'memory.oom_control' : 'memory.events', 'oom_kill');
  }

  #event(file: string, name: string): number {
    return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(this.#read(file))?.[1] ?? 0);
  }

  #read(file: string): string {
    return readFileSync(join(this.#folder, file), 'utf8');
  }

  #write(file: string, text: string): void {
    // Not made where it is not there.
    writeFileSync(join(this.#folder, file), text, { flag: 'r+' });
  }

  /** A kernel that keeps no account of swap lacks some files. */
  #writeWhereThere(file: string, text: string): void {
    try {
      this.#write(file, text);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
}
