import type { Command } from '../command.ts';
import { byteText, table } from '../output.ts';
import { jsonOption } from '../shared-options.ts';
import { subcommands } from '../subcommands.ts';

export const caches: Command = {
  name: 'caches',
  summary: 'Graphs built from models and the choice of kernels: made again when they are needed.',
  usage: ['caches list', 'caches remove CACHE'],
  options: jsonOption,

  run: subcommands({
    async list(given, { client, output }) {
      given.exactly();
      const list = await client.listCaches({});
      const rows = list.map(({ id, kind, bytes }) => [id, kind, byteText(bytes)]);
      if (output.isJson) output.json({ caches: list });
      else output.line(list.length === 0 ? 'No caches.' : table(['cache', 'kind', 'size'], rows));
    },
    async remove(given, { client, output }) {
      const [id] = given.exactly('CACHE');
      const cache = await client.removeCache({ id });
      if (output.isJson) output.json(cache);
      else output.line(`${cache.id}: ${byteText(cache.bytes)} freed.`);
    },
  }),
};
