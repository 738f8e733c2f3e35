/** `node job-holder.ts HOME`: has a running job and tells so, then waits to be killed. */
import { Jobs } from '../../electron/host/jobs/jobs.ts';
import { openStore } from '../../electron/host/store/store.ts';

const jobs = new Jobs(openStore(process.argv[2] ?? ''));
const job = await jobs.begin('build-graph', 'a model', new AbortController().signal);
job.report({ phase: 'halfway', done: 1, total: 2 });
while ((await jobs.list())[0]?.state !== 'running') await new Promise((resolve) => setTimeout(resolve, 10));
process.send?.('running');
setInterval(() => undefined, 1000);
