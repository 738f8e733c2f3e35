import type { ModelInfo } from '../../contract/open-model.ts';
import type { Run, RunResult } from '../../contract/host-contract.ts';
import type { Services } from '../services.ts';
import { retortVersion } from '../version.ts';
import type { NamedModel } from './open-model.ts';

type Particular = Pick<Run, 'kind' | 'seed' | 'settings' | 'promptIds' | 'resultIds' | 'figures'>;

/** What every result of work names. */
type Computed = Pick<RunResult, 'runId' | 'engine' | 'arithmetic' | 'device' | 'kernels'>;

/** Writes the run with what an open model says about itself; returns what its result names. */
export async function recordRun(
  services: Services,
  model: NamedModel,
  info: ModelInfo,
  particular: Particular,
): Promise<Computed> {
  const { id } = await services.runs.record({
    ...particular,
    modelName: model.name,
    modelPath: model.path,
    modelIdentity: info.identity,
    engine: info.engine,
    arithmetic: info.arithmetic,
    device: info.device,
    threads: info.threads,
    versions: { ...info.versions, retort: retortVersion(), node: process.versions.node },
  });
  const { engine, arithmetic, device, versions } = info;
  return { runId: id, engine, arithmetic, device, kernels: versions['kernels'] ?? null };
}
