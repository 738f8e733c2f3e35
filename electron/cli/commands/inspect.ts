import type { ModelSummary } from '../../contract/model-summary.ts';
import type { ModelReference } from '../../contract/host-contract.ts';
import { drain } from '../../contract/rpc-client.ts';
import { bitsPerWeight, type TensorOutcome } from '../../contract/tensor-statistics.ts';
import { badArgument } from '../arguments.ts';
import type { Command, Context } from '../command.ts';
import { byteText, table } from '../output.ts';
import { jsonOption, modelFrom } from '../shared-options.ts';

export const inspect: Command = {
  name: 'inspect',
  summary: 'Show what a model’s headers say, and what the values of its tensors are.',
  usage: ['inspect MODEL [--tensors [--statistics]]'],
  options: {
    tensors: { help: 'list every tensor' },
    statistics: { help: 'read all values: least, greatest, mean, deviation, zeros, histogram' },
    ...jsonOption,
  },

  async run(given, { client, signal, output }) {
    const [model] = given.exactly('MODEL');
    const summary = await client.inspect({ model: modelFrom(model) }, { signal });
    if (given.has('statistics') && !given.has('tensors')) {
      throw badArgument('--statistics goes with --tensors.');
    }
    const outcomes = given.has('statistics')
      ? await readValues(modelFrom(model), client, { signal, output })
      : null;
    if (output.isJson) {
      const tensors = summary.tensors.map((tensor) => ({ ...tensor, ...toldOf(outcomes?.get(tensor.name)) }));
      output.json(outcomes ? { ...summary, tensors } : summary);
      return 0;
    }
    for (const [name, value] of facts(summary)) output.line(`${name.padEnd(16)}${value}`);
    if (given.has('tensors')) output.line(`\n${tensorTable(summary, outcomes)}`);
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

type Outcomes = ReadonlyMap<string, TensorOutcome>;

async function readValues(
  model: ModelReference,
  client: Context['client'],
  { signal, output }: Pick<Context, 'signal' | 'output'>,
): Promise<Outcomes> {
  const outcomes = new Map<string, TensorOutcome>();
  await drain(client.tensorStatistics({ model, tensors: null }, { signal }), (event) => {
    if (event.type === 'progress') output.progress(event.progress);
    else outcomes.set(event.name, event);
  });
  output.clearProgress();
  return outcomes;
}

function toldOf(outcome: TensorOutcome | undefined) {
  if (!outcome) return {};
  return outcome.type === 'statistics' ? { statistics: outcome.statistics } : { refused: outcome.reason };
}

function tensorTable({ tensors }: ModelSummary, outcomes: Outcomes | null): string {
  const rows = tensors.map((tensor) => {
    const { name, type, shape, bytes } = tensor;
    const plain = [name, type, shape.join(' × '), byteText(bytes), bitsPerWeight(tensor)?.toFixed(2) ?? '–'];
    return outcomes ? [...plain, ...figuresOf(outcomes.get(name))] : plain;
  });
  const header = ['tensor', 'type', 'shape', 'bytes', 'bits a weight'];
  const figures = ['min', 'max', 'mean', 'std', 'zeros', 'not a number'];
  return table(outcomes ? [...header, ...figures] : header, rows);
}

function figuresOf(outcome: TensorOutcome | undefined): string[] {
  if (outcome?.type !== 'statistics') return [outcome?.reason ?? ''];
  const { values, zeros, notNumbers, finite } = outcome.statistics;
  const share = values === 0 ? '–' : `${((100 * zeros) / values).toFixed(2)} %`;
  const numbers = finite
    ? [finite.minimum, finite.maximum, finite.mean, finite.deviation]
    : [null, null, null, null];
  return [...numbers.map((number) => number?.toPrecision(5) ?? '–'), share, String(notNumbers)];
}
