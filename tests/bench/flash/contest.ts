/** Engines that take turns on the same text, and what each turn took. */
import { ProcessEnded } from '../engines/call-client.ts';
import { interleave, type Quiet } from '../interleave.ts';

export interface Contestant {
  readonly label: string;
  readonly processId: number;
  /** Seconds per token of one turn. */
  turn(): Promise<number>;
}

export interface Standing {
  readonly label: string;
  /** Seconds per token, by round; empty where the process was killed. */
  readonly seconds: readonly number[];
  readonly isKilled: boolean;
}

/** Takes part as long as its process lives. */
class Mortal implements Contestant {
  isKilled = false;
  readonly #contestant: Contestant;

  constructor(contestant: Contestant) {
    this.#contestant = contestant;
  }

  get label(): string {
    return this.#contestant.label;
  }

  get processId(): number {
    return this.#contestant.processId;
  }

  async turn(): Promise<number> {
    if (this.isKilled) return NaN;
    try {
      return await this.#contestant.turn();
    } catch (error) {
      if (!(error instanceof ProcessEnded) || error.signal !== 'SIGKILL') throw error;
      this.isKilled = true;
      return NaN;
    }
  }
}

export interface Contest {
  readonly standings: readonly Standing[];
  readonly quiet: Quiet;
}

/** All once per round, in the order given; the first round warms up and does not count. */
export async function contest(
  contestants: readonly Contestant[],
  options: { readonly repeat: number; readonly processors: number },
): Promise<Contest> {
  const mortals = contestants.map((contestant) => new Mortal(contestant));
  const { values, quiet } = await interleave(mortals, options, (mortal) => mortal.turn());
  const standings = mortals.map(({ label, isKilled }, index) => ({
    label,
    isKilled,
    seconds: isKilled ? [] : values[index]!,
  }));
  return { standings, quiet };
}

export const meanOf = (values: readonly number[]) =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
