import type { z } from 'zod';
import type { PhaseSpeed, Spread } from '../../contract/lab-results.ts';
import type { Command } from '../command.ts';
import { byteText } from '../output.ts';
import { computeFrom, computeOptions, jsonOption, modelFrom } from '../shared-options.ts';
import { followWork } from '../work.ts';

export const bench: Command = {
  name: 'bench',
  summary: 'Measure the speed of prefill and decode, apart, after one warm-up.',
  usage: ['bench MODEL [--prompt-tokens P] [--generate-tokens G] [--repeat R]'],
  options: {
    'prompt-tokens': { value: 'P', help: 'ids of the prompt (default 128)' },
    'generate-tokens': { value: 'G', help: 'tokens to decode; end tokens are ignored (default 64)' },
    repeat: { value: 'R', help: 'measured rounds (default 3)' },
    ...computeOptions,
    ...jsonOption,
  },

  async run(given, { client, signal, output }) {
    const [model] = given.exactly('MODEL');
    const input = {
      model: modelFrom(model),
      compute: computeFrom(given),
      promptTokens: given.integer('prompt-tokens', 1) ?? 128,
      generateTokens: given.integer('generate-tokens', 1) ?? 64,
      repeat: given.integer('repeat', 1) ?? 3,
    };
    const result = await followWork(client.bench(input, { signal }), output);
    if (output.isJson) output.json(result);
    else {
      output.line(`prefill  ${speeds(result.prefill.tokensPerSecond)}  (${result.promptTokens} tokens)`);
      output.line(`         ${causes(result.prefill)}`);
      output.line(`decode   ${speeds(result.decode.tokensPerSecond)}  (${result.generateTokens} tokens)`);
      output.line(`         ${causes(result.decode)}`);
      output.line(
        `peak memory ${byteText(result.peakBytes)}, ${result.threads} threads, ${result.arithmetic}`,
      );
    }
    return 0;
  },
};

const named = [
  ['attention', 'attention'],
  ['feedForward', 'feed-forward'],
  ['head', 'head'],
  ['readWait', 'waiting for the disk'],
  ['sampling', 'sampling'],
  ['other', 'other'],
] as const;

/** Milliseconds per token by cause, as far as the engine tells, and what is in none of them. */
function causes({ perToken: { timeNs, bytesTouched, bytesPerSecond, kvBytes } }: PhaseSpeed): string {
  const milliseconds = (nanoseconds: number) => (nanoseconds / 1e6).toFixed(3);
  const known = named.flatMap(([cause, name]) => {
    const time = timeNs[cause];
    return time === undefined ? [] : [{ name, time }];
  });
  const rest = Math.max(
    0,
    known.reduce((left, { time }) => left - time, timeNs.total),
  );
  const parts = [...known, { name: 'rest', time: rest }].map(
    ({ name, time }) => `${name} ${milliseconds(time)}`,
  );
  const bytes =
    bytesTouched === undefined || bytesPerSecond === undefined
      ? []
      : [`${byteText(bytesTouched)} read at ${byteText(bytesPerSecond)}/s`];
  const cache = kvBytes === undefined ? [] : [`KV cache ${byteText(kvBytes)}`];
  return [`per token, ms: ${parts.join(', ')}`, ...bytes, ...cache].join('; ');
}

function speeds({ min, median, max }: z.infer<typeof Spread>): string {
  return `${median.toFixed(1)} tokens/s (${min.toFixed(1)} to ${max.toFixed(1)})`;
}
