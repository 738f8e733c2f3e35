import { LabError } from '../../contract/errors.ts';
import type { HostContract, Job } from '../../contract/host-contract.ts';
import type { PageContract } from '../../contract/page-contract.ts';
import type { Handlers } from '../../contract/rpc.ts';
import { withoutPaths } from '../models/without-paths.ts';
import type { Services } from '../services.ts';
import { untilCancelled } from '../work/cancellation.ts';
import { exportRun } from './export-run.ts';
import { watchJob } from './watch-job.ts';
import { pageJob, pageRun } from './without-places.ts';

export function compareHandlers({
  comparisons,
  runs,
}: Services): Pick<Handlers<HostContract>, 'compare' | 'resumeJob' | 'exportRun'> {
  return {
    async compare(input, { signal, emit }) {
      return comparisons.run(await comparisons.ofCommand(input), signal, emit);
    },
    resumeJob: ({ id }, { signal, emit }) => comparisons.resumeHere(id, signal, emit),
    exportRun: async ({ id, format }) => exportRun(await runs.read(id), format),
  };
}

type Comparing = 'priceComparison' | 'startComparison' | 'readHistogram' | 'repeatRun';
type OfJobs = 'listJobs' | 'watchJob' | 'cancelJob' | 'resumeJob';
type OfRuns = 'listRuns' | 'readRun' | 'removeRun' | 'exportRun';

export function pageCompareHandlers(services: Services): Pick<Handlers<PageContract>, Comparing> {
  const { comparisons, models, engines, runs } = services;
  return {
    async priceComparison(input, { signal }) {
      return comparisons.price(await comparisons.ofPage(input), signal);
    },
    async startComparison(input, { signal }) {
      return pageJob(await comparisons.start(await comparisons.ofPage(input), signal));
    },
    async readHistogram({ referenceId, variantId, tensor }, { signal }) {
      const [reference, variant] = [await models.pathOf(referenceId), await models.pathOf(variantId)];
      const process = engines.start(services);
      const reading = process.client.weightHistogram({
        reference: reference.path,
        variant: variant.path,
        tensor,
      });
      try {
        return await withoutPaths(
          'the model',
          [reference.path, variant.path],
          untilCancelled(signal, reading),
        );
      } finally {
        process.kill();
      }
    },
    async repeatRun({ id }, { signal }) {
      return pageJob(await comparisons.repeat(await runs.read(id), signal));
    },
  };
}

export function pageJobHandlers({ jobs, comparisons }: Services): Pick<Handlers<PageContract>, OfJobs> {
  return {
    listJobs: async () => (await jobs.list()).map(pageJob),
    watchJob: ({ id }, { signal, emit }) => watchJob(jobs, id, signal, emit),
    cancelJob: async ({ id }) => pageJob(await jobs.cancel(id)),
    async resumeJob({ id }) {
      const { kind }: Job = await jobs.read(id);
      if (kind === 'compare') return pageJob(await comparisons.resume(id));
      throw new LabError('bad-request', `Job ${id} is of kind ${kind}, which begins anew.`);
    },
  };
}

export function pageRunHandlers({ runs }: Services): Pick<Handlers<PageContract>, OfRuns> {
  return {
    listRuns: ({ kind, limit }) => runs.list(kind, limit),
    readRun: async ({ id }) => pageRun(await runs.read(id)),
    async removeRun({ id }) {
      await runs.remove(id);
      return null;
    },
    exportRun: async ({ id, format }) => exportRun(await runs.read(id), format),
  };
}
