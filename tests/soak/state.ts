/** What a soak has done so far, in one file, so that it goes on where it ended: also on another machine, where the file is copied to. */
import { mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { writeDurably } from '../../electron/host/durable-file.ts';
import { root } from '../helpers/e2e/build.ts';

export const soakFolder = join(root, '.cache', 'soak');
const stateFile = join(soakFolder, 'state.json');

const Count = z.int().nonnegative();

/** One kill of the host or the engine in each. */
const Kills = z.strictObject({
  host: Count,
  engine: Count,
  /** Messages and replies that were acknowledged, summed over the data folders. */
  acknowledged: Count,
  /** Lost, doubled or changed ones, as sentences. */
  problems: z.array(z.string()),
  /** From the kill to a model that is ready again; the largest. */
  longestRestartMs: Count,
  /** Tokens that the replies had when they were cut off. */
  tokens: Count,
});

/** A minute of chat. `run` counts the host processes: memory is compared within one. */
const Minute = z.strictObject({
  run: Count,
  model: z.string(),
  hostBytes: Count,
  engineBytes: Count,
  hostFiles: Count,
  replies: Count,
  tokens: Count,
  /** Of the time between two tokens. */
  p95Ms: z.number().nonnegative(),
});
export type Minute = z.infer<typeof Minute>;

const State = z.strictObject({
  version: z.literal(1),
  kills: Kills,
  chat: z.strictObject({
    minutes: z.array(Minute),
    swaps: Count,
    problems: z.array(z.string()),
  }),
});
export type SoakState = z.infer<typeof State>;

const nothingDone: SoakState = {
  version: 1,
  kills: {
    host: 0,
    engine: 0,
    acknowledged: 0,
    problems: [],
    longestRestartMs: 0,
    tokens: 0,
  },
  chat: { minutes: [], swaps: 0, problems: [] },
};

export const parseState = (value: unknown): SoakState => State.parse(value);

/** What the file says; nothing done where there is none. */
export function readState(): SoakState {
  try {
    return parseState(JSON.parse(readFileSync(stateFile, 'utf8')));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return structuredClone(nothingDone);
    throw new Error(`${stateFile} is no state of a soak: delete it to begin again.`, { cause: error });
  }
}

export async function writeState(state: SoakState): Promise<void> {
  mkdirSync(dirname(stateFile), { recursive: true });
  await writeDurably(stateFile, JSON.stringify(state));
}
