/** What the machine can do at best at this moment, by native/tests/bench/bandwidth.cpp in a process of its own. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { buildFolder } from './places.ts';

export interface Ceiling {
  /** Of the best of several readers on all threads. */
  readonly readGBs: number;
  /** Bytes copied, each read once and written once. */
  readonly copyGBs: number;
  /** 8-bit products in registers, in 10⁹ per second. */
  readonly productsGs: number;
  /** Of taking one time in native code. */
  readonly stopwatchNs: number;
}

/** Builds the program where it is not up to date. Throws with what the compiler said. */
function build(): string {
  const result = spawnSync('cmake', ['--build', buildFolder, '--target', 'bandwidth'], { encoding: 'utf8' });
  if (result.status !== 0) throw new Error(`${result.stdout}${result.stderr}`);
  return join(buildFolder, process.platform === 'win32' ? 'bandwidth.exe' : 'bandwidth');
}

export class CeilingMeter {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(threads: number) {
    this.#child = spawn(build(), [String(threads)], { stdio: ['pipe', 'pipe', 2] });
    this.#lines = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]();
  }

  /** Takes about half a second. */
  async measure(): Promise<Ceiling> {
    return (await this.#ask('')) as Ceiling;
  }

  /** Of reading a file whole into memory that was never used, on all threads. */
  async secondsToCopy(path: string): Promise<number> {
    const { seconds } = (await this.#ask(path)) as { seconds: number };
    return seconds;
  }

  async #ask(question: string): Promise<unknown> {
    this.#child.stdin!.write(`${question}\n`);
    const line = await this.#lines.next();
    if (line.done === true) throw new Error('the bandwidth program ended');
    return JSON.parse(line.value);
  }

  close(): void {
    this.#child.stdin!.end();
  }
}
