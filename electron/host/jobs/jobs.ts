/** Long work that a person can see and stop from any process: persisted, with its progress; of some also what is needed to go on with it. */
import type { z } from 'zod';
import type { Job, JobKind } from '../../contract/host-contract.ts';
import type { Progress } from '../../contract/progress.ts';
import { LabError } from '../../contract/errors.ts';
import { newId } from '../new-id.ts';
import { isProcessAlive, processIdentity } from '../process-identity.ts';
import type { Store } from '../store/store.ts';
import type { Row, Statement } from '../store/store-contract.ts';
import { columns, endOf, isResumable, parsedOf, toJob, type JobEnd } from './job-rows.ts';

const writeEveryMs = 500;
const lookForCancelMs = 500;

export interface RunningJob {
  readonly id: string;
  /** Fires when the job is cancelled, here or from another process, and when its caller left. */
  readonly signal: AbortSignal;
  /** Keeps the latest; written twice a second at most. */
  report(progress: Progress): void;
  /** A part that is done, on disk when the promise resolves: a job that goes on finds it. One that is there is replaced. */
  keep(part: string, data: unknown): Promise<void>;
  /** Writes the final state by how the work ended, later where the disk takes it not now; null: well, and left this run. */
  end(failure: unknown, runId?: string): Promise<void>;
}

/** What a job that can be gone on with begins with. */
export interface Resumable {
  readonly request: unknown;
  /** At the start of the app; others wait for a person. */
  readonly resumesItself: boolean;
}

/** A job that goes on, and what it kept. */
export interface ResumedJob {
  readonly job: RunningJob;
  readonly request: unknown;
  readonly parts: ReadonlyMap<string, unknown>;
}

export interface KeptPart {
  readonly row: number;
  readonly part: string;
  readonly data: unknown;
}

export class Jobs {
  readonly #store: Store;
  readonly #host = processIdentity();
  /** Ends that the disk did not take yet. */
  readonly #unwritten = new Map<string, JobEnd>();
  #writingLate: Promise<void> = Promise.resolve();

  constructor(store: Store) {
    this.#store = store;
  }

  async list(): Promise<Job[]> {
    const dead = await this.#deadHosts();
    const rows = await this.#store.run(
      `SELECT ${columns} FROM jobs ORDER BY created_at DESC, id DESC LIMIT 1000`,
    );
    return rows.map((row) => this.#shown(row, dead));
  }

  /** Throws not-found. */
  async read(id: string): Promise<Job> {
    const dead = await this.#deadHosts();
    const [row] = await this.#store.run(`SELECT ${columns} FROM jobs WHERE id = ?`, id);
    if (!row) throw new LabError('not-found', `There is no job ${id}.`);
    return this.#shown(row, dead);
  }

