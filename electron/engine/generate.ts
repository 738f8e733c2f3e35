/** The one generation loop, over any engine: prefill in chunks, draw, decode, stop. Cancellation is checked between steps. */
import type { Progress } from '../contract/progress.ts';
import type { FinishReason, TokenBatch } from '../contract/reply.ts';
import { LabError, toLabError } from '../contract/errors.ts';
import type { SamplingParameters } from '../contract/sampling.ts';
import type { TraceRecord } from '../contract/trace.ts';
import type { z } from 'zod';
import type { Engine, EvaluateResult, Session } from './engine.ts';
import { createSampler, type Sampler } from './native/sampler.ts';
import { stepRecord, type StepPlace, type TimesAround } from './step-record.ts';
import type { TokenDecoder, TokenStream } from './text/decoder.ts';
import { stopMatcher, type StopMatcher } from './text/stops.ts';
import { TokenBatcher } from './token-batcher.ts';

/** Prompt tokens evaluated at once where the session asks for no more: bounds the wait for a cancellation and for progress. */
export const prefillChunk = 256;

export interface GenerateRequest {
  readonly ids: readonly number[];
  readonly maxTokens: number;
  readonly sampling: SamplingParameters;
  /** Ids that end the reply; the end id itself is reported and counted, without text. */
  readonly ends: ReadonlySet<number>;
  readonly stops: readonly string[];
  /** The reply goes on in the prompt's last text: a leading space is kept. */
  readonly continues: boolean;
  readonly trace: boolean;
}

/** The session of a reply. `reused`: how many of the prompt's ids it holds already; null: it is not asked of a conversation. */
export interface ReplySession {
  readonly session: Session;
  readonly reused: number | null;
}

export interface GenerateHooks {
  readonly signal: AbortSignal;
  emit(batch: TokenBatch): Promise<void>;
  /** After each part of a long prompt. */
  onProgress(progress: Progress): void;
  /** Before each evaluation. */
  readonly beforeStep?: () => Promise<void>;
}

export interface Generated {
  readonly text: string;
  readonly ids: number[];
  readonly finishReason: z.infer<typeof FinishReason>;
  readonly firstTokenMs: number;
  readonly prefillTokensPerSecond: number;
  readonly decodeTokensPerSecond: number;
  readonly kvBytes: number;
}

/**
 * Generates in a session of its own, until an end id, a stop string, `maxTokens`, the model's context or a cancellation; the last of these
 * is a result too, with what there is. `decoder` null: ids only. Throws `context-full` where the prompt alone does not fit,
 * `invalid-numbers` from the sampler, and what the engine throws.
 */
export async function generate(
  engine: Engine,
  decoder: TokenDecoder | null,
  request: GenerateRequest,
  hooks: GenerateHooks,
): Promise<Generated> {
  const { contextLength } = engine.info;
  const prompt = request.ids.length;
  if (prompt > contextLength) {
    const message = `The prompt has ${prompt} tokens; the model holds ${contextLength}.`;
    throw new LabError('context-full', message);
  }
  const sampler = createSampler(request.sampling);
  const context = Math.min(contextLength, prompt + request.maxTokens);
  const session = await engine.createSession({ context });
  try {
    return await new Generation({ session, reused: null }, sampler, decoder, request, hooks).run();
  } finally {
    session.close();
  }
}

const nanoseconds = () => Number(process.hrtime.bigint());
const perSecond = (tokens: number, ns: number) => (tokens > 0 && ns > 0 ? (tokens * 1e9) / ns : 0);

/** Frees the memory now: the garbage collector would let the logits of many steps gather first. */
export function giveBack({ buffer }: Float32Array): void {
  // Node 24 has it, TypeScript's ES2023 library does not know it.
  (buffer as unknown as { transfer(bytes: number): void }).transfer(0);
}

/** What is known of a step before its id is drawn. */
interface Step {
  readonly place: StepPlace;
  readonly result: EvaluateResult;
}

/** A token whose text may still grow by what is held back. */
interface WaitingToken {
  readonly id: number;
  readonly text: string;
  readonly record: TraceRecord | null;
}

/** One reply in a session that holds the beginning of its prompt, or nothing. */
export class Generation {
  readonly #session: Session;
  readonly #reused: number | null;
  readonly #sampler: Sampler;
  readonly #decoder: TokenDecoder | null;
  readonly #request: GenerateRequest;
  readonly #hooks: GenerateHooks;
  readonly #batcher: TokenBatcher;
  readonly #stream: TokenStream | null;
  readonly #stops: StopMatcher;
  readonly #history: Int32Array;
  readonly #started = nanoseconds();
  readonly #ids: number[] = [];
  #waiting: WaitingToken | null = null;
  #text = '';
  #steps = 0;
  #prefilled = { tokens: 0, ns: 0 };
  #firstTokenAt = 0;
  #lastTokenAt = 0;

  constructor(
    { session, reused }: ReplySession,
    sampler: Sampler,
    decoder: TokenDecoder | null,
    request: GenerateRequest,
    hooks: GenerateHooks,
  ) {
    this.#session = session;
    this.#reused = reused;
    this.#sampler = sampler;
    this.#decoder = decoder;
    this.#request = request;
    this.#hooks = hooks;
    this.#batcher = new TokenBatcher((batch) => hooks.emit(batch));
    this.#stream = decoder?.stream({ continues: request.continues }) ?? null;
    this.#stops = stopMatcher(request.stops);
    this.#history = new Int32Array(session.context + 1);
    this.#history.set(request.ids);
  }

