import { resolve } from 'node:path';
import type { LibraryModel } from '../../contract/host-contract.ts';
import type { Command } from '../command.ts';
import { byteText, table } from '../output.ts';
import { jsonOption, modelFrom } from '../shared-options.ts';
import { subcommands } from '../subcommands.ts';
import { followWork } from '../work.ts';

export const models: Command = {
  name: 'models',
  summary: 'The library: names for models; whether a pack is sound.',
  usage: [
    'models list',
    'models add FILE_OR_FOLDER [--name NAME]',
    'models remove NAME',
    'models verify PACK',
  ],
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
    async verify(given, { client, signal, output }) {
      const [name] = given.exactly('PACK');
      const call = client.verifyPack({ model: modelFrom(name) }, { signal });
      const verified = await followWork(call, output);
      if (output.isJson) output.json(verified);
      else {
        const records = `${verified.records.toLocaleString('en')} records, ${byteText(verified.bytes)}`;
        output.line(`${verified.path} is sound: ${records}.`);
      }
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