  /** Asks for the end of a job; one that waits to be gone on with ends at once. Throws not-found, and bad-request for one that has ended. */
  async cancel(id: string): Promise<Job> {
    await this.interruptDead();
    await this.#requireEndWritten(id);
    const [asked, given] = await this.#store.transaction([
      {
        sql: `UPDATE jobs SET cancel_asked = 1 WHERE id = ? AND state IN ('queued', 'running') RETURNING ${columns}`,
        parameters: [id],
      },
      {
        sql: `UPDATE jobs SET state = 'cancelled', request = NULL WHERE id = ? AND ${isResumable} RETURNING ${columns}`,
        parameters: [id],
      },
      deleteOrphans,
    ]);
    const row = asked?.[0] ?? given?.[0];
    if (row) return toJob(row);
    throw new LabError('bad-request', `Job ${id} has ended already (${(await this.read(id)).state}).`);
  }

  /** Jobs whose process died without a word become `interrupted`. Ends that the disk did not take are written, where it takes them now. */
  async interruptDead(): Promise<void> {
    const [host] = await this.#deadHosts();
    // Some are left where the disk does not take it: the error of trying once more says why.
    if (host !== undefined) await this.#interrupt(host);
  }

  /** Those that died and whose jobs the disk does not take as interrupted now; of all others it is written. */
  async #deadHosts(): Promise<ReadonlySet<string>> {
    await (this.#writingLate = this.#writingLate.then(() => this.#writeLate()));
    const open = await this.#store.run(`SELECT DISTINCT host FROM jobs WHERE state IN ('queued', 'running')`);
    const dead = open.map((row) => String(row['host'])).filter((host) => !isProcessAlive(host));
    const unwritten = new Set<string>();
    for (const host of dead) await this.#interrupt(host).catch(() => unwritten.add(host));
    return unwritten;
  }

  async #interrupt(host: string): Promise<void> {
    const sql = `UPDATE jobs SET state = 'interrupted', ended_at = ? WHERE host = ? AND state IN ('queued', 'running')`;
    await this.#store.run(sql, Date.now(), host);
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

  async begin(
    kind: z.infer<typeof JobKind>,
    title: string,
    signal: AbortSignal,
    resumable: Resumable | null = null,
  ): Promise<RunningJob> {
    const id = newId();
    const request = resumable && JSON.stringify(resumable.request);
    await this.#store.run(
      `INSERT INTO jobs (id, kind, title, state, phase, done, total, host, created_at, request, resumes_itself)
       VALUES (?, ?, ?, 'queued', '', 0, 0, ?, ?, ?, ?)`,
      ...[id, kind, title, this.#host, Date.now(), request, Number(resumable?.resumesItself ?? false)],
    );
    return this.#watch(id, signal, resumable !== null);
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
    return this.#watch(id, signal, false);
  }

  /** Takes a job over: no other process has it then. Throws not-found, and bad-request for one that cannot be gone on with. */
  async resume(id: string, signal: AbortSignal): Promise<ResumedJob> {
    await this.interruptDead();
    await this.#requireEndWritten(id);
    const [row] = await this.#store.run(
      `UPDATE jobs SET state = 'queued', host = ?, ended_at = NULL, error = NULL, cancel_asked = 0
       WHERE id = ? AND ${isResumable} RETURNING request`,
      ...[this.#host, id],
    );
    if (!row) {
      const { state } = await this.read(id);
      throw new LabError('bad-request', `Job ${id} cannot be gone on with: it is ${state}.`);
    }
    const parts = await this.parts(id);
    return {
      job: this.#watch(id, signal, true),
      request: parsedOf(row['request']),
      parts,
    };
  }

  /** What a job kept, by part: whatever the database holds, undefined for what is not JSON. */
  async parts(id: string): Promise<Map<string, unknown>> {
    const rows = await this.#store.run(
      'SELECT part, data FROM job_parts WHERE job_id = ? ORDER BY rowid',
      id,
    );
    return new Map(rows.map(({ part, data }) => [String(part), parsedOf(data)]));
  }

  /** Parts that were kept after the one of this row (0: all), but for those whose names begin with `hidden`. */
  async partsAfter(id: string, row: number, hidden: string): Promise<KeptPart[]> {
    const rows = await this.#store.run(
      `SELECT rowid AS row, part, data FROM job_parts WHERE job_id = ? AND rowid > ? AND NOT glob(?, part) ORDER BY rowid`,
      ...[id, row, `${hidden}*`],
    );
    return rows.map(({ row: place, part, data }) => ({
      row: Number(place),
      part: String(part),
      data: parsedOf(data),
    }));
  }

  /** What was asked for, undefined where it is not JSON; null: not known, or no longer kept. Throws not-found. */
  async request(id: string): Promise<unknown> {
    const [row] = await this.#store.run('SELECT request FROM jobs WHERE id = ?', id);
    if (!row) throw new LabError('not-found', `There is no job ${id}.`);
    return row['request'] === null ? null : parsedOf(row['request']);
  }

  /** Ids of jobs that go on at the start of the app, oldest first. */
  async waitingForApp(): Promise<string[]> {
    await this.interruptDead();
    const rows = await this.#store.run(
      `SELECT id FROM jobs WHERE resumes_itself = 1 AND state = 'interrupted' AND ${isResumable} ORDER BY created_at, id`,
    );
    return rows.map(({ id }) => String(id));
  }

  #watch(id: string, outer: AbortSignal, canResume: boolean): RunningJob {
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
      keep: async (part, data) => {
        // A part that is replaced comes last: who follows the job finds it by its row.
        const sql = `INSERT OR REPLACE INTO job_parts (job_id, part, data) VALUES (?, ?, ?)`;
        await this.#store.run(sql, id, part, JSON.stringify(data));
      },
      end: async (failure, runId) => {
        clearInterval(watching);
        outer.removeEventListener('abort', abort);
        write();
        await writing;
        const isLeft = canResume && outer.aborted && !(await this.#isCancelAsked(id));
        const ended = endOf(failure, { runId: runId ?? null, isLeft, canGoOn: canResume });
        // How the work ended is what its caller must hear, not that this could not be written.
        await this.#writeEnd(id, ended).catch(() => void this.#unwritten.set(id, ended));
      },
    };
  }

  async #isCancelAsked(id: string): Promise<boolean> {
    const rows = await this.#store.run('SELECT cancel_asked FROM jobs WHERE id = ?', id).catch(() => []);
    return rows[0]?.['cancel_asked'] === 1;
  }

  async #writeEnd(id: string, { state, error, endedAt, runId }: JobEnd): Promise<void> {
    await this.#store.transaction([
      {
        sql: `UPDATE jobs SET state = ?1, error = ?2, ended_at = ?3, run_id = ?5, done = iif(?1 = 'done', total, done) WHERE id = ?4`,
        parameters: [state, error && JSON.stringify(error), endedAt, id, runId],
      },
      {
        sql: `UPDATE jobs SET request = NULL WHERE id = ? AND request IS NOT NULL AND NOT (${isResumable})`,
        parameters: [id],
      },
      deleteOrphans,
    ]);
  }

  async #writeLate(): Promise<void> {
    for (const [id, end] of this.#unwritten) {
      const isWritten = await this.#writeEnd(id, end).then(
        () => true,
        () => false,
      );
      if (!isWritten) return;
      this.#unwritten.delete(id);
    }
  }

  /** Throws what keeps the end of a job from being written. */
  async #requireEndWritten(id: string): Promise<void> {
    const end = this.#unwritten.get(id);
    if (end) await this.#writeEnd(id, end);
  }

  /** A job as it would stand in the database if the disk took everything. */
  #shown(row: Row, dead: ReadonlySet<string>): Job {
    const job = toJob(row);
    const isDead = job.endedAt === null && dead.has(String(row['host']));
    return {
      ...job,
      ...(isDead && { state: 'interrupted', endedAt: job.createdAt, canResume: row['request'] !== null }),
      ...this.#unwritten.get(job.id),
    };
  }
}

/** What jobs kept that will not be gone on with. */
const deleteOrphans: Statement = {
  sql: `DELETE FROM job_parts WHERE job_id IN (SELECT id FROM jobs WHERE request IS NULL)`,
  parameters: [],
};
