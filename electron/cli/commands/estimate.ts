import { resolve } from 'node:path';
import type { StreamingEstimate } from '../../contract/estimate.ts';
import type { DiskCurve } from '../../contract/streaming.ts';
import type { Fit } from '../../contract/machine.ts';
import { badArgument, type Arguments } from '../arguments.ts';
import type { Command, Context } from '../command.ts';
import { byteText, table } from '../output.ts';
import { jsonOption, modelFrom } from '../shared-options.ts';
import { followWork } from '../work.ts';

export const estimate: Command = {
  name: 'estimate',
  summary: 'What a model would take of memory and how fast it would be; how fast a disk is.',
  usage: ['estimate MODEL [--memory-budget B] [--context N]', 'estimate --disk [PATH]'],
  options: {
    'memory-budget': {
      value: 'BYTES',
      help: 'memory for weights, KV cache and buffers, e.g. 512MiB, or auto (default for packs): what is free',
    },
    context: { value: 'N', help: 'positions of the session (default: 8,192, or the model’s own)' },
    'kv-codec': { value: 'C', help: 'how keys and values are kept: f32, f16 (default) or q8' },
    threads: { value: 'T', help: 'threads (default: all processors)' },
    disk: { help: 'measure the disk that PATH lies on (default: the cache folder), once' },
    ...jsonOption,
  },

  async run(given, context) {
    if (given.has('disk')) await showDisk(given, context);
    else await showFit(given, context);
    return 0;
  },
};

async function showDisk(given: Arguments, { client, signal, output }: Context): Promise<void> {
  for (const name of ['memory-budget', 'context', 'kv-codec', 'threads']) {
    if (given.has(name)) throw badArgument(`--${name} goes with a model: leave it out with --disk.`);
  }
  const [path] = given.positionals.length === 0 ? [undefined] : given.exactly('PATH');
  const input = { path: path === undefined ? null : resolve(path) };
  const curve = await followWork(client.measureDisk(input, { signal }), output);
  if (output.isJson) output.json(curve);
  else output.line(diskTable(curve));
}

/** A row for each size of reads, a column for each number of them in flight. */
function diskTable({ sizes, depths, bytesPerSecond }: DiskCurve): string {
  const rows = sizes.map((size, row) => [
    byteText(size),
    ...depths.map((_, column) => rateText(bytesPerSecond[row * depths.length + column]!)),
  ]);
  return table(['read', ...depths.map((depth) => `${depth} in flight`)], rows);
}

const rateText = (bytesPerSecond: number) => `${(bytesPerSecond / 1e6).toFixed(0)} MB/s`;

async function showFit(given: Arguments, { client, signal, output }: Context): Promise<void> {
  const [model] = given.exactly('MODEL');
  const input = {
    model: modelFrom(model),
    settings: {
      context: given.integer('context', 1) ?? null,
      kvCodec: given.oneOf('kv-codec', ['f32', 'f16', 'q8']),
      threads: given.integer('threads', 1) ?? null,
      memoryBudget: given.memoryBudget('memory-budget'),
    },
  };
  const fit = await client.estimate(input, { signal });
  if (output.isJson) return output.json(fit);
  for (const [name, value] of [...facts(fit), ...streamingFacts(fit.streaming), ...speeds(fit)]) {
    output.line(`${name.padEnd(16)}${value}`);
  }
  if (fit.streaming?.advice) output.line(`\n${fit.streaming.advice}`);
  else if (!fit.fits && !fit.canStream) {
    output.line('\nIt does not fit. A pack of it (retort pack) can be read in parts as it computes.');
  }
}

const number = (value: number) => value.toLocaleString('en');

function facts(fit: Fit): [string, string][] {
  const { freeBytes, reserveBytes, largestContext } = fit;
  return [
    ['weights', byteText(fit.weightsBytes)],
    ['KV cache', `${byteText(fit.kvBytes)}, ${number(fit.context)} positions, ${fit.kvCodec}`],
    ['scratch', byteText(fit.scratchBytes)],
    ['together', `${byteText(fit.totalBytes)}, ${fit.fits ? 'fits' : 'does not fit'}`],
    ['free', `${byteText(freeBytes)}, with ${byteText(reserveBytes)} left to the system`],
    ['context', `${number(largestContext)} of ${number(fit.modelContext)} would fit`],
  ];
}

function streamingFacts(streaming: StreamingEstimate | null): [string, string][] {
  if (!streaming) return [];
  const { hitRate, hitRateFrom, slots, slotBytes, diskBytesPerSecond, totalBytes } = streaming;
  const least = `at least ${byteText(streaming.minimumMemoryBudgetBytes)}`;
  const always = `${byteText(streaming.pinnedBytes)} always in memory`;
  const experts = slots > 0 ? `, places for ${number(slots)} experts of ${byteText(slotBytes)}` : '';
  const hits =
    hitRate === null ? '' : `, ${(100 * hitRate).toFixed(0)} % of experts in memory (${hitRateFrom})`;
  const disk =
    diskBytesPerSecond === null ? 'not measured: retort estimate --disk' : rateText(diskBytesPerSecond);
  return [
    ['budget', `${byteText(streaming.memoryBudgetBytes)}, ${least}`],
    ['of weights', `${always} of ${byteText(totalBytes)}${experts}`],
    ['read a token', `${byteText(streaming.readBytesPerToken)}${hits}`],
    ...(streaming.readBytesPerToken > 0 ? [['disk', disk] satisfies [string, string]] : []),
  ];
}

function speeds({ predictedTokensPerSecond, measured }: Fit): [string, string][] {
  const predicted =
    predictedTokensPerSecond === null
      ? 'not known before a reply measured this machine'
      : `${predictedTokensPerSecond.toPrecision(3)} tokens/s`;
  return [['predicted', predicted], ...(measured ? [measuredFact(measured)] : [])];
}

function measuredFact(measured: NonNullable<Fit['measured']>): [string, string] {
  const { tokensPerSecond, totalBytes, context, usedContext, readBytesPerToken, hitRate } = measured;
  const read = readBytesPerToken === null ? '' : `, ${byteText(readBytesPerToken)} read a token`;
  const hits = hitRate === null ? '' : `, ${(100 * hitRate).toFixed(0)} % hits`;
  const taken = `${byteText(totalBytes)} with ${number(usedContext)} of ${number(context)} positions in use`;
  return ['measured last', `${tokensPerSecond.toPrecision(3)} tokens/s, ${taken}${read}${hits}`];
}
