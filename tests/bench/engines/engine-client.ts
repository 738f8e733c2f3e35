/** An engine in its own process, as the benchmark calls it. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { EngineProcess } from './engine-process.ts';

export type EngineName = 'retort' | 'llama-cpp' | 'onnxruntime';

type Methods = { [Name in keyof EngineProcess]: Parameters<EngineProcess[Name]>[0] };
type Results = { [Name in keyof EngineProcess]: Awaited<ReturnType<EngineProcess[Name]>> };
interface Reply {
  readonly value?: unknown;
  readonly error?: string;
}

export class EngineClient {
  readonly name: EngineName;
  readonly #child: ChildProcess;

  constructor(name: EngineName) {
    this.name = name;
    const script = fileURLToPath(new URL('engine-process.ts', import.meta.url));
    // What an engine prints is no part of the table.
    this.#child = fork(script, [name], { stdio: ['ignore', 2, 2, 'ipc'] });
  }

  get processId(): number {
    return this.#child.pid!;
  }

  call<Name extends keyof EngineProcess>(method: Name, argument: Methods[Name]): Promise<Results[Name]> {
    return new Promise((resolve, reject) => {
      const settle = ({ value, error }: Reply) => {
        this.#child.off('message', settle).off('exit', onExit);
        if (error === undefined) resolve(value as Results[Name]);
        else reject(new Error(`${this.name}: ${error}`));
      };
      const onExit = (code: number | null, signal: string | null) =>
        settle({ error: `the process ended (${signal ?? code ?? ''})` });
      this.#child.on('message', settle).on('exit', onExit);
      this.#child.send({ method, argument });
    });
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.disconnect();
    await ended;
  }
}
