/** Speed of prefill and of decode, apart: fixed ids, end tokens ignored, the greedy sampler included, one warm-up that is not counted. */
import type { PhaseSpeed } from '../contract/lab-results.ts';
import type { Progress } from '../contract/progress.ts';
import { LabError } from '../contract/errors.ts';
import { SamplingParameters } from '../contract/sampling.ts';
import type { TraceRecord } from '../contract/trace.ts';
import type { Engine } from '../engine/engine.ts';
import { createSampler } from '../engine/native/sampler.ts';
import { stepRecord } from '../engine/step-record.ts';
import { spread } from './spread.ts';
import { summarizeSteps } from './step-summary.ts';

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
  readonly prefill: PhaseSpeed;
  readonly decode: PhaseSpeed;
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
    prefill: phaseSpeed(rounds.map(({ prefill }) => [prefill])),
    decode: phaseSpeed(rounds.map(({ decode }) => decode)),
  };
}

/** One record for the prompt and one for each token after it. */
interface Round {
  readonly prefill: TraceRecord;
  readonly decode: readonly TraceRecord[];
}

function phaseSpeed(rounds: readonly (readonly TraceRecord[])[]): PhaseSpeed {
  const sum = (records: readonly TraceRecord[], value: (record: TraceRecord) => number) =>
    records.reduce((total, record) => total + value(record), 0);
  const rates = rounds.map(
    (records) => (sum(records, ({ tokens }) => tokens) * 1e9) / sum(records, ({ timeNs }) => timeNs.total),
  );
  return { tokensPerSecond: spread(rates), perToken: summarizeSteps(rounds.flat()) };
}

const nanoseconds = () => Number(process.hrtime.bigint());

async function measureRound(engine: Engine, request: BenchRequest, signal: AbortSignal): Promise<Round> {
  const { promptTokens, generateTokens } = request;
  const { vocabularySize } = engine.info;
  const history = new Int32Array(promptTokens + generateTokens);
  const prompt = history.subarray(0, promptTokens);
  prompt.forEach((_, i) => (prompt[i] = (i * 7919) % vocabularySize));
  const sampler = createSampler(SamplingParameters.parse({ temperature: 0 }));
  const session = await engine.createSession({ context: history.length });
  const started = nanoseconds();
  try {
    let result = await session.evaluate({ ids: prompt, rows: 'last' }, signal);
    let startNs = 0;
    const record = (phase: TraceRecord['phase'], step: number, tokens: number, sampling?: number) => {
      const position = session.length - tokens;
      const place = { phase, tokens, position, startNs, kvBytes: session.kvBytes };
      const total = nanoseconds() - started - startNs;
      return stepRecord(step, place, result, sampling === undefined ? { total } : { total, sampling });
    };
    const prefill = record('prefill', 0, promptTokens);
    const decode: TraceRecord[] = [];
    for (let i = 0; i < generateTokens; i++) {
      startNs = nanoseconds() - started;
      const { id } = sampler.draw(result.logits, history.subarray(0, promptTokens + i));
      const sampling = nanoseconds() - started - startNs;
      history[promptTokens + i] = id;
      result = await session.evaluate({ ids: Int32Array.of(id), rows: 'last' }, signal);
      decode.push(record('decode', i + 1, 1, sampling));
    }
    return { prefill, decode };
  } finally {
    session.close();
  }
}
