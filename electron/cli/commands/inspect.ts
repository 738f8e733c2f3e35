import type { ModelSummary } from '../../contract/engine-contract.ts';
import type { Command } from '../command.ts';
import { byteText, table } from '../output.ts';
import { jsonOption, modelFrom } from '../shared-options.ts';

export const inspect: Command = {
  name: 'inspect',
  summary: 'Show what a model’s headers say; no weights are read.',
  usage: ['inspect MODEL [--tensors]'],
  options: { tensors: { help: 'list every tensor' }, ...jsonOption },

  async run(given, { client, signal, output }) {
    const [model] = given.exactly('MODEL');
    const summary = await client.inspect({ model: modelFrom(model) }, { signal });
    if (output.isJson) {
      output.json(summary);
      return 0;
    }
    for (const [name, value] of facts(summary)) output.line(`${name.padEnd(16)}${value}`);
    if (given.has('tensors')) output.line(`\n${tensorTable(summary)}`);
    return 0;
  },
};

function facts(summary: ModelSummary): [string, string][] {
  const number = (value: number | null) => (value === null ? '–' : value.toLocaleString('en'));
  const types = Object.entries(summary.types).map(([type, bytes]) => `${type} ${byteText(bytes)}`);
  const heads = `${number(summary.heads)} of ${number(summary.headDimension)}`;
  const perToken = summary.kvBytesPerToken;
  return [
    ['name', summary.name],
    ['format', `${summary.format}, ${summary.files.length} files, ${byteText(summary.bytes)}`],
    ...(summary.packOf ? [madeOf(summary.packOf)] : []),
    ['architecture', summary.architecture],
    ['runs here', summary.supported ? 'yes' : `no: ${summary.unsupportedReason ?? ''}`],
    ['parameters', number(summary.parameters)],
    ['types', types.join(', ')],
    ['layers', number(summary.layers)],
    ['hidden size', number(summary.hiddenSize)],
    ['heads', `${heads}, ${number(summary.keyValueHeads)} for keys and values`],
    ['experts', number(summary.experts)],
    ['vocabulary', number(summary.vocabularySize)],
    ['context', number(summary.contextLength)],
    ['KV cache', perToken === null ? '–' : `${byteText(perToken)} a token`],
    ['tokenizer', summary.tokenizer ?? 'none: takes ids only'],
    ['chat template', summary.chatTemplate ? 'yes' : 'no'],
    ['identity', summary.identity],
  ];
}

function madeOf({ name, format, recipe }: NonNullable<ModelSummary['packOf']>): [string, string] {
  return ['made of', `${name}, ${format}${recipe === undefined ? '' : `, by ${recipe}`}`];
}

function tensorTable({ tensors }: ModelSummary): string {
  const rows = tensors.map(({ name, type, shape, bytes }) => [
    name,
    type,
    shape.join(' × '),
    byteText(bytes),
  ]);
  return table(['tensor', 'type', 'shape', 'bytes'], rows);
}
