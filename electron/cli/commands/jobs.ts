import type { Job } from '../../contract/host-contract.ts';
import type { Command } from '../command.ts';
import { comparisonText, followComparison } from '../comparison-text.ts';
import { table } from '../output.ts';
import { jsonOption } from '../shared-options.ts';
import { subcommands } from '../subcommands.ts';

export const jobs: Command = {
  name: 'jobs',
  summary: 'Long work, of every Retort that uses the same data folder.',
  usage: [
    'jobs list',
    'jobs cancel JOB',
    'jobs resume JOB       go on with a comparison that was interrupted',
  ],
  options: jsonOption,

  run: subcommands({
    async list(given, { client, output }) {
      given.exactly();
      const list = await client.listJobs({});
      if (output.isJson) output.json({ jobs: list });
      else output.line(list.length === 0 ? 'No jobs.' : jobTable(list));
    },
    async cancel(given, { client, output }) {
      const [id] = given.exactly('JOB');
      const job = await client.cancelJob({ id });
      if (output.isJson) output.json(job);
      else output.line(`${job.id} was asked to stop.`);
    },
    async resume(given, { client, signal, output }) {
      const [id] = given.exactly('JOB');
      const done = await followComparison(client.resumeJob({ id }, { signal }), output);
      if (output.isJson) output.json(done);
      else output.line(comparisonText(done));
    },
  }),
};

function jobTable(list: readonly Job[]): string {
  const rows = list.map((job) => [
    job.id,
    job.kind,
    job.state,
    job.total > 0 ? `${Math.floor((100 * job.done) / job.total)} %` : '',
    job.title,
    job.error?.message ?? (job.canResume ? `go on: retort jobs resume ${job.id}` : ''),
  ]);
  return table(['job', 'kind', 'state', 'done', 'of', 'error'], rows);
}
