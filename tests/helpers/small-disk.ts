/** A disk of its own in memory, mounted at a folder until the running test ends; only root may, on Linux. */
import { execFileSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { makeFolder } from './model-folder.ts';

export const mayMount = (() => {
  try {
    execFileSync('unshare', ['--mount', 'true'], { stdio: 'ignore' });
    return process.getuid?.() === 0;
  } catch {
    return false;
  }
})();

export class SmallDisk {
  readonly folder = makeFolder();
  readonly #filler = join(this.folder, 'filler');
  readonly #bytes: number;

  constructor(bytes: number) {
    this.#bytes = bytes;
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', this.folder]);
    // A process that a test killed may hold a file of it for a moment.
    onTestFinished(() => void execFileSync('umount', ['--lazy', this.folder]));
  }

  /** Until there is no room left. */
  fill(): void {
    try {
      writeFileSync(this.#filler, Buffer.alloc(this.#bytes));
    } catch {
      // That is what it is for.
    }
  }

  makeRoom(): void {
    rmSync(this.#filler);
  }

  remount(mode: 'ro' | 'rw'): void {
    execFileSync('mount', ['-o', `remount,${mode}`, this.folder]);
  }
}
