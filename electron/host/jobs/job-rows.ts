/** Jobs as the database has them. */
import { errorTable, toLabError, type LabError } from '../../contract/errors.ts';
import { Job } from '../../contract/host-contract.ts';
import type { Row, SqlValue } from '../store/store-contract.ts';

/** Interrupted, or failed in a way that may pass, and it is known what was asked for. */
export const isResumable = `request IS NOT NULL AND (state = 'interrupted' OR (state = 'failed' AND iif(json_valid(error), error ->> 'code', '') IN (${Object.entries(
  errorTable,
)
  .filter(([, { retry }]) => retry)
  .map(([code]) => `'${code}'`)
  .join(', ')})))`;
export const columns = `*, (${isResumable}) AS can_resume`;

/** How a job ended. */
export interface JobEnd extends Pick<Job, 'state' | 'runId' | 'canResume'> {
  readonly error: Job['error'];
  readonly endedAt: number;
}

/** `isLeft`: its caller went away, which says nothing against going on with it. `canGoOn`: it is known what was asked for. */
export function endOf(
  failure: unknown,
  {
    runId,
    isLeft,
    canGoOn,
  }: { readonly runId: string | null; readonly isLeft: boolean; readonly canGoOn: boolean },
): JobEnd {
  const error = failure === null ? null : toLabError(failure);
  const state = endState(error, isLeft);
  const hasFailed = state === 'failed' && error !== null;
  return {
    state,
    runId,
    error: hasFailed ? { code: error.code, message: error.message } : null,
    endedAt: Date.now(),
    canResume: canGoOn && (state === 'interrupted' || (hasFailed && errorTable[error.code].retry)),
  };
}

/** Another Retort may have written it, and it may be damaged: who asked for it looks at what it is. */
export function parsedOf(value: SqlValue | undefined): unknown {
  try {
    return JSON.parse(String(value));
  } catch {
    return undefined;
  }
}

function endState(error: LabError | null, isLeft: boolean): Job['state'] {
  if (error === null) return 'done';
  if (isLeft) return 'interrupted';
  return error.code === 'cancelled' ? 'cancelled' : 'failed';
}

function errorOf(value: SqlValue | undefined): Job['error'] {
  const { success, data } = Job.shape.error.safeParse(parsedOf(value));
  return success ? data : { code: 'internal', message: 'It failed; what was kept of the reason is damaged.' };
}

export function toJob(row: Row): Job {
  return {
    id: String(row['id']),
    kind: row['kind'] as Job['kind'],
    title: String(row['title']),
    state: row['state'] as Job['state'],
    phase: String(row['phase']),
    done: Number(row['done']),
    total: Number(row['total']),
    error: row['error'] === null ? null : errorOf(row['error']),
    createdAt: Number(row['created_at']),
    endedAt: row['ended_at'] === null ? null : Number(row['ended_at']),
    canResume: row['can_resume'] === 1,
    runId: row['run_id'] === null ? null : String(row['run_id']),
  };
}
