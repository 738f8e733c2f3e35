/** Long work that a person can see and stop from any process: persisted, with its progress. */
import type { z } from 'zod';
import type { Job, JobKind } from '../../contract/host-contract.ts';
import type { Progress } from '../../contract/engine-contract.ts';
import { LabError, toLabError } from '../../contract/errors.ts';
import { newId } from '../new-id.ts';
import { isProcessAlive, processIdentity } from '../process-identity.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/store-contract.ts';

const writeEveryMs = 500;
const lookForCancelMs = 500;

export interface RunningJob {
  readonly id: string;
  /** Fires when the job is cancelled, here or from another process. */
  readonly signal: AbortSignal;
  /** Keeps the latest; written twice a second at most. */
  report(progress: Progress): void;
  /** Writes the final state by how the work ended; null: well. */
  end(failure: unknown): Promise<void>;
}

export class Jobs {
  readonly #store: Store;
  readonly #host = processIdentity();

  constructor(store: Store) {
    this.#store = store;
  }

  async list(): Promise<Job[]> {
    await this.interruptDead();
    const rows = await this.#store.run('SELECT * FROM jobs ORDER BY created_at DESC, id DESC LIMIT 1000');
    return rows.map(toJob);
  }

  /** Asks for the end of a job. Throws not-found, and bad-request for one that has ended. */
  async cancel(id: string): Promise<Job> {
    await this.interruptDead();
    const [row] = await this.#store.run(
      `UPDATE jobs SET cancel_asked = 1 WHERE id = ? AND state IN ('queued', 'running') RETURNING *`,
      id,
    );
    if (row) return toJob(row);
    const [ended] = await this.#store.run('SELECT * FROM jobs WHERE id = ?', id);
    if (!ended) throw new LabError('not-found', `There is no job ${id}.`);
    throw new LabError('bad-request', `Job ${id} has ended already (${toJob(ended).state}).`);
  }

  /** Jobs whose process died without a word become `interrupted`. */
  async interruptDead(): Promise<void> {
    const open = await this.#store.run(`SELECT DISTINCT host FROM jobs WHERE state IN ('queued', 'running')`);
    const dead = open.map((row) => String(row['host'])).filter((host) => !isProcessAlive(host));
    for (const host of dead) {
      await this.#store.run(
        `UPDATE jobs SET state = 'interrupted', ended_at = ? WHERE host = ? AND state IN ('queued', 'running')`,
        Date.now(),
        host,
      );
    }
  }

  /** Does `work` as a job: queued, running from its first report, ended by how the promise ends. */
  async run<T>(
    kind: z.infer<typeof JobKind>,
    title: string,
    signal: AbortSignal,
    work: (job: RunningJob) => Promise<T>,
  ): Promise<T> {
    return this.through(await this.begin(kind, title, signal), work);
  }

  /** Does `work` as a job that has begun. */
  async through<T>(job: RunningJob, work: (job: RunningJob) => Promise<T>): Promise<T> {
    try {
      const value = await work(job);
      await job.end(null);
      return value;
    } catch (error) {
      await job.end(error);
      throw error;
    }
  }

  async begin(kind: z.infer<typeof JobKind>, title: string, signal: AbortSignal): Promise<RunningJob> {
    const id = newId();
    await this.#store.run(
      `INSERT INTO jobs (id, kind, title, state, phase, done, total, host, created_at) VALUES (?, ?, ?, 'queued', '', 0, 0, ?, ?)`,
      ...[id, kind, title, this.#host, Date.now()],
    );
    return this.#watch(id, signal);
  }

  /** Where one job at a time may work on the target, which ends the title. Throws the refusal of the one that does now, in whatever process. */
  async beginAlone(
    kind: z.infer<typeof JobKind>,
    { name, target }: { readonly name: string; readonly target: string },
    signal: AbortSignal,
    refusal: (other: Job) => LabError,
  ): Promise<RunningJob> {
    await this.interruptDead();
    const id = newId();
    const others = `SELECT * FROM jobs WHERE kind = ?1 AND state IN ('queued', 'running') AND substr(title, -length(?2)) = ?2`;
    // Looked for and begun in one transaction: two that ask at the same time would both find nothing.
    const [found = []] = await this.#store.transaction([
      { sql: others, parameters: [kind, target] },
      {
        sql: `INSERT INTO jobs (id, kind, title, state, phase, done, total, host, created_at)
          SELECT ?3, ?1, ?4, 'queued', '', 0, 0, ?5, ?6 WHERE NOT EXISTS (${others})`,
        parameters: [kind, target, id, name + target, this.#host, Date.now()],
      },
    ]);
    if (found[0]) throw refusal(toJob(found[0]));
    return this.#watch(id, signal);
  }

  #watch(id: string, outer: AbortSignal): RunningJob {
    const controller = new AbortController();
    const abort = () => controller.abort();
    if (outer.aborted) abort();
    outer.addEventListener('abort', abort, { once: true });
    const watching = setInterval(() => {
      void this.#isCancelAsked(id).then((asked) => asked && abort());
    }, lookForCancelMs);
    watching.unref();
    let writing: Promise<unknown> = Promise.resolve();
    let latest: Progress | null = null;
    let writtenAt = -Infinity;
    const write = () => {
      if (!latest) return;
      const { phase, done, total } = latest;
      latest = null;
      writtenAt = Date.now();
      const sql = `UPDATE jobs SET state = 'running', phase = ?, done = ?, total = ? WHERE id = ? AND ended_at IS NULL`;
      writing = writing.then(() => this.#store.run(sql, phase, done, total, id)).catch(() => undefined);
    };
    return {
      id,
      signal: controller.signal,
      report: (progress) => {
        latest = progress;
        if (Date.now() - writtenAt >= writeEveryMs) write();
      },
      end: async (failure) => {
        clearInterval(watching);
        outer.removeEventListener('abort', abort);
        write();
        await writing;
        await this.#writeEnd(id, failure);
      },
    };
  }

  async #isCancelAsked(id: string): Promise<boolean> {
    const rows = await this.#store.run('SELECT cancel_asked FROM jobs WHERE id = ?', id).catch(() => []);
    return rows[0]?.['cancel_asked'] === 1;
  }

  async #writeEnd(id: string, failure: unknown): Promise<void> {
    const error = failure === null ? null : toLabError(failure);
    const state = error === null ? 'done' : error.code === 'cancelled' ? 'cancelled' : 'failed';
    const text =
      error && state === 'failed' ? JSON.stringify({ code: error.code, message: error.message }) : null;
    await this.#store.run(
      `UPDATE jobs SET state = ?1, error = ?2, ended_at = ?3, done = iif(?1 = 'done', total, done) WHERE id = ?4`,
      ...[state, text, Date.now(), id],
    );
  }
}

function toJob(row: Row): Job {
  return {
    id: String(row['id']),
    kind: row['kind'] as Job['kind'],
    title: String(row['title']),
    state: row['state'] as Job['state'],
    phase: String(row['phase']),
    done: Number(row['done']),
    total: Number(row['total']),
    error: row['error'] === null ? null : (JSON.parse(String(row['error'])) as Job['error']),
    createdAt: Number(row['created_at']),
    endedAt: row['ended_at'] === null ? null : Number(row['ended_at']),
  };
}
