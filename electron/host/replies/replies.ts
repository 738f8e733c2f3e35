/**
 * Replies belong to the host: the message is on disk before the model runs, the answer once a second while it grows, and pages only
 * follow. A reply ends complete (also where a person stopped it) or interrupted, with what it had.
 */
import type { Chat, Message, ReplyFacts, ReplyToken, ReplyUpdate } from '../../contract/chats.ts';
import type { GenerateResult, ReplyEvent, TokenBatch } from '../../contract/engine-contract.ts';
import { LabError, toLabError } from '../../contract/errors.ts';
import { drain } from '../../contract/rpc-client.ts';
import { bytesPerSecond } from '../memory/measurements.ts';
import type { Services } from '../services.ts';
import { afterGrace, untilCancelled } from '../work/cancellation.ts';
import { chosenSampling } from '../work/generate.ts';
import type { ReadyModel } from '../loaded/loaded-model.ts';
import { watchEngine } from '../loaded/watchdog.ts';
import { wantedModel } from '../loaded/wanted-model.ts';
import { GrowingReply } from './growing-reply.ts';
import { encodePrompt, ledgerOf, roomOf } from './ledger.ts';
import { promptOf, type Draft, type PromptMessage } from './prompt.ts';

/** Less than the second that is lost at most: writing takes its time too. */
const checkpointMs = 800;
const quietMs = 15_000;
const alternatives = 10;

/** A branch of a reply: what it keeps of it, with another token at the end. */
interface Beginning {
  readonly tokens: readonly ReplyToken[];
}

interface Underway {
  readonly reply: Message;
  readonly growing: GrowingReply;
  readonly stop: AbortController;
  readonly done: Promise<void>;
}

interface Job {
  readonly chat: Chat;
  readonly reply: Message;
  readonly prompt: readonly PromptMessage[];
  readonly beginning: Beginning;
}

type Shared = Omit<Services, 'replies'>;

export class Replies {
  readonly #services: Shared;
  readonly #underway = new Map<string, Underway>();

  constructor(services: Shared) {
    this.#services = services;
  }

