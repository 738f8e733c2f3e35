import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { LabError } from '../../electron/contract/errors.ts';
import { Jobs } from '../../electron/host/jobs/jobs.ts';
import { openStore } from '../../electron/host/store/store.ts';
import { temporaryFolder } from '../helpers/test-host.ts';
import { eventually } from '../helpers/eventually.ts';

function openJobs(home = temporaryFolder()): Jobs {
  const store = openStore(home);
  onTestFinished(() => store.close());
  return new Jobs(store);
}

const never = () => new AbortController().signal;
const untilAborted = async (signal: AbortSignal): Promise<never> => {
  while (!signal.aborted) await new Promise((resolve) => setTimeout(resolve, 5));
  throw new LabError('cancelled', 'Cancelled.');
};

test('a job is queued, runs from its first report and ends as done', async () => {
  const jobs = openJobs();
  const value = await jobs.run('build-graph', 'a model', never(), async (job) => {
    expect(await jobs.list()).toMatchObject([{ id: job.id, state: 'queued', endedAt: null }]);
    job.report({ phase: 'build graph', done: 3, total: 4 });
    await eventually(async () =>
      expect(await jobs.list()).toMatchObject([
        { state: 'running', phase: 'build graph', done: 3, total: 4 },
      ]),
    );
    return 'graph';
  });
  expect(value).toBe('graph');
  const [job] = await jobs.list();
  expect(job).toMatchObject({ kind: 'build-graph', title: 'a model', state: 'done', done: 4, error: null });
  expect(job?.endedAt).toBeGreaterThan(0);
});

test('a job that fails keeps its error and throws it on', async () => {
  const jobs = openJobs();
  const failing = jobs.run('perplexity', 'a model', never(), () =>
    Promise.reject(new LabError('disk-full', 'No space is left.')),
  );
  await expect(failing).rejects.toMatchObject({ code: 'disk-full' });
  expect(await jobs.list()).toMatchObject([
    { state: 'failed', error: { code: 'disk-full', message: 'No space is left.' } },
  ]);
});

test('a job whose end the disk does not take is told as ended, and its end is written when it takes it', async () => {
  const home = temporaryFolder();
  const store = openStore(home);
  onTestFinished(() => store.close());
  let isFull = false;
  const jobs = new Jobs({
    ...store,
    transaction: (statements) =>
      isFull ? Promise.reject(new LabError('disk-full', 'Full.')) : store.transaction(statements),
  });
  const failing = jobs.run('pack', 'a model', never(), () => {
    isFull = true;
    return Promise.reject(new LabError('bad-file', 'It is damaged.'));
  });
  // What went wrong with the work, not that this could not be written.
  await expect(failing).rejects.toMatchObject({ code: 'bad-file' });
  const ended = { state: 'failed', error: { code: 'bad-file' }, endedAt: expect.any(Number) as number };
  const [job] = await jobs.list();
  expect(job).toMatchObject(ended);
  await expect(jobs.cancel(job!.id)).rejects.toMatchObject({ code: 'disk-full' });
  isFull = false;
  expect(await jobs.list()).toMatchObject([ended]);
  expect(await openJobs(home).list()).toMatchObject([ended]);
});

test('a job whose kept error is damaged is told as failed, among the others', async () => {
  const home = temporaryFolder();
  const store = openStore(home);
  onTestFinished(() => store.close());
  const jobs = new Jobs(store);
  for (const title of ['damaged', 'of another shape', 'whole']) {
    await jobs
      .run('pack', title, never(), () => Promise.reject(new LabError('bad-file', 'Cut short.')))
      .catch(() => undefined);
  }
  await store.run(`UPDATE jobs SET error = '{"code"' WHERE title = 'damaged'`);
  await store.run(`UPDATE jobs SET error = '{"code":[1]}' WHERE title = 'of another shape'`);
  const listed = new Map((await jobs.list()).map(({ title, state, error }) => [title, { state, error }]));
  const unreadable = { code: 'internal', message: expect.stringContaining('damaged') as string };
  expect(listed.get('damaged')).toEqual({ state: 'failed', error: unreadable });
  expect(listed.get('of another shape')).toEqual({ state: 'failed', error: unreadable });
  expect(listed.get('whole')?.error).toEqual({ code: 'bad-file', message: 'Cut short.' });
});

test('the job of a process that died is told as interrupted while the disk is full, and written as such after', async () => {
  const home = temporaryFolder();
  const store = openStore(home);
  onTestFinished(() => store.close());
  let isFull = true;
  const full = () => Promise.reject(new LabError('disk-full', 'Full.'));
  const jobs = new Jobs({
    ...store,
    run: (sql, ...parameters) =>
      isFull && sql.startsWith('UPDATE') ? full() : store.run(sql, ...parameters),
  });
  const { id } = await new Jobs(store).begin('compare', 'a model', never(), {
    request: {},
    resumesItself: false,
  });
  // No process has this number.
  await store.run(`UPDATE jobs SET state = 'running', host = '999999999:0' WHERE id = ?`, id);
  const interrupted = { id, state: 'interrupted', canResume: true };
  expect(await jobs.list()).toMatchObject([interrupted]);
  expect(await jobs.read(id)).toMatchObject(interrupted);
  await expect(jobs.resume(id, never())).rejects.toMatchObject({ code: 'disk-full' });
  expect(await store.run('SELECT state FROM jobs')).toEqual([{ state: 'running' }]);
  isFull = false;
  expect(await jobs.list()).toMatchObject([interrupted]);
  expect(await store.run('SELECT state FROM jobs')).toEqual([{ state: 'interrupted' }]);
});

test('a job is cancelled by its own caller', async () => {
  const jobs = openJobs();
  const controller = new AbortController();
  const running = jobs.run('perplexity', 'a model', controller.signal, (job) => untilAborted(job.signal));
  setTimeout(() => controller.abort(), 20);
  await expect(running).rejects.toMatchObject({ code: 'cancelled' });
  expect(await jobs.list()).toMatchObject([{ state: 'cancelled', error: null }]);
});

test('a job is cancelled from another process that shares the data folder', async () => {
  const home = temporaryFolder();
  const running = openJobs(home).run('perplexity', 'a model', never(), (job) => untilAborted(job.signal));
  running.catch(() => undefined);
  const other = openJobs(home);
  const id = await eventually(async () => {
    const [job] = await other.list();
    if (!job) throw new Error('not listed yet');
    return job.id;
  });
  await other.cancel(id);
  await expect(running).rejects.toMatchObject({ code: 'cancelled' });
  expect(await other.list()).toMatchObject([{ id, state: 'cancelled' }]);
});

test('a job that has ended and one that never was cannot be cancelled', async () => {
  const jobs = openJobs();
  await jobs.run('perplexity', 'a model', never(), () => Promise.resolve());
  const [job] = await jobs.list();
  await expect(jobs.cancel(job?.id ?? '')).rejects.toMatchObject({ code: 'bad-request' });
  await expect(jobs.cancel('none')).rejects.toMatchObject({ code: 'not-found' });
});

test('the job of a process killed by kill -9 becomes interrupted', async () => {
  const home = temporaryFolder();
  const entry = fileURLToPath(new URL('../helpers/job-holder.ts', import.meta.url));
  const child = fork(entry, [home], { execArgv: [] });
  await once(child, 'message');
  const jobs = openJobs(home);
  expect(await jobs.list()).toMatchObject([{ state: 'running' }]);
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(await jobs.list()).toMatchObject([{ state: 'interrupted', phase: 'halfway' }]);
});
