import type { CompareCommand } from '../../contract/host-contract.ts';
import { badArgument, type Arguments } from '../arguments.ts';
import type { Command, Context } from '../command.ts';
import { comparisonText, followComparison } from '../comparison-text.ts';
import { requireFolderOf, writeReport } from '../report-files.ts';
import { computeOptions, jsonOption, readTextFile } from '../shared-options.ts';
import { variantFrom } from '../variant-argument.ts';

const defaultMaxTokens = 128;
const defaultContext = 512;

export const compare: Command = {
  name: 'compare',
  summary: 'Compare two to four models or settings: speed, replies, and how far each is from the first.',
  usage: [
    'compare A B … --prompt TEXT [--file TEXT] [--html FILE] [--csv FILE]',
    'compare MODEL MODEL:arithmetic=reference MODEL:kv-codec=q8,label=narrow --prompt TEXT',
  ],
  options: {
    prompt: {
      value: 'TEXT',
      help: 'what every variant answers; the first one’s reply is read by the others',
    },
    raw: { help: 'continue the prompt as it stands' },
    'max-tokens': { value: 'N', help: `of each reply (default ${defaultMaxTokens})` },
    file: { value: 'FILE', help: 'also quality on this text, UTF-8' },
    context: { value: 'N', help: `with --file: ids of a window (default ${defaultContext})` },
    tokens: { value: 'T', help: 'with --file: use only the first T ids (default: all)' },
    weights: { help: 'also how far every matrix is from the first one’s' },
    html: { value: 'FILE', help: 'write one page with all of it' },
    csv: { value: 'FILE', help: 'write a table' },
    label: { value: 'TEXT', help: 'only in MODEL:label=TEXT, which names a variant' },
    'kv-codec': { value: 'C', help: 'f32, f16 or q8; this and what follows also as MODEL:key=value,…' },
    ...computeOptions,
    ...jsonOption,
  },

  async run(given, { client, signal, output }) {
    if (given.has('label')) throw badArgument('--label is for one variant: MODEL:label=TEXT.');
    const request = await requestFrom(given);
    for (const file of reports.map((format) => given.text(format)))
      if (file !== undefined) await requireFolderOf(file);
    const done = await followComparison(client.compare(request, { signal }), output);
    await writeReports(done.runId, given, client);
    if (output.isJson) output.json(done);
    else output.line(comparisonText(done));
    return 0;
  },
};

const reports = ['html', 'csv'] as const;

async function writeReports(id: string, given: Arguments, client: Context['client']): Promise<void> {
  for (const format of reports) {
    const file = given.text(format);
    if (file !== undefined) await writeReport(file, (await client.exportRun({ id, format })).text);
  }
}

async function requestFrom(given: Arguments): Promise<CompareCommand> {
  const { positionals } = given;
  if (positionals.length < 2 || positionals.length > 4) {
    throw badArgument(`Two to four models are compared, not ${positionals.length}.`);
  }
  const prompt = given.required('prompt');
  if (prompt === '') throw badArgument('--prompt is empty.');
  return {
    variants: positionals.map((argument) => variantFrom(argument, given)),
    prompt: given.has('raw')
      ? { kind: 'text', text: prompt, special: false }
      : { kind: 'chat', messages: [{ role: 'user', content: prompt }] },
    maxTokens: given.integer('max-tokens', 1) ?? defaultMaxTokens,
    quality: await qualityFrom(given),
    weightErrors: given.has('weights'),
  };
}

async function qualityFrom(given: Arguments): Promise<CompareCommand['quality']> {
  const file = given.text('file');
  if (file === undefined) {
    const stray = ['context', 'tokens'].find((name) => given.has(name));
    if (stray !== undefined) throw badArgument(`--${stray} is for --file.`);
    return null;
  }
  const text = await readTextFile(file);
  if (text === '') throw badArgument('The text file is empty.');
  return {
    text,
    context: given.integer('context', 2) ?? defaultContext,
    tokens: given.integer('tokens', 2) ?? null,
  };
}
