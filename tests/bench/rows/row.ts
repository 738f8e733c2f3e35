/** A row of the benchmark's table, and what rows share. */
import type { Ceiling, CeilingMeter } from '../ceilings.ts';
import { EngineClient, type EngineName } from '../engines/engine-client.ts';
import type { Opened } from '../engines/bench-engine.ts';
import { interleave, type Quiet } from '../interleave.ts';
import { cacheFolder } from '../places.ts';
import { median, type Series } from '../statistics.ts';

export interface Bench {
  readonly repeat: number;
  readonly threads: number;
  readonly meter: CeilingMeter;
}

export interface Check {
  readonly target: string;
  readonly met: boolean;
}

export interface Outcome {
  readonly series: readonly Series[];
  readonly checks: readonly Check[];
  readonly notes: readonly string[];
  /** Absent where nothing was timed. */
  readonly quiet?: Quiet;
}

export interface Row {
  /** Words that a filter may ask for. */
  readonly name: string;
  run(bench: Bench): Promise<Outcome>;
}

/** By medians. */
export const atLeast = (text: string, values: readonly number[], limit: number): Check => ({
  target: `${text} ≥ ${limit}`,
  met: median(values) >= limit,
});
export const atMost = (text: string, values: readonly number[], limit: number): Check => ({
  target: `${text} ≤ ${limit}`,
  met: median(values) <= limit,
});

export interface EnginePlace {
  readonly engine: EngineName;
  readonly path: string;
}

/** Opens one process per engine, and closes all of them however `work` ends. */
export async function withEngines<Result>(
  bench: Bench,
  places: readonly EnginePlace[],
  work: (clients: readonly EngineClient[], opened: readonly Opened[]) => Promise<Result>,
): Promise<Result> {
  const clients = places.map(({ engine }) => new EngineClient(engine));
  try {
    const opened: Opened[] = [];
    for (const [index, { path }] of places.entries()) {
      opened.push(await clients[index]!.call('open', { path, threads: bench.threads, cacheFolder }));
    }
    return await work(clients, opened);
  } finally {
    await Promise.all(clients.map((client) => client.close()));
  }
}

export interface Measured {
  /** What each engine's turns gave, by round. */
  readonly values: readonly (readonly number[])[];
  /** Before and after each round, their mean. */
  readonly ceilings: readonly Ceiling[];
  readonly quiet: Quiet;
}

const mean = (left: Ceiling, right: Ceiling): Ceiling => ({
  readGBs: (left.readGBs + right.readGBs) / 2,
  copyGBs: (left.copyGBs + right.copyGBs) / 2,
  productsGs: (left.productsGs + right.productsGs) / 2,
  stopwatchNs: (left.stopwatchNs + right.stopwatchNs) / 2,
});

/** Engines taking turns, with the machine's ceilings measured between the rounds. */
export async function measureRounds(
  bench: Bench,
  clients: readonly EngineClient[],
  turn: (client: EngineClient) => Promise<number>,
): Promise<Measured> {
  const taken: Ceiling[] = [];
  const options = { repeat: bench.repeat, processors: bench.threads };
  const rounds = await interleave(clients, options, turn, async () => {
    taken.push(await bench.meter.measure());
  });
  const ceilings = taken.slice(1).map((after, round) => mean(taken[round]!, after));
  return { ...rounds, ceilings };
}