  /** Writes the message and an empty reply, and begins to answer. Throws context-full where both do not fit, before anything is written. */
  async send(
    input: { chatId: string; parentId: string | null; model: string } & Draft,
    signal: AbortSignal,
  ): Promise<{ message: Message; reply: Message }> {
    const { chats } = this.#services;
    const { chat, branch } = await this.#branch(input.chatId, input.parentId);
    const prompt = promptOf(chat.systemPrompt, branch, { text: input.text, files: input.files });
    await this.#requireFit(input.model, prompt, signal);
    const begun = await chats.begin(input, await this.#facts(input.model));
    this.#start({ chat, reply: begun.reply, prompt, beginning: { tokens: [] } });
    return begun;
  }

  /** Another answer to the message that `replyId` answers. */
  async regenerate(replyId: string, model: string, signal: AbortSignal): Promise<Message> {
    const { chats } = this.#services;
    const { chat, reply, prompt } = await this.#answered(replyId);
    await this.#requireFit(model, prompt, signal);
    const next = await chats.beginReply(reply.parentId ?? '', await this.#facts(model));
    this.#start({ chat, reply: next, prompt, beginning: { tokens: [] } });
    return next;
  }

  /** Goes on from a token that was not drawn. Throws bad-request where it was none of those that the reply's timeline names. */
  async branch(replyId: string, token: number, alternative: number, signal: AbortSignal): Promise<Message> {
    const { chats } = this.#services;
    const { chat, reply, prompt } = await this.#answered(replyId);
    const tokens = this.#underway.get(replyId)?.growing.tokens ?? (await chats.readTimeline(replyId)).tokens;
    const replaced = tokens[token];
    const chosen = replaced?.trace.top?.find(({ id }) => id === alternative);
    if (!replaced || !chosen) {
      throw new LabError(
        'bad-request',
        `Token ${token} of this reply has no alternative ${alternative} on record.`,
      );
    }
    const model = reply.reply?.model ?? '';
    await this.#requireFit(model, prompt, signal);
    const kept = tokens.slice(0, token);
    const text = await this.#textOf(model, [...kept.map(({ id }) => id), alternative], signal);
    const before = kept.reduce((length, each) => length + each.text.length, 0);
    const other: ReplyToken = {
      id: alternative,
      text: text.slice(before),
      piece: chosen.piece ?? '',
      trace: { ...replaced.trace, id: alternative, logProbability: chosen.logProbability },
    };
    const next = await chats.beginReply(reply.parentId ?? '', await this.#facts(model));
    this.#start({ chat, reply: next, prompt, beginning: { tokens: [...kept, other] } });
    return next;
  }

  /** Ends a reply with what it has; one that has ended stays as it is. */
  stop(replyId: string): void {
    this.#underway.get(replyId)?.stop.abort();
  }

  /** See GrowingReply.follow; a reply that has ended is answered at once. */
  async follow(
    replyId: string,
    from: number,
    signal: AbortSignal,
    emit: (update: ReplyUpdate) => Promise<void>,
  ): Promise<Message> {
    const growing = this.#underway.get(replyId)?.growing;
    const ended = growing
      ? await growing.follow(from, signal, emit)
      : await this.#services.chats.readMessage(replyId);
    if (!ended) throw new LabError('cancelled', 'Cancelled.');
    return ended;
  }

  /** Ends all of them and waits until what they have is on disk. */
  async close(): Promise<void> {
    for (const { stop } of this.#underway.values()) stop.abort();
    await Promise.all([...this.#underway.values()].map(({ done }) => done));
  }

  async #branch(chatId: string, leafId: string | null): Promise<{ chat: Chat; branch: Message[] }> {
    const { chats } = this.#services;
    const { chat } = await chats.read(chatId);
    return { chat, branch: leafId === null ? [] : await chats.path(leafId) };
  }

  async #answered(replyId: string): Promise<{ chat: Chat; reply: Message; prompt: PromptMessage[] }> {
    const reply = await this.#services.chats.readMessage(replyId);
    if (reply.role !== 'assistant') {
      throw new LabError('bad-request', `Message ${replyId} is no reply.`);
    }
    const { chat, branch } = await this.#branch(reply.chatId, reply.parentId);
    return { chat, reply, prompt: promptOf(chat.systemPrompt, branch, null) };
  }

  async #requireFit(model: string, prompt: readonly PromptMessage[], signal: AbortSignal): Promise<void> {
    const { path } = await this.#services.models.pathOf(model);
    const [encoded, room] = await Promise.all([
      encodePrompt(this.#services, path, prompt, signal),
      roomOf(this.#services, model, signal),
    ]);
    const ledger = ledgerOf(prompt, encoded, room);
    if (ledger.fits) return;
    const [largest] = [...ledger.parts].sort((left, right) => right.tokens - left.tokens);
    const much = largest ? ` The largest part is ${largest.label} (${largest.tokens} tokens).` : '';
    throw new LabError(
      'context-full',
      `This would be ${ledger.tokens} tokens and the context holds ${ledger.context}, with room for a reply.${much} ` +
        'Nothing was sent: shorten it, leave out a file, begin a new chat, or load the model with a larger context.',
    );
  }

  async #textOf(model: string, ids: number[], signal: AbortSignal): Promise<string> {
    const { path } = await this.#services.models.pathOf(model);
    const text = await this.#services.text.open(path, signal);
    return (await text.decode({ ids })).text;
  }

  async #facts(model: string): Promise<ReplyFacts> {
    const { title } = await this.#services.models.pathOf(model);
    return {
      model,
      modelTitle: title,
      modelIdentity: null,
      finishReason: null,
      error: null,
      promptTokens: null,
      reusedTokens: null,
      generatedTokens: 0,
      firstTokenMs: null,
      prefillTokensPerSecond: null,
      decodeTokensPerSecond: null,
      kvBytes: null,
      seed: null,
      hasTimeline: false,
    };
  }

  #start(job: Job): void {
    const growing = new GrowingReply();
    growing.add(job.beginning.tokens, []);
    const stop = new AbortController();
    const answer = new Answer(this.#services, job, growing, stop.signal);
    const done = answer.run().finally(() => this.#underway.delete(job.reply.id));
    this.#underway.set(job.reply.id, { reply: job.reply, growing, stop, done });
  }
}

/** One reply from waiting for the model to its last state on disk. */
class Answer {
  readonly #services: Shared;
  readonly #job: Job;
  readonly #growing: GrowingReply;
  readonly #signal: AbortSignal;
  #facts: ReplyFacts;
  #writing: Promise<unknown> = Promise.resolve();

  constructor(services: Shared, job: Job, growing: GrowingReply, signal: AbortSignal) {
    this.#services = services;
    this.#job = job;
    this.#growing = growing;
    this.#signal = signal;
    this.#facts = job.reply.reply ?? ({} as ReplyFacts);
  }

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
    const { loaded } = this.#services;
    const id = this.#facts.model;
    this.#growing.setPhase({ phase: 'waiting', for: `${this.#facts.modelTitle} to load` });
    return loaded.opening(id) ?? wantedModel(this.#services, id).then((wanted) => loaded.load(wanted));
  }

  async #generate(model: ReadyModel): Promise<void> {
    const { info, context, process, wanted } = model;
    const { prompt, chat, beginning } = this.#job;
    const encoded = await encodePrompt(this.#services, wanted.path, prompt, this.#signal);
    const ids = [...encoded.ids, ...beginning.tokens.map(({ id }) => id)];
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
      continues: beginning.tokens.length > 0,
      trace: true,
      conversation: { context },
    };
    const call = process.client.generate(request, { signal: this.#signal });
    const replying = drain(call, (event) => this.#follow(event));
    this.#complete(await this.#watched(model, replying));
    // The reply is complete whatever becomes of its figures.
    await this.#measure(model).catch(() => undefined);
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
  async #measure({ process, context, info }: ReadyModel): Promise<void> {
    const { ids } = await process.client.conversation({});
    this.#services.loaded.setHeld(ids.length);
    const { residentBytes, residentBeforeOpenBytes } = await process.client.memory({});
    if (residentBeforeOpenBytes === null) return;
    await this.#services.measurements.record({
      modelIdentity: info.identity,
      ...{ context, kvCodec: info.kvCodec, threads: info.threads, at: Date.now() },
      totalBytes: residentBytes - residentBeforeOpenBytes,
      usedContext: ids.length,
      tokensPerSecond: this.#facts.decodeTokensPerSecond ?? 0,
      bytesPerSecond: bytesPerSecond(this.#growing.tokens.map(({ trace }) => trace)),
    });
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

  #checkpoint(): void {
    const { id } = this.#job.reply;
    const { text } = this.#growing;
    this.#writing = this.#writing
      .then(() => this.#services.chats.checkpoint(id, text, this.#current()))
      .catch(() => undefined);
  }

  async #finish(): Promise<void> {
    await this.#writing;
    const { id } = this.#job.reply;
    const { text, tokens, prefill } = this.#growing;
    const state = this.#facts.error ? 'interrupted' : 'complete';
    const timeline = tokens.length > 0 ? { tokens, prefill } : null;
    const message = await this.#services.chats.finish(id, state, { text, facts: this.#current(), timeline });
    this.#growing.end(message);
  }
}

function hasTrace(
  token: Omit<ReplyToken, 'trace'> & { trace: ReplyToken['trace'] | undefined },
): token is ReplyToken {
  return token.trace !== undefined;
}
