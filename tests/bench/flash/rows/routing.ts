/** What the mixture's routing is like, and what caches of several sizes would hit of it; needs no streaming. */
import { belady, hitRate, lfuWithGhosts } from '../cache-simulation.ts';
import { mixtureFile } from '../../models/model-files.ts';
import type { LinePlot } from '../plot.ts';
import { characterOf, type Routing } from '../routing.ts';
import { halfWidth, useDecay, type MixtureCase } from '../shapes.ts';
import { openResident } from '../streamed.ts';
import { textOfNeighbours } from '../texts.ts';
import type { FlashBench, FlashOutcome, FlashRow } from './row.ts';

const tokens = 1024;
/** While a cache fills nothing is counted. */
const firstCounted = 256;
const shares = [0.125, 0.25, 0.375, 0.5, 0.75, 1];
const told = new Set([0.25, 0.5]);

async function routingOf({ threads }: FlashBench, { shape, type }: MixtureCase): Promise<Routing> {
  const path = await mixtureFile(shape, type);
  const client = await openResident(path, threads);
  try {
    return await client.call('routing', textOfNeighbours(0, tokens));
  } finally {
    await client.close();
  }
}

function hitsByShare(routing: Routing, rateOf: (slots: number) => number): [number, number][] {
  const all = routing.layers * routing.experts;
  return shares.map((share) => [100 * share, 100 * rateOf(Math.floor(share * all))]);
}

function plotOf(lfu: [number, number][], best: [number, number][]): LinePlot {
  return {
    kind: 'lines',
    name: 'flash-hit-rate',
    title: 'Experts found in memory, by how many of all are held',
    xLabel: 'experts held, % of all',
    yLabel: 'hits, %',
    yMax: 100,
    lines: [
      { label: 'LFU with ghosts', isLine: true, points: lfu },
      { label: 'Belady', isLine: true, points: best },
    ],
  };
}

export const routingRow: FlashRow = {
  name: 'routing of the mixture',
  run: async (bench): Promise<FlashOutcome> => {
    const { shape, type } = halfWidth(bench.gigabytes);
    const routing = await routingOf(bench, { shape, type });
    const { topQuarterShare, entropyBits, reusedShare } = characterOf(routing);
    const options = (slots: number) => ({ slots, promptTokens: 0, firstCounted });
    const lfu = hitsByShare(routing, (slots) => hitRate(lfuWithGhosts(routing, options(slots), useDecay)));
    const best = hitsByShare(routing, (slots) => hitRate(belady(routing, options(slots))));
    const seriesOf = (name: string, points: [number, number][]) =>
      points
        .filter(([share]) => told.has(share / 100))
        .map(([share, rate]) => ({ label: `${name}, ${share} % held`, unit: '%', values: [rate] }));
    return {
      series: [
        { label: 'uses of the most used quarter', unit: '%', values: [100 * topQuarterShare] },
        { label: 'entropy of uses', unit: 'bits', values: [entropyBits] },
        { label: 'experts of the token before', unit: '%', values: [100 * reusedShare] },
        ...seriesOf('LFU with ghosts', lfu),
        ...seriesOf('Belady', best),
      ],
      checks: [],
      notes: [
        `${shape.name} ${type}, ${tokens} tokens, the first ${firstCounted} not counted`,
        `of ${routing.experts} experts ${routing.used} are used: alike, these would be 25 %, ${Math.log2(routing.experts)} bits and ` +
          `${((100 * routing.used) / routing.experts).toFixed(1)} %`,
      ],
      plots: [plotOf(lfu, best)],
    };
  },
};
