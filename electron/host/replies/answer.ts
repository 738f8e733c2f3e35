/** How a reply comes about: the model borrowed, the prompt read, tokens followed and kept on disk while they come. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Chat, Message, ReplyFacts, ReplyToken } from '../../contract/chats.ts';
import type { GenerateResult, ReplyEvent, TokenBatch } from '../../contract/reply.ts';
import { errorTable, toLabError, type LabError } from '../../contract/errors.ts';
import type { MemoryBudget } from '../../contract/machine.ts';
import { drain } from '../../contract/rpc-client.ts';
import type { ReadyModel } from '../loaded/loaded-model.ts';
import { loadForReply } from '../loaded/load.ts';
import { watchEngine } from '../loaded/watchdog.ts';
import { recordReply } from '../memory/measured-reply.ts';
import type { Services } from '../services.ts';
import { afterGrace, untilCancelled } from '../work/cancellation.ts';
import { chosenSampling } from '../work/generate.ts';
import type { GrowingReply } from './growing-reply.ts';
import { encodePrompt } from './ledger.ts';
import type { PromptMessage } from './prompt.ts';

/** Between two tries to write the end of a reply that the disk did not take. */
const retryMs = 3000;
/** Less than the second that is lost at most: writing takes its time too. */
const checkpointMs = 800;
const quietMs = 15_000;
const alternatives = 10;

export interface AnswerJob {
  readonly chat: Chat;
  /** As it was written when it began. */
  readonly reply: Message;
  readonly facts: ReplyFacts;
  readonly prompt: readonly PromptMessage[];
  /** A branch of a reply: what it keeps of it, with another token at the end. */
  readonly beginning: readonly ReplyToken[];
}

export interface AnswerSignals {
  /** Ends the reply with what it has. */
  readonly signal: AbortSignal;
  /** The host ends: what the disk does not take now is lost. */
  readonly closing: AbortSignal;
}

type Shared = Omit<Services, 'replies' | 'comparisons'>;

/** One reply from waiting for the model to its last state on disk. */
export class Answer {
  readonly #services: Shared;
  readonly #job: AnswerJob;
  readonly #growing: GrowingReply;
  readonly #signal: AbortSignal;
  readonly #closing: AbortSignal;
  #facts: ReplyFacts;
  /** As it was chosen when the reply began: it may be another by its end. */
  #memoryBudget: MemoryBudget | null = null;
  #writing: Promise<unknown> | null = null;
  /** Notices that what there is of it is not on disk. */
  readonly #told = new Set<string>();

  constructor(services: Shared, job: AnswerJob, growing: GrowingReply, { signal, closing }: AnswerSignals) {
    this.#services = services;
    this.#job = job;
    this.#growing = growing;
    this.#signal = signal;
    this.#closing = closing;
    this.#facts = job.facts;
  }

