import { badArgument } from '../arguments.ts';
import type { Command } from '../command.ts';
import { computeFrom, computeOptions, jsonOption, modelFrom, readTextFile } from '../shared-options.ts';
import { followWork } from '../work.ts';

export const perplexity: Command = {
  name: 'perplexity',
  summary: 'Measure how well a model predicts a text, and how far it is from a reference model.',
  usage: ['perplexity MODEL --file TEXT --context N [--tokens T] [--reference MODEL] [--second-half]'],
  options: {
    file: { value: 'FILE', help: 'the text, UTF-8' },
    context: { value: 'N', help: 'ids of a window; windows do not overlap' },
    tokens: { value: 'T', help: 'use only the first T ids (default: all)' },
    reference: { value: 'MODEL', help: 'also the divergence from this model' },
    'second-half': { help: 'count only the second half of each window' },
    ...computeOptions,
    ...jsonOption,
  },

  async run(given, { client, signal, output }) {
    const [model] = given.exactly('MODEL');
    const context = given.requiredInteger('context', 2);
    const text = await readTextFile(given.required('file'));
    if (text === '') throw badArgument('The text file is empty.');
    const reference = given.text('reference');
    const input = {
      model: modelFrom(model),
      reference: reference === undefined ? null : modelFrom(reference),
      compute: computeFrom(given),
      text,
      context,
      tokens: given.integer('tokens', 2) ?? null,
      secondHalf: given.has('second-half'),
    };
    const result = await followWork(client.perplexity(input, { signal }), output);
    if (output.isJson) {
      output.json(result);
      return 0;
    }
    output.line(`perplexity ${result.perplexity.toFixed(4)} over ${result.tokens} tokens`);
    const { kl, topOneAgreement } = result;
    if (kl && topOneAgreement !== undefined) {
      const parts = [`mean ${kl.mean.toFixed(6)}`, `median ${kl.median.toFixed(6)}`];
      parts.push(`99th percentile ${kl.p99.toFixed(6)}`, `max ${kl.max.toFixed(4)}`);
      output.line(`divergence in nats: ${parts.join(', ')}`);
      output.line(`same likeliest token: ${(100 * topOneAgreement).toFixed(2)} %`);
    }
    return 0;
  },
};
