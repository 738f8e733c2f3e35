/** How the host starts engine processes. Node children here; the Electron shell will bring its own starter. */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { engineContract, type EngineContract } from '../../contract/engine-contract.ts';
import { connect } from '../../contract/rpc-client.ts';
import type { Client } from '../../contract/rpc.ts';
import { childPort } from './child-port.ts';

/** text: tokenizer and templates only, with a small heap; weights: may open a model. */
export type EngineKind = 'text' | 'weights';

export interface EngineProcess {
  readonly pid: number;
  readonly client: Client<EngineContract>;
  /** Resolves with the reason once the process has ended. */
  readonly ended: Promise<string>;
  /** Ends it at once. */
  kill(): void;
  /** Asks it to end, and kills it after `killAfterMs`. */
  close(): Promise<void>;
}

export interface EngineStarter {
  start(kind: EngineKind): EngineProcess;
}

const entry = fileURLToPath(new URL('../../engine/process/engine-process.ts', import.meta.url));
const killAfterMs = 5000;
/** Heaps above which V8 ends the process: a text process may not take the machine down with it. */
const heapMebibytes: Record<EngineKind, number> = { text: 768, weights: 4096 };

/** Starts engines as children of this Node process, each running `program`. */
export function nodeStarter(program: string): EngineStarter {
  return { start: (kind) => startChild(program, kind) };
}

export const nodeEngineStarter = nodeStarter(entry);

/**
 * A process that computes holds much memory for long: it may ask for a collection when its model is loaded (--expose-gc), and what lives
 * shortly gets 2 MiB, not V8's 16, which would fill with each reply and stay.
 */
const memoryOptions: Record<EngineKind, readonly string[]> = {
  text: [],
  weights: ['--expose-gc', '--max-semi-space-size=2'],
};

/** Options of Node for an engine process. */
export function engineExecArgv(kind: EngineKind): string[] {
  return [
    `--max-old-space-size=${heapMebibytes[kind]}`,
    ...memoryOptions[kind],
    '--disable-warning=ExperimentalWarning',
  ];
}

function startChild(program: string, kind: EngineKind): EngineProcess {
  const child = fork(program, [kind], {
    serialization: 'advanced',
    execArgv: engineExecArgv(kind),
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    env: withoutNodeOptions(),
  });
  const port = childPort(child);
  const ended = new Promise<string>((resolve) => port.onClose((reason) => resolve(reason ?? '')));
  return {
    pid: child.pid ?? 0,
    client: connect(port, engineContract),
    ended,
    kill: () => void child.kill('SIGKILL'),
    async close() {
      port.close();
      const timer = setTimeout(() => child.kill('SIGKILL'), killAfterMs);
      await ended;
      clearTimeout(timer);
    },
  };
}

/** The environment less what would change how Node itself runs. */
function withoutNodeOptions(): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _options, NODE_PATH: _path, ...rest } = process.env;
  return rest;
}
