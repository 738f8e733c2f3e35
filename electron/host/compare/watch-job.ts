/** A job as a page follows it, whichever process runs it: what there is, then what comes. */
import { setTimeout as wait } from 'node:timers/promises';
import type { Job } from '../../contract/host-contract.ts';
import type { JobUpdate } from '../../contract/page-contract.ts';
import type { Jobs } from '../jobs/jobs.ts';
import { updateOf, windowPrefix } from './kept-parts.ts';
import { openComparison, StoredRequest } from './stored-request.ts';
import { pageJob } from './without-places.ts';

const lookEveryMs = 300;

export async function watchJob(
  jobs: Jobs,
  id: string,
  signal: AbortSignal,
  emit: (update: JobUpdate) => Promise<void>,
): Promise<Job> {
  let told = '';
  let row = 0;
  for (let isFirst = true; ; isFirst = false) {
    // Read before the parts: a job that has ended then has all that it kept told.
    const job = pageJob(await jobs.read(id));
    const text = JSON.stringify(job);
    if (text !== told) await emit({ type: 'job', job });
    told = text;
    if (job.kind === 'compare') {
      if (isFirst) await tellRequest(jobs, job, emit);
      for (const part of await jobs.partsAfter(id, row, windowPrefix)) {
        row = part.row;
        const update = updateOf(part.part, part.data);
        if (update) await emit(update);
      }
    }
    if (job.endedAt !== null || signal.aborted) return job;
    await wait(lookEveryMs, undefined, { signal }).catch(() => undefined);
  }
}

async function tellRequest(jobs: Jobs, job: Job, emit: (update: JobUpdate) => Promise<void>): Promise<void> {
  const request = StoredRequest.safeParse(await jobs.request(job.id));
  if (request.success) await emit({ type: 'comparison', comparison: openComparison(job, request.data) });
}
