/** Jobs as a screen shows them: those that run or wait to be gone on with. The host tells no page of new ones, so that it is asked again. */
import { useCallback, useEffect, useState } from 'react';
import type { Job } from '../../../electron/contract/host-contract.ts';
import { useHost } from '../../ipc/host-context.ts';

const everyMs = 2000;

/** It runs, or can be gone on with. */
export const isOpen = ({ state, canResume }: Job): boolean =>
  state === 'queued' || state === 'running' || canResume;

/** Null before they were read. What could not be read is asked for again. */
export function useJobs(): [jobs: readonly Job[] | null, again: () => void] {
  const { client } = useHost();
  const [jobs, setJobs] = useState<readonly Job[] | null>(null);
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    const leaving = new AbortController();
    const { signal } = leaving;
    const ask = () =>
      client.listJobs({}, { signal }).then(
        (listed) => !signal.aborted && setJobs(listed),
        () => undefined,
      );
    void ask();
    const timer = setInterval(() => void ask(), everyMs);
    return () => {
      leaving.abort();
      clearInterval(timer);
    };
  }, [client, turn]);
  return [jobs, useCallback(() => setTurn((before) => before + 1), [])];
}
