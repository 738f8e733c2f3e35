/** Follows a comparison while it is made: what is there of it, then what comes. */
import { useEffect, useEffectEvent, useState } from 'react';
import { toLabError } from '../../../electron/contract/errors.ts';
import type { Job } from '../../../electron/contract/host-contract.ts';
import type { JobUpdate, PageContract } from '../../../electron/contract/page-contract.ts';
import type { Client } from '../../../electron/contract/rpc.ts';
import { useHost } from '../../ipc/host-context.ts';
import { applyUpdate, nothingYet, type Comparison } from './result.ts';

export interface Followed {
  readonly job: Job | null;
  readonly comparison: Comparison;
}

const nothing: Followed = { job: null, comparison: nothingYet };
const againAfterMs = 1000;

/** Null: nothing is followed. One that waited and goes on is followed anew. `onEnd`: it has ended, in whatever way; null: there is no such job any more. */
export function useComparison(
  followedJob: Pick<Job, 'id' | 'canResume'> | null,
  onEnd: (job: Job | null) => void,
): Followed {
  const { client } = useHost();
  const jobId = followedJob?.id ?? null;
  const key = followedJob && `${followedJob.id} ${followedJob.canResume ? 'waits' : 'runs'}`;
  const [followed, setFollowed] = useState<{ readonly key: string | null; readonly state: Followed }>({
    key: null,
    state: nothing,
  });
  const ended = useEffectEvent(onEnd);
  useEffect(() => {
    if (jobId === null) return undefined;
    const leaving = new AbortController();
    let state = nothing;
    const tell = (next: Followed) => {
      state = next;
      setFollowed({ key, state });
    };
    void follow(client, jobId, leaving.signal, {
      begin: () => tell(nothing),
      take: (update) =>
        tell({
          job: update.type === 'job' ? update.job : state.job,
          comparison: applyUpdate(state.comparison, update),
        }),
    }).then((job) => {
      if (!leaving.signal.aborted) ended(job);
    });
    return () => leaving.abort();
  }, [client, jobId, key]);
  return followed.key === key ? followed.state : nothing;
}

/** Resolves with the job when it has ended, null where the page leaves or there is no such job. A connection that is lost is taken up again. */
async function follow(
  client: Client<PageContract>,
  id: string,
  signal: AbortSignal,
  { begin, take }: { readonly begin: () => void; readonly take: (update: JobUpdate) => void },
): Promise<Job | null> {
  while (!signal.aborted) {
    try {
      const call = client.watchJob({ id }, { signal });
      begin();
      for await (const update of call.chunks) take(update);
      return signal.aborted ? null : await call.done;
    } catch (error) {
      if (toLabError(error).code === 'not-found') return null;
      if (!signal.aborted) await new Promise((resolve) => setTimeout(resolve, againAfterMs));
    }
  }
  return null;
}
