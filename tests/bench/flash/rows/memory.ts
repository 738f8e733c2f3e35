/**
 * What a streamed model takes beyond what its process had when addon and tokenizer were loaded: under a cap that is far away, which counts page cache too,
 * and under one of budget and 32 MiB.
 */
import { stat } from 'node:fs/promises';
import { atMost } from '../../rows/row.ts';
import { endsByCap, margin } from '../capped-process.ts';
import { packOf } from '../packs.ts';
import { openStreamed } from '../streamed.ts';
import { skipped, type FlashBench, type FlashOutcome, type FlashRow } from './row.ts';
import type { StreamingCase } from './streaming-case.ts';

const promptTokens = 1024;
const tokens = 16;
const mebibytes = (bytes: number) => bytes / 2 ** 20;

interface Use {
  readonly baseline: number;
  readonly beyondBudget: number;
  readonly failCount: number;
  readonly isKilled: boolean;
}

/** Opens, evaluates a prompt, feeds some tokens. */
async function use(
  bench: FlashBench,
  options: StreamingCase,
  { pack, budget }: Place,
  cap: 'far' | 'close',
): Promise<Use> {
  const { client } = await openStreamed(pack, { threads: bench.threads, budget, cap });
  try {
    const start = { prompt: options.text(0, promptTokens), context: promptTokens + tokens };
    const isKilled = await endsByCap(async () => {
      await client.call('start', start);
      await client.call('feed', options.text(promptTokens, tokens));
    });
    const { failCount, highestUsage } = client.cap!;
    const { baseline } = client;
    return { baseline, beyondBudget: highestUsage - baseline - budget, failCount, isKilled };
  } finally {
    await client.close();
  }
}

interface Place {
  readonly pack: string;
  readonly budget: number;
}

async function measure(bench: FlashBench, options: StreamingCase): Promise<FlashOutcome> {
  const pack = packOf(await options.model(bench));
  const place = { pack, budget: Math.floor((await stat(pack)).size * options.budgetShare) };
  const far = await use(bench, options, place, 'far');
  const close = await use(bench, options, place, 'close');
  const beyond = [mebibytes(far.beyondBudget)];
  return {
    series: [
      { label: 'budget', unit: 'MiB', values: [mebibytes(place.budget)] },
      { label: 'before the model', unit: 'MiB', values: [mebibytes(far.baseline)] },
      { label: 'beyond both', unit: 'MiB', values: beyond },
      { label: 'times the close cap was met', unit: '', values: [close.failCount] },
    ],
    checks: [
      atMost('MiB beyond both', beyond, mebibytes(margin)),
      {
        target: `completes under a cap of budget + ${mebibytes(margin)} MiB without meeting it`,
        met: close.failCount === 0 && !close.isKilled,
      },
    ],
    notes: [
      ...(close.isKilled ? ['**the close cap killed it**'] : []),
      `a prompt of ${promptTokens} tokens and ${tokens} more, KV cache inside the budget`,
    ],
  };
}

export const memoryRow = (options: StreamingCase): FlashRow => ({
  name: `memory of ${options.name}`,
  run: (bench) =>
    bench.whyNoCaps === null ? measure(bench, options) : Promise.resolve(skipped(bench.whyNoCaps)),
});
