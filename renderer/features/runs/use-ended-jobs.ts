import { useEffect, useEffectEvent, useRef } from 'react';
import type { Job } from '../../../electron/contract/host-contract.ts';

/** Calls `onRun` when a job has left a run that was not there before. */
export function useEndedJobs(jobs: readonly Job[] | null, onRun: () => void): void {
  const known = useRef<number | null>(null);
  const told = useEffectEvent(onRun);
  const count = jobs?.filter(({ runId }) => runId !== null).length ?? null;
  useEffect(() => {
    if (count === null) return;
    if (known.current !== null && count > known.current) told();
    known.current = count;
  }, [count]);
}
