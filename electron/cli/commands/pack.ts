import { join, resolve } from 'node:path';
import type { Command } from '../command.ts';
import { badArgument } from '../arguments.ts';
import { byteText } from '../output.ts';
import { jsonOption, modelFrom } from '../shared-options.ts';
import { followWork } from '../work.ts';

export const pack: Command = {
  name: 'pack',
  summary: 'Write a model as one file that opens without repacking and can be read in parts.',
  usage: ['pack MODEL --out FILE.retortpack'],
  options: {
    out: { value: 'FILE', help: 'the pack to write; a run that was stopped goes on by the same command' },
    threads: { value: 'T', help: 'threads (default: all processors)' },
    ...jsonOption,
  },

  async run(given, { client, signal, output }) {
    const [model] = given.exactly('MODEL');
    const input = {
      model: modelFrom(model),
      out: fileFrom(given.required('out')),
      threads: given.integer('threads', 1) ?? null,
    };
    const result = await followWork(client.pack(input, { signal }), output);
    if (output.isJson) {
      output.json(result);
      return 0;
    }
    const { out, bytes, records, resumedBytes } = result;
    const resumed = resumedBytes > 0 ? `, ${byteText(resumedBytes)} of them from an earlier run` : '';
    output.line(`${out}: ${byteText(bytes)}${resumed}, ${records.toLocaleString('en')} records`);
    return 0;
  },
};

/** A name that ends as folders do would be one file beside others. */
function fileFrom(out: string): string {
  if (!/[/\\]$/.test(out)) return resolve(out);
  throw badArgument(
    `--out takes a file: name one in the folder, for example ${join(out, 'model.retortpack')}.`,
  );
}
