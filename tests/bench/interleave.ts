/** Takes turns: every engine once per round, one at a time, the others waiting. The first round warms up and does not count. */
import { cpuSeconds, machineCpuSeconds } from './processes.ts';

/** An engine that waits for its turn in a process of its own. */
interface Waiting {
  readonly processId: number;
}

export interface Quiet {
  /** Share of the processors' time that neither the engine at work nor the benchmark used, over all turns. */
  readonly others: number;
  /** Most processor seconds per second that a waiting engine used: spinning threads would take time from the one at work. */
  readonly waiting: number;
}

export interface Rounds {
  /** What each turn gave, by engine and round. */
  readonly values: readonly (readonly number[])[];
  readonly quiet: Quiet;
}

interface Usage {
  readonly at: number;
  readonly machine: number;
  readonly engines: readonly number[];
}

function usage(engines: readonly Waiting[]): Usage {
  return {
    at: performance.now() / 1000,
    machine: machineCpuSeconds() ?? 0,
    engines: engines.map(({ processId }) => cpuSeconds(processId) ?? 0),
  };
}

/** Adds up over all turns that count. */
class QuietMeter {
  #seconds = 0;
  #others = 0;
  #waiting = 0;

  add(before: Usage, after: Usage, active: number): void {
    const seconds = after.at - before.at;
    const used = after.engines.map((value, i) => value - before.engines[i]!);
    this.#seconds += seconds;
    this.#others += Math.max(0, after.machine - before.machine - used[active]!);
    used.forEach((value, i) => {
      if (i !== active && seconds > 0.5) this.#waiting = Math.max(this.#waiting, value / seconds);
    });
  }

  result(processors: number): Quiet {
    return { others: this.#others / (this.#seconds * processors), waiting: this.#waiting };
  }
}

/** `turn` returns one figure; `between` runs after each round. */
export async function interleave<Engine extends Waiting>(
  engines: readonly Engine[],
  options: { readonly repeat: number; readonly processors: number },
  turn: (engine: Engine) => Promise<number>,
  between: () => Promise<unknown> = () => Promise.resolve(),
): Promise<Rounds> {
  const values: number[][] = engines.map(() => []);
  const meter = new QuietMeter();
  for (let round = 0; round <= options.repeat; round++) {
    for (const [index, engine] of engines.entries()) {
      const before = usage(engines);
      const value = await turn(engine);
      if (round === 0) continue;
      meter.add(before, usage(engines), index);
      values[index]!.push(value);
    }
    await between();
  }
  return { values, quiet: meter.result(options.processors) };
}
