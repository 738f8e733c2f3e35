import type { z } from 'zod';
import type { Spread } from '../../contract/engine-contract.ts';
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
      output.line(`decode   ${speeds(result.decode.tokensPerSecond)}  (${result.generateTokens} tokens)`);
      output.line(
        `peak memory ${byteText(result.peakBytes)}, ${result.threads} threads, ${result.arithmetic}`,
      );
    }
    return 0;
  },
};

function speeds({ min, median, max }: z.infer<typeof Spread>): string {
  return `${median.toFixed(1)} tokens/s (${min.toFixed(1)} to ${max.toFixed(1)})`;
}
