/** What reading a long prompt costs in the parts that the engine takes it in, beside parts of 256 tokens, each of which reads what is not in memory. */
import { stat } from 'node:fs/promises';
import { usualPartTokens } from '../../../../electron/engine/native/memory-estimate.ts';
import type { PromptRead } from '../engines/retort-process.ts';
import { packOf } from '../packs.ts';
import { openStreamed } from '../streamed.ts';
import type { FlashRow } from './row.ts';
import type { StreamingCase } from './streaming-case.ts';

const promptTokens = 1024;
const mebibyte = 2 ** 20;

export const promptRow = (options: StreamingCase): FlashRow => ({
  name: `prompt of ${options.name}`,
  run: async (bench) => {
    const pack = packOf(await options.model(bench));
    const budget = Math.floor((await stat(pack)).size * options.budgetShare);
    const { client } = await openStreamed(pack, { threads: bench.threads, budget, cap: 'none' });
    try {
      const prompt = options.text(0, promptTokens);
      await client.call('start', { prompt: prompt.slice(0, 1), context: prompt.length + 1 });
      const read = (atOnce: number | null) => client.call('readPrompt', { prompt, atOnce });
      await read(usualPartTokens);
      const rounds: { readonly large: PromptRead; readonly usual: PromptRead }[] = [];
      for (let round = 0; round < bench.repeat; round++)
        rounds.push({ large: await read(null), usual: await read(usualPartTokens) });
      const each = (figure: (round: (typeof rounds)[number]) => number) => rounds.map(figure);
      return {
        series: [
          { label: 'in parts as large as it takes', unit: 's', values: each(({ large }) => large.seconds) },
          { label: '256 tokens at a time', unit: 's', values: each(({ usual }) => usual.seconds) },
          {
            label: 'times as fast',
            unit: '',
            values: each(({ large, usual }) => usual.seconds / large.seconds),
          },
          { label: 'read', unit: 'MiB', values: each(({ large }) => large.bytes / mebibyte) },
          { label: 'read 256 at a time', unit: 'MiB', values: each(({ usual }) => usual.bytes / mebibyte) },
        ],
        checks: [
          {
            target: 'larger parts read no more',
            met: rounds.every(({ large, usual }) => large.bytes <= usual.bytes),
          },
        ],
        notes: [`a prompt of ${promptTokens} tokens in parts of ${rounds[0]?.large.atOnce}`],
      };
    } finally {
      await client.close();
    }
  },
});
