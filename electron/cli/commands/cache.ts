import type { Prompt } from '../../contract/host-contract.ts';
import type { CacheReport, SavedCache } from '../../contract/kv-cache.ts';
import { badArgument, type Arguments } from '../arguments.ts';
import type { Command } from '../command.ts';
import { byteText, table } from '../output.ts';
import { computeFrom, computeOptions, jsonOption, modelFrom, readTextFile } from '../shared-options.ts';
import { subcommands } from '../subcommands.ts';
import { followWork } from '../work.ts';

const defaultMaxTokens = 256;

export const cache: Command = {
  name: 'cache',
  summary:
    'What the KV cache of a prompt holds; saved under a name, it is gone on from without reading again.',
  usage: [
    'cache report MODEL --prompt TEXT | --file FILE [--compare]',
    'cache save NAME MODEL --prompt TEXT | --file FILE',
    'cache restore NAME [--prompt TEXT] [--max-tokens N]',
    'cache list',
    'cache clear NAME | --all',
  ],
  options: {
    prompt: { value: 'TEXT', help: 'what is read; with restore: what comes after it' },
    file: { value: 'FILE', help: 'the same from a file, UTF-8' },
    system: { value: 'TEXT', help: 'system message before the prompt' },
    raw: { help: 'the prompt as it stands, no chat template' },
    context: { value: 'N', help: 'positions of the session (default: 8192, or what the model holds)' },
    'kv-codec': { value: 'C', help: 'f16, q8 or f32 (default: f16, in reference arithmetic f32)' },
    compare: { help: 'with report: also f16 against q8, measured on the prompt' },
    'max-tokens': { value: 'N', help: `with restore: draw up to N tokens (default ${defaultMaxTokens})` },
    all: { help: 'with clear: every saved cache' },
    ...computeOptions,
    ...jsonOption,
  },

  run: subcommands({
    async report(given, { client, signal, output }) {
      const [model] = given.exactly('MODEL');
      const input = { ...(await promptInput(model, given)), compare: given.has('compare') };
      const report = await followWork(client.reportCache(input, { signal }), output);
      if (output.isJson) output.json(report);
      else output.line(reportText(report));
    },
    async save(given, { client, signal, output }) {
      const [name, model] = given.exactly('NAME', 'MODEL');
      const input = { ...(await promptInput(model, given)), name };
      const saved = await followWork(client.saveCache(input, { signal }), output);
      if (output.isJson) output.json(saved);
      else output.line(`${saved.name}: ${tokenText(saved.tokens)}, ${byteText(saved.bytes)}.`);
    },
    async restore(given, { client, signal, output }) {
      const [name] = given.exactly('NAME');
      const input = {
        cache: name,
        text: given.has('prompt') || given.has('file') ? await promptText(given) : null,
        maxTokens: given.integer('max-tokens', 1) ?? defaultMaxTokens,
        threads: given.integer('threads', 1) ?? null,
      };
      const done = await followWork(client.restoreCache(input, { signal }), output);
      if (output.isJson) return output.json(done);
      if (input.text !== null) output.line(done.text);
      const { tokens, kvBytes, milliseconds, readTokens } = done;
      output.note(
        `[${tokenText(tokens)} restored, ${byteText(kvBytes)} in ${milliseconds.toFixed(0)} ms, ${tokenText(readTokens)} read]`,
      );
    },
    async list(given, { client, output }) {
      given.exactly();
      const list = await client.listSavedCaches({});
      if (output.isJson) output.json({ caches: list });
      else output.line(list.length === 0 ? 'No saved caches.' : savedTable(list));
    },
    async clear(given, { client, output }) {
      const isAll = given.has('all');
      const names = isAll
        ? (given.exactly(), (await client.listSavedCaches({})).map(({ id }) => id))
        : given.exactly('NAME');
      const removed: SavedCache[] = [];
      for (const name of names) removed.push(await client.removeSavedCache({ cache: name }));
      if (output.isJson) return output.json({ caches: removed });
      for (const { name, bytes } of removed) output.line(`${name}: ${byteText(bytes)} freed.`);
      if (removed.length === 0) output.line('No saved caches.');
    },
  }),
};

const tokenText = (count: number) => `${count.toLocaleString('en')} ${count === 1 ? 'token' : 'tokens'}`;

async function promptText(given: Arguments): Promise<string> {
  if (given.has('prompt') === given.has('file')) throw badArgument('Give one of --prompt and --file.');
  const text = given.text('prompt') ?? (await readTextFile(given.required('file')));
  if (text === '') throw badArgument('The prompt is empty.');
  return text;
}

async function promptInput(model: string, given: Arguments) {
  const text = await promptText(given);
  const system = given.text('system');
  if (given.has('raw') && system !== undefined) throw badArgument('--raw has no system message.');
  const before = system === undefined ? [] : [{ role: 'system', content: system }];
  const prompt: Prompt = given.has('raw')
    ? { kind: 'text', text, special: false }
    : { kind: 'chat', messages: [...before, { role: 'user', content: text }] };
  return {
    model: modelFrom(model),
    prompt,
    compute: computeFrom(given),
    kvCodec: given.oneOf('kv-codec', ['f32', 'f16', 'q8']),
    context: given.integer('context', 1) ?? null,
  };
}

function reportText(report: CacheReport): string {
  const { parts, positions, context, kvBytes, layers, attention, comparison } = report;
  const perToken = layers.reduce((sum, { bytesPerToken }) => sum + bytesPerToken, 0);
  const rows = parts.map(({ origin, label, tokens }, index) => [
    origin,
    label,
    String(tokens),
    perToken > 0 ? byteText(tokens * perToken) : '',
    attention[index] === undefined ? '' : `${(100 * attention[index]).toFixed(1)} %`,
  ]);
  const [first] = layers;
  const shape = first
    ? `\n${layers.length} layers × ${first.keyValueHeads} KV heads × ${first.headDimension}, ${first.codec}: ${byteText(perToken)} a token, ${byteText(perToken * context)} at the limit.`
    : '';
  const head = `${tokenText(positions)} of ${context.toLocaleString('en')}, ${byteText(kvBytes)}.${shape}`;
  const ledger = table(['origin', 'text', 'tokens', 'size', 'attention'], rows);
  return [head, ledger, ...(comparison ? [comparisonTable(comparison)] : [])].join('\n\n');
}

function comparisonTable({ codecs }: NonNullable<CacheReport['comparison']>): string {
  const rows = codecs.map(
    ({ codec, kvBytes, kl, topOneAgreement, tokensPerSecond: { min, median, max } }) => [
      codec,
      byteText(kvBytes),
      kl.mean.toFixed(6),
      kl.p99.toFixed(6),
      `${(100 * topOneAgreement).toFixed(2)} %`,
      `${min.toFixed(1)} / ${median.toFixed(1)} / ${max.toFixed(1)}`,
    ],
  );
  return table(
    ['codec', 'size', 'mean KL, nats', '99th percentile', 'same likeliest', 'tokens/s, min / median / max'],
    rows,
  );
}

function savedTable(list: readonly SavedCache[]): string {
  const rows = list.map(({ name, modelTitle, kvCodec, context, tokens, bytes }) => [
    name,
    modelTitle,
    kvCodec,
    String(context),
    String(tokens),
    byteText(bytes),
  ]);
  return table(['name', 'model', 'codec', 'context', 'tokens', 'size'], rows);
}
