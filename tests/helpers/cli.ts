/** The command line as a process of its own, in a data folder of its own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

const main = fileURLToPath(new URL('../../electron/cli/main.ts', import.meta.url));
const root = fileURLToPath(new URL('../../', import.meta.url));

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunningCli {
  readonly child: ChildProcess;
  readonly finished: Promise<Finished>;
  /** What stdout holds so far. */
  readonly stdout: () => string;
}

export interface CliOptions {
  readonly home: string;
  readonly input?: string;
  /** Paths among the arguments are relative to it. */
  readonly cwd?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

export function startCli(
  args: readonly string[],
  { home, input, cwd = root, environment }: CliOptions,
): RunningCli {
  const env = { ...process.env, RETORT_HOME: home, NODE_NO_WARNINGS: '1', ...environment };
  const child = spawn(process.execPath, [main, ...args], { env, cwd, stdio: ['pipe', 'pipe', 'pipe'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  if (input !== undefined) child.stdin.end(input);
  const finished = new Promise<Finished>((resolve) =>
    child.on('close', (code) => resolve({ code, stdout, stderr })),
  );
  return { child, finished, stdout: () => stdout };
}

export function cli(args: readonly string[], options: CliOptions): Promise<Finished> {
  return startCli(args, { input: '', ...options }).finished;
}

/** Ids of the processes that `pid` started and that are alive. */
export function childrenOf(pid: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => parentOf(name) === pid)
    .map(Number);
}

/** Whether it is there and no zombie. */
export const isRunning = (pid: number): boolean => statOf(pid) !== null;

function parentOf(pid: string): number {
  return statOf(pid)?.parent ?? 0;
}

/** Null: it has ended, whether or not anyone asked how. */
function statOf(pid: number | string): { readonly parent: number } | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return state === 'Z' ? null : { parent: Number(parent) };
  } catch {
    return null;
  }
}