  /** Returns once it is on disk, or cannot come there any more. */
  async run(): Promise<void> {
    const checkpoints = setInterval(() => this.#checkpoint(), checkpointMs);
    try {
      const { loaded } = this.#services;
      await loaded.borrow(
        this.#signal,
        () => this.#model(),
        (model) => this.#generate(model),
      );
    } catch (error) {
      this.#fail(toLabError(error));
    } finally {
      clearInterval(checkpoints);
      await this.#finish();
    }
  }

  #model(): Promise<ReadyModel> {
    this.#growing.setPhase({ phase: 'waiting', for: `${this.#facts.modelTitle} to load` });
    return loadForReply(this.#services, this.#facts.model, this.#signal);
  }

  async #generate(model: ReadyModel): Promise<void> {
    const { info, context, process, wanted } = model;
    const { prompt, chat, beginning } = this.#job;
    const encoded = await encodePrompt(this.#services, wanted.path, prompt, this.#signal);
    const ids = [...encoded.ids, ...beginning.map(({ id }) => id)];
    this.#growing.setPhase({ phase: 'reading', done: 0, total: ids.length });
    const sampling = chosenSampling(chat.sampling, info.generation);
    this.#facts = {
      ...this.#facts,
      modelIdentity: info.identity,
      promptTokens: encoded.ids.length,
      seed: sampling.seed,
    };
    const room = context - ids.length;
    const { maxTokens } = await this.#services.settings.read();
    const request = {
      ids,
      maxTokens: Math.max(1, Math.min(chat.maxTokens ?? maxTokens ?? room, room)),
      sampling: { ...sampling, topLogProbabilities: alternatives },
      ends: [...encoded.ends],
      ignoreEnds: false,
      stops: [...encoded.stops],
      continues: beginning.length > 0,
      trace: true,
      conversation: { context },
    };
    this.#services.loaded.heldChat = chat.id;
    const call = process.client.generate(request, { signal: this.#signal });
    const replying = drain(call, (event) => this.#follow(event));
    const result = await this.#watched(model, replying);
    this.#complete(result);
    // The reply is complete whatever becomes of its figures.
    await this.#measure(model, result).catch(() => undefined);
  }

  /** An engine that hangs is told of, and ended where Stop does not reach it. */
  async #watched<T>({ process, wanted }: ReadyModel, replying: Promise<T>): Promise<T> {
    const { notices } = this.#services;
    const stopWatching = watchEngine(process, quietMs, () =>
      notices.add(
        'warning',
        `${wanted.title} has said nothing for ${quietMs / 1000} s. It may be stuck: Stop ends it and keeps what is written.`,
      ),
    );
    const late = afterGrace(this.#signal);
    try {
      return await untilCancelled(late, replying);
    } finally {
      stopWatching();
      if (late.aborted) process.kill();
    }
  }

  #follow(event: ReplyEvent): void {
    // With its first event it has begun: a change of the budget waits for its end.
    this.#memoryBudget ??= this.#services.loaded.memoryBudget ?? 'auto';
    if (event.type === 'tokens') return this.#add(event.batch);
    const { done, total } = event.progress;
    this.#growing.setPhase({ phase: 'reading', done, total });
  }

  #add({ tokens, trace }: TokenBatch): void {
    const drawn = trace.filter(({ id }) => id !== undefined);
    const prefill = trace.filter(({ id }) => id === undefined);
    const said = tokens.map((token, index) => ({ ...token, trace: drawn[index] })).filter(hasTrace);
    const latest = trace.at(-1)?.kvBytes;
    if (latest !== undefined) this.#services.loaded.kvBytes = latest;
    this.#growing.add(said, prefill);
  }

  #complete(result: GenerateResult): void {
    const { timing, memory, finishReason, reusedTokens } = result;
    this.#facts = {
      ...this.#facts,
      finishReason,
      reusedTokens,
      firstTokenMs: timing.firstTokenMs,
      prefillTokensPerSecond: timing.prefillTokensPerSecond,
      decodeTokensPerSecond: timing.decodeTokensPerSecond,
      kvBytes: memory.kvBytes,
    };
  }

  /** What the reply took is kept beside what loading was predicted to take. */
  async #measure({ process, context, info }: ReadyModel, result: GenerateResult): Promise<void> {
    const { loaded, measurements } = this.#services;
    const { ids } = await process.client.conversation({});
    loaded.setHeld(ids.length);
    const flash = info.streaming ? await process.client.flashState({}) : null;
    if (flash) loaded.setStreaming(flash.streaming);
    // What a branch keeps was computed by another reply.
    const steps = this.#growing.tokens.slice(this.#job.beginning.length).map(({ trace }) => trace);
    const memoryBudget = this.#memoryBudget;
    await recordReply(measurements, { info, context, memoryBudget, steps, result, flash });
  }

  #fail(error: LabError): void {
    if (error.code === 'cancelled') {
      this.#facts = { ...this.#facts, finishReason: 'cancelled' };
      return;
    }
    const { code, message } = error;
    const kept = this.#growing.tokens.length > 0 ? ' What it had written is kept.' : '';
    this.#facts = { ...this.#facts, error: { code, message: `${message}${kept}` } };
  }

  #current(): ReplyFacts {
    return { ...this.#facts, generatedTokens: this.#growing.tokens.length };
  }

  /** One at a time: a disk that is slow gets no more to do. */
  #checkpoint(): void {
    const { id } = this.#job.reply;
    const { text } = this.#growing;
    this.#writing ??= this.#services.chats
      .checkpoint(id, text, this.#current())
      .then(() => this.#tellWritten())
      .catch((error: unknown) => this.#tellUnwritten(toLabError(error)))
      .finally(() => (this.#writing = null));
  }

  async #finish(): Promise<void> {
    await this.#writing;
    const { text, tokens, prefill } = this.#growing;
    const state = this.#facts.error ? 'interrupted' : 'complete';
    const timeline = tokens.length > 0 ? { tokens, prefill } : null;
    const outcome = { text, facts: this.#current(), timeline };
    const write = () => this.#services.chats.finish(this.#job.reply.id, state, outcome);
    for (let wait = 0; ; wait = retryMs) {
      if (wait > 0) await delay(wait, undefined, { signal: this.#closing }).catch(() => undefined);
      const isLast = this.#closing.aborted;
      try {
        this.#growing.end(await write());
        return this.#tellWritten();
      } catch (error) {
        const known = toLabError(error);
        this.#growing.end(this.#unwritten(known));
        if (isLast || !errorTable[known.code].retry) return;
      }
    }
  }

  /** What is shown of a reply that the disk did not take: all of it, and why it will not stay. */
  #unwritten(error: LabError): Message {
    this.#tellUnwritten(error);
    const { code, message } = error;
    const { text } = this.#growing;
    const facts = { ...this.#current(), error: { code, message: `Its end is not on disk. ${message}` } };
    return { ...this.#job.reply, state: 'interrupted', text, reply: facts };
  }

  /** Standing once, however often it fails. */
  #tellUnwritten({ message }: LabError): void {
    const text = `A reply cannot be kept on disk. ${message} Copy it before you end Retort.`;
    this.#told.add(this.#services.notices.add('error', text).id);
  }

  #tellWritten(): void {
    for (const id of this.#told) this.#services.notices.dismiss(id);
    this.#told.clear();
  }
}

function hasTrace(
  token: Omit<ReplyToken, 'trace'> & { trace: ReplyToken['trace'] | undefined },
): token is ReplyToken {
  return token.trace !== undefined;
}
