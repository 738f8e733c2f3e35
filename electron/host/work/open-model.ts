/** Opening a model in an engine process, with what the host adds: threads, the cache folder, the job of building a graph. */
import { availableParallelism } from 'node:os';
import type { KvCodec, ModelInfo, OpenModel } from '../../contract/open-model.ts';
import type { Progress } from '../../contract/progress.ts';
import type { WorkEvent } from '../../contract/host-contract.ts';
import type { Compute } from '../../contract/machine.ts';
import { drain } from '../../contract/rpc-client.ts';
import type { StreamContext } from '../../contract/rpc.ts';
import type { EngineProcess } from '../engines/engine-starter.ts';
import type { RunningJob } from '../jobs/jobs.ts';
import { engineBudget, type EngineBudget, type FreeMemory } from '../loaded/memory-budget.ts';
import type { Services } from '../services.ts';
import { untilCancelled } from './cancellation.ts';

/** The phase that an engine reports while it makes a graph; long enough to be worth a job. */
const buildPhase = 'build graph';

export interface NamedModel {
  readonly name: string;
  readonly path: string;
}

export interface WorkHooks {
  readonly signal: AbortSignal;
  readonly progress: (progress: Progress) => Promise<void>;
}

/** Hooks that tell the caller of a stream. */
export function hooksOf(context: StreamContext<WorkEvent>, signal: AbortSignal = context.signal): WorkHooks {
  return { signal, progress: (progress) => context.emit({ type: 'progress', progress }) };
}

/** How to compute, and where it matters how keys and values are kept. */
export interface OpenChoice extends Omit<Compute, 'memoryBudget'> {
  readonly kvCodec?: KvCodec | null;
  /** As it was chosen, or as it was found out before. */
  readonly memoryBudget: Compute['memoryBudget'] | EngineBudget;
}

export async function openRequest(
  path: string,
  choice: OpenChoice,
  services: Pick<Services, 'caches'> & FreeMemory,
): Promise<OpenModel> {
  const threads = choice.threads ?? availableParallelism();
  const given = choice.memoryBudget;
  const budget = typeof given === 'object' && given !== null ? given : await engineBudget(services, given);
  const { memoryBudget, isAuto: isAutoBudget } = budget;
  const cacheFolder = services.caches.folder;
  return { path, kvCodec: null, ...choice, threads, memoryBudget, isAutoBudget, cacheFolder };
}

/** Opens the model in a fresh process; while it builds a graph this is a job. The caller ends the process where this throws. */
export async function openInProcess(
  process: EngineProcess,
  model: NamedModel,
  compute: OpenChoice,
  services: Pick<Services, 'caches' | 'jobs'> & FreeMemory,
  hooks: WorkHooks,
): Promise<ModelInfo> {
  const cancel = new AbortController();
  const signal = AbortSignal.any([hooks.signal, cancel.signal]);
  let job: Promise<RunningJob> | null = null;
  const follow = async (progress: Progress) => {
    if (progress.phase === buildPhase) {
      job ??= services.jobs.begin('build-graph', model.name, signal);
      const running = await job;
      if (running.signal.aborted) cancel.abort();
      running.signal.addEventListener('abort', () => cancel.abort(), { once: true });
      running.report(progress);
    }
    await hooks.progress(progress);
  };
  const end = async (failure: unknown) => (await job)?.end(failure);
  try {
    // Reading, building and loading do not all listen to a cancellation: it ends the process, which is safe at any moment.
    const request = await openRequest(model.path, compute, services);
    const info = await untilCancelled(signal, drain(process.client.open(request), follow));
    await end(null);
    return info;
  } catch (error) {
    await end(error);
    throw error;
  }
}
