/** What a row of streaming came to. */
import { spread } from '../../../../electron/lab/spread.ts';
import { atLeast, atMost, type Check } from '../../rows/row.ts';
import { ratios, type Series } from '../../statistics.ts';
import { belady, hitRate, lfuWithGhosts } from '../cache-simulation.ts';
import type { Standing } from '../contest.ts';
import type { BarPlot } from '../plot.ts';
import { useDecay } from '../shapes.ts';
import type { FlashOutcome } from './row.ts';
import { promptTokens, type Player, type StreamingCase, type Table } from './streaming-case.ts';

/** Most times as long as the slower of computing and reading alone. */
const slowdown = 1.1;
/** Of the hit rate, to caches replayed over the same routing. */
const closePoints = 2;
const mebibytes = (bytes: number) => bytes / 2 ** 20;

export interface Judged extends Table {
  readonly streamed: Player;
  readonly resident: Player;
  readonly standings: readonly Standing[];
  readonly description: string;
}

/** Turns that count. */
const counted = ({ turns }: Player) => turns.slice(1);

function sameBits({ streamed, resident }: Judged): Check {
  const [own, expected] = [streamed, resident].map(({ turns }) => turns.flatMap(({ digests }) => digests));
  const met = own!.length > 0 && own!.join() === expected!.join();
  return { target: 'all logits bit for bit as in memory', met };
}

function capCheck({ streamed }: Judged): Check[] {
  const { cap } = streamed.client;
  if (!cap) return [];
  return [{ target: 'cap of budget + 32 MiB never met', met: cap.failCount === 0 && cap.kills === 0 }];
}

const inMilliseconds = ({ label, seconds }: Standing): Series => ({
  label,
  unit: 'ms/token',
  values: seconds.map((value) => 1000 * value),
});

/** Bytes read of a token, and how much of the time computing waited for them. */
function readingSeries(streamed: Player): Series[] {
  const turns = counted(streamed);
  const stalls = turns.map(
    ({ flash, seconds }) => (100 * flash!.stallSeconds) / seconds.reduce((sum, value) => sum + value, 0),
  );
  return [
    {
      label: 'read',
      unit: 'MiB/token',
      values: turns.map(({ flash, seconds }) => mebibytes(flash!.bytes) / seconds.length),
    },
    { label: 'waiting for the disk', unit: '% of the time', values: stalls },
    ...(turns.some(({ flash }) => flash!.rightGuesses !== null)
      ? [
          {
            label: 'experts of the next layer guessed right',
            unit: '%',
            values: turns.map(({ flash }) => 100 * (flash!.rightGuesses ?? 0)),
          },
          {
            label: 'read in vain',
            unit: '% of what was read',
            values: vainShares(streamed).map((share) => 100 * share),
          },
        ]
      : []),
  ];
}

/** Of what each turn read: how much was read ahead and not needed. */
function vainShares(streamed: Player): number[] {
  return counted(streamed).map(({ flash }) => (flash!.bytes === 0 ? 0 : flash!.vainBytes / flash!.bytes));
}

export function judge(judged: Judged, hasPeer: boolean): FlashOutcome {
  const { standings, options, budget, streamed, description } = judged;
  const [own, replayed, free, resident, peer] = standings;
  // What was read in vain is no excuse: the bound has the needed share of the reads alone.
  const needed = vainShares(streamed).map((share) => 1 - share);
  const boundsOf = ({ seconds }: Standing) =>
    seconds.map((each, round) => Math.max(each * needed[round]!, resident!.seconds[round]!));
  const bounds = boundsOf(replayed!);
  const slower = ratios(own!.seconds, bounds);
  const isKilled = hasPeer && (peer === undefined || peer.isKilled);
  const toPeer = peer && !peer.isKilled ? ratios(peer.seconds, own!.seconds) : [];
  return {
    series: [
      ...standings.filter(({ isKilled }) => !isKilled).map(inMilliseconds),
      { label: 'time / max(in memory, reads replayed)', unit: '', values: slower },
      {
        label: 'time / max(in memory, at full depth)',
        unit: '',
        values: ratios(own!.seconds, boundsOf(free!)),
      },
      ...(toPeer.length > 0 ? [{ label: 'llama.cpp / Retort', unit: '', values: toPeer }] : []),
      ...readingSeries(streamed),
    ],
    checks: [
      atMost('time / max(in memory, reads replayed)', slower, slowdown),
      ...(options.ratio !== null && toPeer.length > 0
        ? [atLeast('llama.cpp / Retort', toPeer, options.ratio)]
        : []),
      sameBits(judged),
      ...capCheck(judged),
    ],
    notes: [
      `budget ${mebibytes(budget).toFixed(0)} MiB, ${100 * options.budgetShare} % of the pack; ${options.turnTokens} tokens a turn`,
      description,
      ...(isKilled ? ['**llama.cpp was killed by the cap**'] : []),
    ],
    plots: [plotOf(options, standings)],
  };
}

function plotOf({ name }: StreamingCase, standings: readonly Standing[]): BarPlot {
  return {
    kind: 'bars',
    name: `flash-${name.replaceAll(/[^\w.]+/g, '-').replace(/-$/, '')}`,
    title: `${name}: milliseconds per token`,
    unit: 'ms',
    bars: standings
      .filter(({ isKilled }) => !isKilled)
      .map(({ label, seconds }) => {
        const { min, median, max } = spread(seconds.map((value) => 1000 * value));
        return { label, min, middle: median, max };
      }),
  };
}

/** The engine's hits beside those of caches replayed over the routing of the same text. */
export async function hitSeries({
  streamed,
  resident,
  options,
}: Judged): Promise<Pick<FlashOutcome, 'series' | 'checks'>> {
  const turns = counted(streamed).map(({ flash }) => flash!);
  const tokens = streamed.reader.place;
  const routing = await resident.client.call('routing', options.text(0, tokens));
  const misses = turns.reduce((total, flash) => total + flash.misses, 0);
  const asked = turns.length * options.turnTokens * routing.layers * routing.used;
  const own = 100 * hitRate({ hits: asked - misses, misses });
  const cache = {
    slots: turns[0]!.slots,
    promptTokens,
    firstCounted: tokens - turns.length * options.turnTokens,
  };
  const lfu = 100 * hitRate(lfuWithGhosts(routing, cache, useDecay));
  const best = 100 * hitRate(belady(routing, cache));
  const held = (100 * cache.slots) / (routing.layers * routing.experts);
  return {
    series: [
      { label: 'experts held', unit: '% of all', values: [held] },
      { label: 'hits', unit: '%', values: [own] },
      { label: 'hits of LFU with ghosts, replayed', unit: '%', values: [lfu] },
      { label: 'hits of Belady, replayed', unit: '%', values: [best] },
    ],
    checks: [
      {
        target: `hits within ${closePoints} points of LFU with ghosts`,
        met: Math.abs(own - lfu) <= closePoints,
      },
    ],
  };
}
