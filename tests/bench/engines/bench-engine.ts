/** What the benchmark asks of every engine, in a process of its own. Times are seconds measured inside that process. */
import { vocabulary } from '../models/shapes.ts';

export interface OpenRequest {
  readonly path: string;
  readonly threads: number;
  /** For what an engine keeps between runs. */
  readonly cacheFolder: string;
}

export interface Opened {
  readonly seconds: number;
  /** What ran: versions, instruction sets, layouts. */
  readonly description: string;
  /** Of weights as the engine holds them; null where it does not say. */
  readonly weightsBytes: number | null;
}

export interface StartRequest {
  /** The prompt: `promptIds`. */
  readonly promptTokens: number;
  /** Room for what `decode` appends. */
  readonly generateTokens: number;
}

export interface Turn {
  readonly seconds: number;
  /** Of the session at the end of the turn; null where the engine does not say. */
  readonly kvBytes: number | null;
}

export interface BenchEngine {
  open(request: OpenRequest): Promise<Opened>;
  /** Evaluates a prompt in a session of its own, which takes the place of the last one. */
  start(request: StartRequest): Promise<Turn>;
  /** Appends `count` tokens one by one, each the likeliest after the last, end tokens included; then forgets them again. */
  decode(count: number): Promise<Turn>;
  close(): Promise<void>;
}

export const promptIds = (count: number) =>
  Int32Array.from({ length: count }, (_, i) => (i * 7919) % vocabulary);

export async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
}

export function argmax(values: Float32Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}
