/** Speed of prefill and of decode, apart: fixed ids, end tokens ignored, the greedy sampler included, one warm-up that is not counted. */
import type { z } from 'zod';
import type { Progress, Spread } from '../contract/engine-contract.ts';
import { LabError } from '../contract/errors.ts';
import { SamplingParameters } from '../contract/sampling.ts';
import type { Engine } from '../engine/engine.ts';
import { createSampler } from '../engine/native/sampler.ts';

export interface BenchRequest {
  readonly promptTokens: number;
  readonly generateTokens: number;
  readonly repeat: number;
}
export interface LabHooks {
  readonly signal: AbortSignal;
  onProgress(progress: Progress): void;
}
export interface Speeds {
  readonly prefill: z.infer<typeof Spread>;
  readonly decode: z.infer<typeof Spread>;
}

/** Tokens per second. Throws `context-full` where prompt and reply do not fit the model, `cancelled`, and what the engine throws. */
export async function bench(engine: Engine, request: BenchRequest, hooks: LabHooks): Promise<Speeds> {
  const { promptTokens, generateTokens, repeat } = request;
  const context = promptTokens + generateTokens;
  if (context > engine.info.contextLength) {
    const message = `${context} tokens do not fit: the model holds ${engine.info.contextLength}.`;
    throw new LabError('context-full', message);
  }
  const rounds: Round[] = [];
  for (let round = 0; round <= repeat; round++) {
    const phase = round === 0 ? 'warm up' : 'measure';
    hooks.onProgress({ phase, done: Math.max(0, round - 1), total: repeat });
    const measured = await measureRound(engine, request, hooks.signal);
    if (round > 0) rounds.push(measured);
  }
  return {
    prefill: spread(rounds.map((round) => promptTokens / round.prefillSeconds)),
    decode: spread(rounds.map((round) => generateTokens / round.decodeSeconds)),
  };
}

interface Round {
  readonly prefillSeconds: number;
  readonly decodeSeconds: number;
}

async function measureRound(engine: Engine, request: BenchRequest, signal: AbortSignal): Promise<Round> {
  const { promptTokens, generateTokens } = request;
  const { vocabularySize } = engine.info;
  const history = new Int32Array(promptTokens + generateTokens);
  const prompt = history.subarray(0, promptTokens);
  prompt.forEach((_, i) => (prompt[i] = (i * 7919) % vocabularySize));
  const sampler = createSampler(SamplingParameters.parse({ temperature: 0 }));
  const session = await engine.createSession({ context: history.length });
  try {
    const started = performance.now();
    let { logits } = await session.evaluate({ ids: prompt, rows: 'last' }, signal);
    const prefilled = performance.now();
    for (let i = 0; i < generateTokens; i++) {
      const { id } = sampler.draw(logits, history.subarray(0, promptTokens + i));
      history[promptTokens + i] = id;
      ({ logits } = await session.evaluate({ ids: Int32Array.of(id), rows: 'last' }, signal));
    }
    const ended = performance.now();
    return { prefillSeconds: (prefilled - started) / 1000, decodeSeconds: (ended - prefilled) / 1000 };
  } finally {
    session.close();
  }
}

/** The median of an even number of values is the mean of the middle two. */
export function spread(values: readonly number[]): z.infer<typeof Spread> {
  const sorted = [...values].sort((left, right) => left - right);
  return { min: sorted[0] ?? 0, median: quantile(sorted, 0.5), max: sorted.at(-1) ?? 0 };
}

/** Linear between neighbours, of ascending values; 0 where there are none. */
export function quantile(sorted: ArrayLike<number>, share: number): number {
  if (sorted.length === 0) return 0;
  const place = share * (sorted.length - 1);
  const low = sorted[Math.floor(place)] ?? 0;
  const high = sorted[Math.ceil(place)] ?? 0;
  return low + (high - low) * (place - Math.floor(place));
}
