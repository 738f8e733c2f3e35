/** Proportional set sizes (PSS): pages that several processes share are counted once over all of them. Linux only. */
import { readFile } from 'node:fs/promises';

/**
 * The kernel walks every page of a process for it, about 8 ms for half a GiB of small pages: at most one percent of the time goes to it,
 * as long as the figures stay fresh enough to look at.
 */
const restPerCost = 100;
const leastRestMs = 1000;
const longestRestMs = 3000;

interface Size {
  /** Null: the system does not tell. */
  readonly bytes: number | null;
  readonly staleAt: number;
}

export class ProportionalSizes {
  readonly #sizes = new Map<number, Size>();

  /** The sum over processes, of the latest figures; null where one of them is not told. */
  async sum(pids: readonly number[]): Promise<number | null> {
    const sizes = await Promise.all(pids.map((pid) => this.#size(pid)));
    return sizes.reduce<number | null>((sum, size) => (sum === null || size === null ? null : sum + size), 0);
  }

  /** Forgets processes that are not among `pids`. */
  keep(pids: readonly number[]): void {
    for (const pid of this.#sizes.keys()) if (!pids.includes(pid)) this.#sizes.delete(pid);
  }

  async #size(pid: number): Promise<number | null> {
    const known = this.#sizes.get(pid);
    if (known && performance.now() < known.staleAt) return known.bytes;
    const startedAt = performance.now();
    const bytes = await readSize(pid);
    const now = performance.now();
    const restMs = Math.min(longestRestMs, Math.max(leastRestMs, (now - startedAt) * restPerCost));
    this.#sizes.set(pid, { bytes, staleAt: now + restMs });
    return bytes;
  }
}

async function readSize(pid: number): Promise<number | null> {
  if (process.platform !== 'linux') return null;
  try {
    const kibibytes = /^Pss:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/smaps_rollup`, 'latin1'))?.[1];
    return kibibytes === undefined ? null : Number(kibibytes) * 1024;
  } catch {
    return null;
  }
}
