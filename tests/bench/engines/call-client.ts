/** A process of the benchmark's own that answers calls one after another (serve-calls.ts). */
import { fork, type ChildProcess, type ForkOptions } from 'node:child_process';
import { once } from 'node:events';
import type { CallMap } from './serve-calls.ts';

interface Reply {
  readonly value?: unknown;
  readonly error?: string;
}

/** Where a process runs other than as the child of this one: the program that becomes Node, and its arguments. */
export type Wrapping = Pick<ForkOptions, 'execPath' | 'execArgv'>;

/** The process is gone: by itself, or killed by a signal. */
export class ProcessEnded extends Error {
  readonly signal: string | null;

  constructor(name: string, code: number | null, signal: string | null) {
    super(`${name}: the process ended (${signal ?? code ?? ''})`);
    this.signal = signal;
  }
}

export class CallClient<Calls extends CallMap> {
  readonly name: string;
  readonly #child: ChildProcess;

  constructor(name: string, script: string, args: readonly string[], wrapping: Wrapping = {}) {
    this.name = name;
    // What an engine prints is no part of the table.
    this.#child = fork(script, args, {
      stdio: ['ignore', 2, 2, 'ipc'],
      serialization: 'advanced',
      ...wrapping,
    });
  }

  get processId(): number {
    return this.#child.pid!;
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Throws what the call threw, and ProcessEnded where the process ends first. */
  call<Name extends keyof Calls & string>(
    method: Name,
    argument: Parameters<Calls[Name]>[0],
  ): Promise<Awaited<ReturnType<Calls[Name]>>> {
    const { exitCode, signalCode } = this.#child;
    if (this.hasEnded) return Promise.reject(new ProcessEnded(this.name, exitCode, signalCode));
    return new Promise((resolve, reject) => {
      const forget = () => this.#child.off('message', settle).off('exit', onExit);
      const settle = (reply: unknown) => {
        const { value, error } = reply as Reply;
        forget();
        if (error === undefined) resolve(value as Awaited<ReturnType<Calls[Name]>>);
        else reject(new Error(`${this.name}: ${error}`));
      };
      const onExit = (code: number | null, signal: string | null) => {
        forget();
        reject(new ProcessEnded(this.name, code, signal));
      };
      this.#child.on('message', settle).on('exit', onExit);
      this.#child.send({ method, argument });
    });
  }

  async close(): Promise<void> {
    if (this.hasEnded) return;
    const ended = once(this.#child, 'exit');
    if (this.#child.connected) this.#child.disconnect();
    await ended;
  }
}
