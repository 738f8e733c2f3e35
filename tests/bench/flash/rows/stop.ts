/** How long a stop takes while weights stream in, and whether the disk rests afterwards. */
import { stat } from 'node:fs/promises';
import { packOf } from '../packs.ts';
import { openStreamed } from '../streamed.ts';
import type { FlashRow } from './row.ts';
import type { StreamingCase } from './streaming-case.ts';

const stops = 20;
const limitMs = 200;

export const stopRow = (options: StreamingCase): FlashRow => ({
  name: `stop of ${options.name}`,
  run: async (bench) => {
    const pack = packOf(await options.model(bench));
    const budget = Math.floor((await stat(pack)).size * options.budgetShare);
    const { client } = await openStreamed(pack, { threads: bench.threads, budget, cap: 'none' });
    try {
      const prompt = options.text(0, 512);
      await client.call('start', { prompt: prompt.slice(0, 1), context: prompt.length + 1 });
      const all = await client.call('stop', { prompt, stops });
      const stopped = all.filter(({ isStopped }) => isStopped);
      if (stopped.length === 0) throw new Error('every evaluation ended before its stop');
      const values = stopped.map(({ seconds }) => 1000 * seconds);
      return {
        series: [{ label: 'from the stop to its answer', unit: 'ms', values }],
        checks: [
          { target: `every stop ≤ ${limitMs} ms`, met: values.every((value) => value <= limitMs) },
          { target: 'no read in flight after', met: stopped.every(({ pendingReads }) => pendingReads === 0) },
        ],
        notes: [
          `${stopped.length} stops of a prompt of ${prompt.length} tokens, at times spread over its evaluation`,
        ],
      };
    } finally {
      await client.close();
    }
  },
});
