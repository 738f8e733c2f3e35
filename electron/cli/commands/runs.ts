import { ReportFormat } from '../../contract/compare.ts';
import { RunKind, type RunSummary } from '../../contract/host-contract.ts';
import type { Command } from '../command.ts';
import { table } from '../output.ts';
import { writeReport } from '../report-files.ts';
import { jsonOption } from '../shared-options.ts';
import { subcommands } from '../subcommands.ts';

const defaultLimit = 20;

export const runs: Command = {
  name: 'runs',
  summary: 'What was computed, with all that is needed to compute it again.',
  usage: [
    'runs list [--limit N] [--kind KIND]',
    'runs show RUN',
    'runs export RUN --format json|csv|html [--out FILE]',
  ],
  options: {
    limit: { value: 'N', help: `with list: the latest N (default ${defaultLimit})` },
    kind: { value: 'KIND', help: `with list: only ${RunKind.options.join(', ')}` },
    format: { value: 'F', help: 'with export: json, csv or html' },
    out: { value: 'FILE', help: 'with export: write it there (default: stdout)' },
    ...jsonOption,
  },

  run: subcommands({
    async list(given, { client, output }) {
      given.exactly();
      const list = await client.listRuns({
        kind: given.oneOf('kind', RunKind.options),
        limit: given.integer('limit', 1) ?? defaultLimit,
      });
      if (output.isJson) output.json({ runs: list });
      else output.line(list.length === 0 ? 'No runs.' : runTable(list));
    },
    async show(given, { client, output }) {
      const [id] = given.exactly('RUN');
      const run = await client.readRun({ id });
      if (output.isJson) output.json(run);
      else output.line(JSON.stringify(run, null, 2));
    },
    async export(given, { client, output }) {
      const [id] = given.exactly('RUN');
      given.required('format');
      const format = given.oneOf('format', ReportFormat.options) ?? 'json';
      const { text } = await client.exportRun({ id, format });
      const out = given.text('out');
      if (out === undefined) output.write(text);
      else await writeReport(out, text);
    },
  }),
};

function runTable(list: readonly RunSummary[]): string {
  const rows = list.map(({ id, kind, at, title, engine, arithmetic, headlines }) => {
    const time = new Date(at).toISOString().slice(0, 19).replace('T', ' ');
    const figures = headlines.map(({ name, value, unit }) => `${name} ${short(value)} ${unit}`.trimEnd());
    return [id, kind, time, title, `${engine} ${arithmetic}`, figures.join(', ')];
  });
  return table(['run', 'kind', 'at (UTC)', 'model', 'engine', 'figures'], rows);
}

const short = (value: number) => String(Number(value.toPrecision(4)));
