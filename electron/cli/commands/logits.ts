import { resolve } from 'node:path';
import { readIds } from '../arguments.ts';
import type { Command } from '../command.ts';
import { byteText } from '../output.ts';
import { computeFrom, computeOptions, jsonOption, modelFrom } from '../shared-options.ts';
import { followWork } from '../work.ts';

export const logits: Command = {
  name: 'logits',
  summary: 'Write the logits of every position to a safetensors file.',
  usage: ['logits MODEL --ids 1,2,3 --out FILE.safetensors [--hidden]'],
  options: {
    ids: { value: '1,2,3', help: 'token ids' },
    out: { value: 'FILE', help: 'file to write: logits float32 (S, V)' },
    hidden: { help: 'also hidden.* and router.* of every layer' },
    ...computeOptions,
    ...jsonOption,
  },

  async run(given, { client, signal, output }) {
    const [model] = given.exactly('MODEL');
    const input = {
      model: modelFrom(model),
      compute: computeFrom(given),
      ids: readIds(given.required('ids')),
      hidden: given.has('hidden'),
      out: resolve(given.required('out')),
    };
    const result = await followWork(client.logits(input, { signal }), output);
    if (output.isJson) output.json(result);
    else {
      const shape = `${result.tokens} × ${result.vocabularySize}`;
      output.line(`${result.out}: logits ${shape}, ${byteText(result.bytes)}`);
    }
    return 0;
  },
};