  /** The ids that the session holds now: of prompt and reply those that something was computed from. */
  held(): number[] {
    return [...this.#history.subarray(0, this.#session.length)];
  }

  async run(): Promise<Generated> {
    const finishReason = await this.#untilFinished();
    if (finishReason !== 'stop') this.#release(this.#tail());
    else this.#release('');
    await this.#batcher.finish();
    const decoded = this.#ids.length - 1;
    return {
      text: this.#text,
      ids: this.#ids,
      finishReason,
      firstTokenMs: this.#firstTokenAt === 0 ? 0 : (this.#firstTokenAt - this.#started) / 1e6,
      prefillTokensPerSecond: perSecond(this.#prefilled.tokens, this.#prefilled.ns),
      decodeTokensPerSecond: perSecond(decoded, this.#lastTokenAt - this.#firstTokenAt),
      kvBytes: this.#session.kvBytes,
    };
  }

  async #untilFinished(): Promise<Generated['finishReason']> {
    try {
      let step = await this.#prefill();
      for (;;) {
        const reason = this.#draw(step);
        await this.#batcher.sendDue();
        if (reason) return reason;
        if (this.#hooks.signal.aborted) return 'cancelled';
        step = await this.#evaluate('decode', this.#ids.slice(-1), true);
      }
    } catch (error) {
      if (toLabError(error).code === 'cancelled') return 'cancelled';
      throw error;
    }
  }

  /** Evaluates what the session lacks of the prompt; the last chunk's step is drawn from. */
  async #prefill(): Promise<Step> {
    const ids = this.#request.ids.slice(this.#reused ?? 0);
    for (let tokens = 0; ;) {
      this.#hooks.signal.throwIfAborted();
      const chunk = ids.slice(tokens, tokens + (this.#session.promptTokens ?? prefillChunk));
      tokens += chunk.length;
      const isLast = tokens === ids.length;
      const step = await this.#evaluate('prefill', chunk, isLast);
      this.#prefilled = { tokens, ns: nanoseconds() - this.#started };
      if (ids.length > prefillChunk)
        this.#hooks.onProgress({ phase: 'read prompt', done: tokens, total: ids.length });
      if (isLast) return step;
      this.#batcher.addRecord(this.#trace(step, {}, {}));
    }
  }

  async #evaluate(phase: 'prefill' | 'decode', ids: readonly number[], withLogits: boolean): Promise<Step> {
    await this.#hooks.beforeStep?.();
    const startNs = nanoseconds() - this.#started;
    const position = this.#session.length;
    const input = { ids: Int32Array.from(ids), rows: withLogits ? ('last' as const) : ('none' as const) };
    const result = await this.#session.evaluate(input, this.#hooks.signal);
    const { kvBytes } = this.#session;
    return { place: { phase, tokens: ids.length, position, startNs, kvBytes }, result };
  }

  /** Draws, decodes and reports one id; returns why the reply ends with it, if it does. */
  #draw(step: Step): Generated['finishReason'] | null {
    const { ends, maxTokens, ids } = this.#request;
    const before = nanoseconds();
    const used = ids.length + this.#ids.length;
    const drawn = this.#sampler.draw(step.result.logits, this.#history.subarray(0, used));
    const drawnAt = nanoseconds();
    giveBack(step.result.logits);
    this.#history[used] = drawn.id;
    this.#ids.push(drawn.id);
    this.#firstTokenAt ||= drawnAt;
    this.#lastTokenAt = drawnAt;
    const isEnd = ends.has(drawn.id);
    const stop = this.#stops.push(isEnd ? '' : (this.#stream?.push(drawn.id) ?? ''));
    const top = this.#request.trace ? this.#likeliest(drawn) : [];
    const more = { id: drawn.id, logProbability: drawn.logProbability, ...(top.length > 0 ? { top } : {}) };
    const around = { sampling: drawnAt - before, detokenize: nanoseconds() - drawnAt };
    const record = this.#trace(step, around, more);
    // An end id prints nothing: what is held back belongs to the token before it.
    this.#release(isEnd && this.#waiting ? this.#tail() : '');
    this.#waiting = { id: drawn.id, text: stop.emit, record };
    if (!this.#stops.isHolding && !this.#stream?.isIncomplete) this.#release('');
    if (isEnd) return 'end';
    if (stop.stopped !== null) return 'stop';
    if (this.#ids.length >= maxTokens) return 'length';
    return this.#session.length >= this.#session.context ? 'context' : null;
  }

  #likeliest({ topIds, topLogProbabilities }: ReturnType<Sampler['draw']>): NonNullable<TraceRecord['top']> {
    return Array.from(topIds, (id, i) => ({
      id,
      logProbability: topLogProbabilities[i] ?? 0,
      piece: this.#piece(id),
    }));
  }

  #piece(id: number): string {
    return this.#decoder?.piece(id) ?? '';
  }

  /** What is still held back, where no stop string came. */
  #tail(): string {
    return this.#stops.push(this.#stream?.end() ?? '').emit + this.#stops.end();
  }

  /** Hands on the waiting token, `more` added to its text. */
  #release(more: string): void {
    if (!this.#waiting) return;
    const { id, text, record } = this.#waiting;
    this.#waiting = null;
    this.#text += text + more;
    this.#batcher.add({ id, text: text + more, piece: this.#piece(id) }, record);
  }

  #trace(step: Step, around: Omit<TimesAround, 'total'>, more: Partial<TraceRecord>): TraceRecord | null {
    if (!this.#request.trace) return null;
    const total = nanoseconds() - this.#started - step.place.startNs;
    const number = this.#steps++;
    const record = stepRecord(number, step.place, step.result, { total, ...around });
    const reused = number === 0 && this.#reused !== null ? { reused: this.#reused } : {};
    return { ...record, ...reused, ...more };
  }
}
