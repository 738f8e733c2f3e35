import { LabError } from '../../contract/errors.ts';
import type { HostContract } from '../../contract/host-contract.ts';
import type { PageContract } from '../../contract/page-contract.ts';
import type { Handlers } from '../../contract/rpc.ts';

const refuse = (): never => {
  throw new LabError('unsupported-feature', 'Comparisons cannot be run yet.');
};

export function compareHandlers(): Pick<Handlers<HostContract>, 'compare' | 'resumeJob' | 'exportRun'> {
  return { compare: refuse, resumeJob: refuse, exportRun: refuse };
}

type Comparing =
  | 'priceComparison'
  | 'startComparison'
  | 'readHistogram'
  | 'listJobs'
  | 'watchJob'
  | 'cancelJob'
  | 'resumeJob'
  | 'listRuns'
  | 'readRun'
  | 'removeRun'
  | 'exportRun'
  | 'repeatRun';

export function pageCompareHandlers(): Pick<Handlers<PageContract>, Comparing> {
  return {
    priceComparison: refuse,
    startComparison: refuse,
    readHistogram: refuse,
    listJobs: refuse,
    watchJob: refuse,
    cancelJob: refuse,
    resumeJob: refuse,
    listRuns: refuse,
    readRun: refuse,
    removeRun: refuse,
    exportRun: refuse,
    repeatRun: refuse,
  };
}
