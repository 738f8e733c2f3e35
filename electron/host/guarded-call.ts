/** Calls into a process that a hostile template, pattern or file may hang or fill. */
import { setTimeout as delay } from 'node:timers/promises';
import { LabError } from '../contract/errors.ts';
import { residentBytes } from './memory/resident-bytes.ts';
import { processorMs } from './process-identity.ts';

export interface CallLimits {
  /** That the process computes, where the system tells (Linux); by the clock elsewhere, or where it does nothing for `patienceMs` more. */
  readonly timeMs: number;
  /** Resident memory on top of what the process held when the call began. */
  readonly memoryBytes: number;
}

/** What a guard needs of a child process. */
export interface GuardedProcess {
  readonly pid: number;
  /** Ends it at once. */
  kill(): void;
  /** Resolves with the reason once the process has ended. */
  readonly ended: Promise<string>;
}

const pollMs = 25;
/** A machine that is full of other work lets a call wait that long beyond its time. */
const patienceMs = 20_000;
/** How long to wait for a killed process to be gone. */
const farewellMs = 1000;
const mebibyte = 1_048_576;
/** V8 ends a process whose heap is full by abort(). */
const heapFull = /SIGABRT|code 134|heap out of memory/i;

/** Calls that wait for each other, so that none pays for another's time. */
const lastCalls = new WeakMap<GuardedProcess, Promise<unknown>>();

/**
 * Runs one call at a time in `process` and kills the process when the call takes longer or more memory than `limits`. Throws `time-limit`,
 * `memory-limit` (also where the process's own heap limit ended it), `engine-gone` where it ended otherwise, or what the call throws.
 * Memory is not watched where the system tells nothing (Windows): there the heap limit the process was started with remains.
 */
export async function guardedCall<T>(
  process: GuardedProcess,
  limits: CallLimits,
  call: () => Promise<T>,
): Promise<T> {
  const before = lastCalls.get(process) ?? Promise.resolve();
  const result = before.then(() => guard(process, limits, call));
  lastCalls.set(
    process,
    result.catch(() => undefined),
  );
  return result;
}

async function guard<T>(process: GuardedProcess, limits: CallLimits, call: () => Promise<T>): Promise<T> {
  const stop = new AbortController();
  const pending = call();
  // Whichever loses the race may still fail later, unheard.
  pending.catch(() => undefined);
  try {
    return await Promise.race([
      pending,
      outOfTime(process.pid, limits.timeMs, stop.signal),
      outOfMemory(process.pid, limits.memoryBytes, stop.signal),
      gone(process, limits, stop.signal),
    ]);
  } catch (thrown) {
    if (!(thrown instanceof LimitReached)) throw thrown;
    process.kill();
    // So that whoever hears of the limit finds the process gone and starts another.
    await Promise.race([process.ended, delay(farewellMs, undefined, { ref: false })]);
    throw thrown.error;
  } finally {
    stop.abort();
  }
}

/** A limit of the guard itself, as opposed to the same code thrown by the call. */
class LimitReached extends Error {
  readonly error: LabError;
  constructor(error: LabError) {
    super(error.message);
    this.error = error;
  }
}

interface End {
  /** Null: it runs. */
  reason: string | null;
  readonly hearers: Set<(reason: string) => void>;
}
const ends = new WeakMap<GuardedProcess, End>();

/** A promise keeps whatever waits for it as long as it lives, a process as long as the app: so only one hearer of each waits, for all calls. */
function endOf(process: GuardedProcess): End {
  const known = ends.get(process);
  if (known) return known;
  const end: End = { reason: null, hearers: new Set() };
  ends.set(process, end);
  void process.ended.then((reason) => {
    end.reason = reason;
    for (const hear of end.hearers) hear(reason);
  });
  return end;
}

/** Rejects when the process ends otherwise; never settles where it is stopped before. */
function gone(process: GuardedProcess, limits: CallLimits, stop: AbortSignal): Promise<never> {
  const { reason, hearers } = endOf(process);
  if (reason !== null) return Promise.reject(goneError(reason, limits));
  return new Promise((_, reject) => {
    const hear = (said: string) => reject(goneError(said, limits));
    hearers.add(hear);
    stop.addEventListener('abort', () => hearers.delete(hear), { once: true });
  });
}

function goneError(reason: string, limits: CallLimits): LabError {
  return heapFull.test(reason) ? memoryError(limits.memoryBytes) : new LabError('engine-gone', reason);
}

function memoryError(limitBytes: number): LabError {
  const limit = Math.round(limitBytes / mebibyte);
  return new LabError('memory-limit', `This took more than ${limit} MiB of memory and was stopped.`);
}

/** Rejects when the process has computed for `timeMs`; otherwise never settles. */
function outOfTime(pid: number, timeMs: number, stop: AbortSignal): Promise<never> {
  const before = processorMs(pid);
  const end = performance.now() + timeMs + patienceMs;
  return new Promise((_, reject) => {
    const watch = async (): Promise<void> => {
      for (let left = timeMs; left > 0;) {
        await delay(Math.max(left, pollMs), undefined, { signal: stop });
        const now = processorMs(pid);
        const isKnown = before !== null && now !== null && performance.now() < end;
        left = isKnown ? timeMs - (now - before) : 0;
      }
      const message = `This took longer than ${timeMs / 1000} s and was stopped.`;
      reject(new LimitReached(new LabError('time-limit', message)));
    };
    // The call was faster.
    watch().catch(() => undefined);
  });
}

/** Rejects when the process has grown by more than `limitBytes`; otherwise never settles. */
function outOfMemory(pid: number, limitBytes: number, stop: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const watch = async (): Promise<void> => {
      const baseline = await residentBytes(pid);
      while (baseline !== null && !stop.aborted) {
        const now = await residentBytes(pid);
        if (now !== null && now - baseline > limitBytes) reject(new LimitReached(memoryError(limitBytes)));
        await delay(pollMs);
      }
    };
    void watch();
  });
}
