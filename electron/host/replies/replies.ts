/**
 * Replies belong to the host: the message is on disk before the model runs, the answer once a second while it grows, and pages only
 * follow. A reply ends complete (also where a person stopped it) or interrupted, with what it had.
 */
import {
  factsOfNew,
  type Chat,
  type Message,
  type ReplyFacts,
  type ReplyToken,
  type ReplyUpdate,
} from '../../contract/chats.ts';
import { LabError } from '../../contract/errors.ts';
import type { Services } from '../services.ts';
import { Answer, type AnswerJob } from './answer.ts';
import { GrowingReply } from './growing-reply.ts';
import { measure } from './ledger.ts';
import { promptOf, type Draft, type PromptMessage } from './prompt.ts';

interface Answered {
  readonly chat: Chat;
  readonly reply: Message;
  /** The message that it answers. */
  readonly questionId: string;
  readonly prompt: PromptMessage[];
}

interface Underway {
  readonly chatId: string;
  readonly growing: GrowingReply;
  readonly stop: AbortController;
  readonly done: Promise<void>;
}

type Shared = Omit<Services, 'replies' | 'comparisons'>;

export class Replies {
  readonly #services: Shared;
  /** Also those that have ended and are not on disk yet. */
  readonly #underway = new Map<string, Underway>();
  readonly #closing = new AbortController();

  constructor(services: Shared) {
    this.#services = services;
    services.events.listen((event) => {
      if (event.type === 'chat-removed') this.#stopChat(event.id);
    });
  }

  /** Writes the message and an empty reply, and begins to answer. Throws context-full where both do not fit, before anything is written. */
  async send(
    input: { chatId: string; parentId: string | null; model: string } & Draft,
    signal: AbortSignal,
  ): Promise<{ message: Message; reply: Message }> {
    if (input.text.trim() === '' && input.files.length === 0) {
      throw new LabError('bad-request', 'text: there is nothing to send.', { field: 'text' });
    }
    const { chats } = this.#services;
    const { chat, branch } = await this.#branch(input.chatId, input.parentId);
    const prompt = promptOf(chat.systemPrompt, branch, { text: input.text, files: input.files });
    await this.#requireFit(input.model, prompt, signal);
    const facts = await this.#facts(input.model);
    const begun = await chats.begin(input, facts);
    this.#start({ chat, reply: begun.reply, facts, prompt, beginning: [] });
    return begun;
  }

  /** Another answer to the message that `replyId` answers. */
  async regenerate(replyId: string, model: string, signal: AbortSignal): Promise<Message> {
    const { chats } = this.#services;
    const { chat, questionId, prompt } = await this.#answered(replyId);
    await this.#requireFit(model, prompt, signal);
    const facts = await this.#facts(model);
    const next = await chats.beginReply(questionId, facts);
    this.#start({ chat, reply: next, facts, prompt, beginning: [] });
    return next;
  }

  /** Goes on from a token that was not drawn. Throws bad-request where it was none of those that the reply's timeline names. */
  async branch(replyId: string, token: number, alternative: number, signal: AbortSignal): Promise<Message> {
    const { chats } = this.#services;
    const { chat, reply, questionId, prompt } = await this.#answered(replyId);
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
    const facts = await this.#facts(model);
    const next = await chats.beginReply(questionId, facts);
    this.#start({ chat, reply: next, facts, prompt, beginning: [...kept, other] });
    return next;
  }

  /** Ends a reply with what it has; one that has ended stays as it is. */
  stop(replyId: string): void {
    this.#underway.get(replyId)?.stop.abort();
  }

  /** Nobody could stop it any more; what there is stays, should the chat come back. */
  #stopChat(removed: string): void {
    for (const { chatId, stop } of this.#underway.values()) if (chatId === removed) stop.abort();
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
    this.#closing.abort();
    for (const { stop } of this.#underway.values()) stop.abort();
    await Promise.all([...this.#underway.values()].map(({ done }) => done));
  }

  async #branch(chatId: string, leafId: string | null): Promise<{ chat: Chat; branch: Message[] }> {
    const { chats } = this.#services;
    const { chat } = await chats.read(chatId);
    return { chat, branch: leafId === null ? [] : await chats.path(leafId) };
  }

  async #answered(replyId: string): Promise<Answered> {
    const reply = await this.#services.chats.readMessage(replyId);
    const { role, chatId, parentId: questionId } = reply;
    if (role !== 'assistant' || questionId === null) {
      throw new LabError('bad-request', `Message ${replyId} is no reply to a message.`);
    }
    const { chat, branch } = await this.#branch(chatId, questionId);
    return { chat, reply, questionId, prompt: promptOf(chat.systemPrompt, branch, null) };
  }

  async #requireFit(model: string, prompt: readonly PromptMessage[], signal: AbortSignal): Promise<void> {
    const ledger = await measure(this.#services, model, prompt, signal);
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
    return factsOfNew(model, title);
  }

  #start(job: AnswerJob): void {
    const { id, chatId } = job.reply;
    const growing = new GrowingReply();
    growing.add(job.beginning, []);
    const stop = new AbortController();
    const signals = { signal: stop.signal, closing: this.#closing.signal };
    const answer = new Answer(this.#services, job, growing, signals);
    const done = answer.run().finally(() => this.#underway.delete(id));
    this.#underway.set(id, { chatId, growing, stop, done });
  }
}
