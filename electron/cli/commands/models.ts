import { resolve } from 'node:path';
import type { LibraryModel } from '../../contract/host-contract.ts';
import type { Command } from '../command.ts';
import { byteText, table } from '../output.ts';
import { jsonOption } from '../shared-options.ts';
import { subcommands } from '../subcommands.ts';

export const models: Command = {
  name: 'models',
  summary: 'The library: names for models.',
  usage: ['models list', 'models add FILE_OR_FOLDER [--name NAME]', 'models remove NAME'],
  options: { name: { value: 'NAME', help: 'with add: small letters, digits and -' }, ...jsonOption },

  run: subcommands({
    async list(given, { client, output }) {
      given.exactly();
      const list = await client.listModels({});
      if (output.isJson) output.json({ models: list });
      else output.line(modelTable(list));
    },
    async add(given, { client, signal, output }) {
      const [path] = given.exactly('FILE_OR_FOLDER');
      const model = await client.addModel(
        { path: resolve(path), name: given.text('name') ?? null },
        { signal },
      );
      if (output.isJson) output.json(model);
      else output.line(`${model.name}: ${model.path}`);
    },
    async remove(given, { client, output }) {
      const [name] = given.exactly('NAME');
      const model = await client.removeModel({ name });
      if (output.isJson) output.json(model);
      else output.line(`${model.name} is no longer in the library; ${model.path} was not touched.`);
    },
  }),
};

function modelTable(list: readonly LibraryModel[]): string {
  const rows = list.map((model) => [
    model.name,
    model.format,
    model.architecture,
    byteText(model.bytes),
    model.bundled ? 'comes with Retort' : model.present ? model.path : `${model.path} (not there)`,
  ]);
  return table(['name', 'format', 'architecture', 'size', 'where'], rows);
}
