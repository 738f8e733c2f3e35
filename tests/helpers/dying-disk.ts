/** Processes that die at a chosen change of what lies in a folder (dying-disk.c). */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export class DyingDisk {
  readonly #library: string;
  readonly #count: string;

  /** Built in `folder`, which must live as long as it is used. */
  constructor(folder: string) {
    this.#library = join(folder, 'dying-disk.so');
    this.#count = join(folder, 'count');
    const source = join(import.meta.dirname, 'dying-disk.c');
    execFileSync('cc', ['-shared', '-fPIC', '-O1', '-o', this.#library, source, '-ldl']);
  }

  /** Of a process that dies in place of change number `at` in the folder; 0: never. */
  environment(folder: string, at: number): Record<string, string> {
    const watched = { DYING_FOLDER: folder, DYING_AT: String(at), DYING_COUNT: this.#count };
    return { LD_PRELOAD: this.#library, ...watched };
  }

  /** Changes that the latest process made which ended by itself. */
  changes(): number {
    return Number(readFileSync(this.#count, 'utf8'));
  }
}

/** So many of the numbers 1 to `last`, evenly spread, the last ones all. */
export function placesIn(last: number, spread: number): number[] {
  const even = Array.from({ length: spread }, (_, i) => 1 + Math.floor((i * last) / spread));
  const end = Array.from({ length: 6 }, (_, i) => last - i);
  return [...new Set([...even, ...end])].filter((place) => place > 0).sort((left, right) => left - right);
}
