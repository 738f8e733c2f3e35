/**
 * A model of twice the memory and more: Retort with a budget, beside itself with all weights in memory, beside its own reads made again without computing,
 * and beside llama.cpp with mapped weights under the cap that the budget comes to. All take turns on the same text.
 */
import { stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { CallClient } from '../../engines/call-client.ts';
import { endsByCap } from '../capped-process.ts';
import { contest, meanOf, type Contestant } from '../contest.ts';
import type { ReplayCalls } from '../engines/reads-process.ts';
import { packOf } from '../packs.ts';
import { openPeer, startPeer, type Peer } from '../peer.ts';
import { openResident, openStreamed, type Retort } from '../streamed.ts';
import type { FlashBench, FlashOutcome, FlashRow } from './row.ts';
import {
  promptTokens,
  Reader,
  type Player,
  type Start,
  type StreamingCase,
  type Table,
} from './streaming-case.ts';
import { hitSeries, judge } from './streaming-outcome.ts';

const replayScript = fileURLToPath(new URL('../engines/reads-process.ts', import.meta.url));

function retortContestant(label: string, player: Player, tokens: number): Contestant {
  const { client, turns, reader } = player;
  return {
    label,
    processId: client.processId,
    turn: async () => {
      const fed = await client.call('feed', reader.next(tokens));
      turns.push(fed);
      return meanOf(fed.seconds);
    },
  };
}

/** The reads of the streamed engine's last turn; `free`: always as many under way as the disk takes. */
function replayContestant(
  label: string,
  client: CallClient<ReplayCalls>,
  { path, streamed, free }: { path: string; streamed: Player; free: boolean },
): Contestant {
  return {
    label,
    processId: client.processId,
    turn: async () => {
      const { flash, seconds } = streamed.turns.at(-1)!;
      const { reads, depth } = flash!;
      if (reads.offsets.length === 0) return 0;
      // A few more than the disk has stand in line, so that it never waits.
      const pending = free ? reads.pending.map(() => depth + 4) : reads.pending;
      return (await client.call('replay', { path, depth, reads: { ...reads, pending } })) / seconds.length;
    },
  };
}

function peerContestant(peer: Peer, reader: Reader, tokens: number): Contestant {
  return {
    label: 'llama.cpp',
    processId: peer.processId,
    turn: async () => meanOf((await peer.call('feed', reader.next(tokens))).seconds),
  };
}

/** Opens the peer's model and evaluates the prompt; false where its cap killed it meanwhile. */
async function survivesStart(peer: Peer, path: string, bench: FlashBench, start: Start): Promise<boolean> {
  const isKilled = await endsByCap(async () => {
    await openPeer(peer, path, bench.threads);
    await peer.call('start', start);
  });
  return !isKilled;
}

async function tableOf(bench: FlashBench, options: StreamingCase): Promise<Table> {
  const model = await options.model(bench);
  const pack = packOf(model);
  const budget = Math.floor((await stat(pack)).size * options.budgetShare);
  const { warmTokens, turnTokens } = options;
  const context = promptTokens + warmTokens + turnTokens * (bench.repeat + 1);
  return { bench, options, model, pack, budget, start: { prompt: options.text(0, promptTokens), context } };
}

/** Starts, warms, lets all play, and closes all however it ends. */
async function play(table: Table): Promise<FlashOutcome> {
  const { bench, options, model, pack, budget, start } = table;
  const closing: (() => Promise<void>)[] = [];
  const kept = <Client extends { close(): Promise<void> }>(client: Client): Client => {
    closing.push(() => client.close());
    return client;
  };
  try {
    const cap = bench.whyNoCaps === null ? 'close' : 'none';
    const { client, opened } = await openStreamed(pack, { threads: bench.threads, budget, cap });
    const player = (retort: Retort): Player => ({
      client: kept(retort),
      turns: [],
      reader: new Reader(options.text),
    });
    const streamed = player(client);
    const resident = player(await openResident(pack, bench.threads));
    for (const each of [streamed, resident]) {
      await each.client.call('start', start);
      await each.client.call('feed', each.reader.next(options.warmTokens));
    }
    const replay = kept(new CallClient<ReplayCalls>('replay', replayScript, []));
    const hasPeer = bench.hasPeers && bench.whyNoCaps === null;
    const peer = hasPeer ? kept(await startPeer(bench, model, budget)) : null;
    const isAlive = peer !== null && (await survivesStart(peer, model, bench, start));
    const contestants = [
      retortContestant('Retort', streamed, options.turnTokens),
      replayContestant('reads replayed', replay, { path: pack, streamed, free: false }),
      replayContestant('reads replayed at full depth', replay, { path: pack, streamed, free: true }),
      retortContestant('all in memory', resident, options.turnTokens),
      ...(isAlive ? [peerContestant(peer, new Reader(options.text), options.peerTurnTokens)] : []),
    ];
    const { standings, quiet } = await contest(contestants, {
      repeat: bench.repeat,
      processors: bench.threads,
    });
    if (standings[0]!.isKilled) throw new Error('the cap of budget + 32 MiB killed Retort');
    const judged = { ...table, streamed, resident, standings, description: opened.description };
    const hits = options.hasExperts ? await hitSeries(judged) : { series: [], checks: [] };
    const outcome = judge(judged, peer !== null);
    return {
      ...outcome,
      series: [...outcome.series, ...hits.series],
      checks: [...outcome.checks, ...hits.checks],
      quiet,
    };
  } finally {
    for (const close of closing.reverse()) await close();
  }
}

export const streamingRow = (options: StreamingCase): FlashRow => ({
  name: options.name,
  run: async (bench) => play(await tableOf(bench, options)),
});
