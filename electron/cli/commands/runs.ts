import type { RunSummary } from '../../contract/host-contract.ts';
import type { Command } from '../command.ts';
import { table } from '../output.ts';
import { jsonOption } from '../shared-options.ts';
import { subcommands } from '../subcommands.ts';

const defaultLimit = 20;

export const runs: Command = {
  name: 'runs',
  summary: 'What was computed, with all that is needed to compute it again.',
  usage: ['runs list [--limit N]', 'runs show RUN'],
  options: {
    limit: { value: 'N', help: `with list: the latest N (default ${defaultLimit})` },
    ...jsonOption,
  },

  run: subcommands({
    async list(given, { client, output }) {
      given.exactly();
      const list = await client.listRuns({ limit: given.integer('limit', 1) ?? defaultLimit });
      if (output.isJson) output.json({ runs: list });
      else output.line(list.length === 0 ? 'No runs.' : runTable(list));
    },
    async show(given, { client, output }) {
      const [id] = given.exactly('RUN');
      const run = await client.readRun({ id });
      if (output.isJson) output.json(run);
      else output.line(JSON.stringify(run, null, 2));
    },
  }),
};

function runTable(list: readonly RunSummary[]): string {
  const rows = list.map(({ id, kind, at, modelName, engine, arithmetic }) => {
    const time = new Date(at).toISOString().slice(0, 19).replace('T', ' ');
    return [id, kind, time, modelName, `${engine} ${arithmetic}`];
  });
  return table(['run', 'kind', 'at (UTC)', 'model', 'engine'], rows);
}
