/** Starts and guards text-child.ts, and measures what it takes. */
import { fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { LabError } from '../../electron/contract/errors.ts';
import type { ErrorCode, ErrorDetail } from '../../electron/contract/errors.ts';
import { guardedCall } from '../../electron/host/guarded-call.ts';
import type { CallLimits, GuardedProcess } from '../../electron/host/guarded-call.ts';
import type { TextRequest } from './text-child.ts';

const entry = fileURLToPath(new URL('./text-child.ts', import.meta.url));
export const mebibyte = 1_048_576;
export const limits: CallLimits = { timeMs: 2000, memoryBytes: 256 * mebibyte };
export const loadLimits: CallLimits = { timeMs: 30_000, memoryBytes: 2048 * mebibyte };

interface Reply {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: { code: ErrorCode; message: string; detail: ErrorDetail };
}

export interface TextProcess extends GuardedProcess {
  request(request: TextRequest): Promise<unknown>;
  readonly isAlive: () => boolean;
}

/** Resolves when the child has loaded its modules. */
export async function startTextProcess(heapMebibytes = 768): Promise<TextProcess> {
  const child = fork(entry, [], {
    serialization: 'advanced',
    execArgv: [`--max-old-space-size=${heapMebibytes}`, '--disable-warning=ExperimentalWarning'],
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  const waiting = new Map<number, (reply: Reply) => void>();
  const receive = (id: number): Promise<Reply> => new Promise((resolve) => waiting.set(id, resolve));
  child.on('message', (reply: Reply) => waiting.get(reply.id)?.(reply));
  const ended = new Promise<string>((resolve) => {
    child.on('exit', (code, signal) => resolve(`ended with code ${code}, signal ${signal ?? 'none'}`));
  });
  await Promise.race([receive(0), ended]);
  let last = 0;
  return {
    pid: child.pid as number,
    ended,
    kill: () => void child.kill('SIGKILL'),
    isAlive: () => child.exitCode === null && child.signalCode === null,
    async request(request) {
      const id = (last += 1);
      const reply = receive(id);
      child.send({ id, request });
      const { value, error } = await reply;
      if (error !== undefined) throw new LabError(error.code, error.message, error.detail);
      return value;
    },
  };
}

export interface Outcome {
  readonly value: unknown;
  readonly error: LabError | null;
  readonly elapsedMs: number;
  /** How far resident memory rose above its start, as far as seen. */
  readonly grownBytes: number;
}

/** One guarded request with its time and memory. */
export async function measure(child: TextProcess, request: TextRequest): Promise<Outcome> {
  const baseline = residentBytes(child.pid);
  let peak = baseline;
  const timer = setInterval(() => (peak = Math.max(peak, residentBytes(child.pid))), 5);
  const start = performance.now();
  const result = await guardedCall(child, limits, () => child.request(request)).then(
    (value) => ({ value, error: null }),
    (error: unknown) => ({ value: null, error: error as LabError }),
  );
  clearInterval(timer);
  return { ...result, elapsedMs: performance.now() - start, grownBytes: peak - baseline };
}

/** Resident bytes of a process; 0 where it is gone. */
function residentBytes(pid: number): number {
  try {
    return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}
