/** A host of chats in memory, as far as the chat screen asks one; the test writes the replies. */
import { LabError } from '../../electron/contract/errors.ts';
import type {
  Chat,
  ChatSummary,
  Ledger,
  Message,
  ReplyFacts,
  ReplyPhase,
  ReplyToken,
  ReplyUpdate,
} from '../../electron/contract/chats.ts';
import type { TraceRecord } from '../../electron/contract/trace.ts';
import type { LoadState, PageModel } from '../../electron/contract/machine.ts';
import type { AppEvent, PageContract, Start } from '../../electron/contract/page-contract.ts';
import { pageContract } from '../../electron/contract/page-contract.ts';
import type { Handlers } from '../../electron/contract/rpc.ts';
import { Settings } from '../../electron/contract/settings.ts';
import { noFacts } from './no-facts.ts';

export const readyEngine: LoadState = {
  state: 'ready',
  model: 'tiny',
  title: 'Tiny model',
  precision: 'Q4_1, 5.4 bits',
  info: {
    identity: 'abc',
    engine: 'native',
    arithmetic: 'fast',
    device: 'cpu',
    threads: 2,
    versions: {},
    vocabularySize: 100,
    contextLength: 8192,
    weightsBytes: 1000,
    loadMs: 10,
    ends: [2],
    generation: { temperature: 0.2 },
    kvCodec: 'f16',
    kvBytesPerToken: 1024,
    streaming: null,
  },
  context: 8192,
  kvCodec: 'f16',
  kvBytesPerToken: 1024,
  held: 0,
  isBusy: false,
};

export const tinyModel: PageModel = {
  id: 'tiny',
  title: 'Tiny model',
  place: 'With Retort',
  kind: 'bundled',
  format: 'gguf',
  architecture: 'llama',
  bytes: 1_000_000,
  isPresent: true,
};

/** One reply while it grows, for all who follow it. */
class Growing {
  readonly tokens: ReplyToken[] = [];
  /** Steps that read the prompt and were not told yet. */
  prefill: TraceRecord[] = [];
  phase: ReplyPhase = { phase: 'reading', done: 0, total: 10 };
  ended: Message | null = null;
  #wake: (() => void)[] = [];

  change(): void {
    const waiting = this.#wake;
    this.#wake = [];
    for (const wake of waiting) wake();
  }

  async follow(
    from: number,
    signal: AbortSignal,
    emit: (update: ReplyUpdate) => Promise<void>,
  ): Promise<Message> {
    let number = from;
    for (;;) {
      const tokens = this.tokens.slice(number);
      await emit({ number, phase: this.phase, tokens, prefill: this.prefill.splice(0) });
      number += tokens.length;
      if (this.ended) return this.ended;
      if (signal.aborted) throw new LabError('cancelled', 'Cancelled.');
      signal.addEventListener('abort', () => this.change(), { once: true });
      await new Promise<void>((resolve) => void this.#wake.push(resolve));
    }
  }
}

export class ChatHost {
  settings: Settings = Settings.parse({});
  engine: LoadState = readyEngine;
  models: PageModel[] = [tinyModel];
  readonly chats = new Map<string, Chat>();
  readonly removed = new Map<string, Chat>();
  readonly messages: Message[] = [];
  readonly timelines = new Map<string, ReplyToken[]>();
  /** The count that measurePrompt tells; by default a token a word, in a context of 8,192. */
  measure: (text: string, files: readonly { name: string; text: string }[]) => Partial<Ledger> = () => ({});
  /** Names of the operations that were called, oldest first. */
  readonly called: string[] = [];
  /** Refuses the next send with this. */
  refusal: LabError | null = null;
  readonly #growing = new Map<string, Growing>();
  #listeners = new Set<(event: AppEvent) => void>();
  #count = 0;

  #id(kind: string): string {
    this.#count += 1;
    return `${kind}-${this.#count}`;
  }

  emit(event: AppEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  addChat(fields: Partial<Chat> = {}): Chat {
    const id = fields.id ?? this.#id('chat');
    const chat: Chat = {
      id,
      title: 'New chat',
      isPinned: false,
      createdAt: 1,
      changedAt: Date.now(),
      modelTitle: null,
      tokens: 0,
      messages: 0,
      systemPrompt: '',
      sampling: {},
      maxTokens: null,
      leafId: null,
      draft: '',
      ...fields,
    };
    this.chats.set(id, chat);
    return chat;
  }

  /** A message in its chat, the chat's last. */
  addMessage(chatId: string, fields: Partial<Message>): Message {
    const chat = this.#chat(chatId);
    const role = fields.role ?? 'user';
    const message: Message = {
      id: this.#id(role === 'user' ? 'user' : 'reply'),
      chatId,
      parentId: chat.leafId,
      role,
      text: '',
      files: [],
      state: 'complete',
      createdAt: this.#count,
      reply: role === 'assistant' ? noFacts : null,
      ...fields,
    };
    this.messages.push(message);
    this.#setChat({ ...chat, leafId: message.id, messages: chat.messages + 1 });
    return message;
  }

  /** The growing reply says these; each is a token. */
  say(replyId: string, ...texts: string[]): void {
    const { length } = this.#growingTokens(replyId);
    this.grow(
      replyId,
      texts.map((text, index) => tokenOf(length + index, text)),
    );
  }

  /** The growing reply has these tokens more. */
  grow(replyId: string, tokens: readonly ReplyToken[]): void {
    this.#growingTokens(replyId).push(...tokens);
    this.setPhase(replyId, { phase: 'writing' });
  }

  #growingTokens(replyId: string): ReplyToken[] {
    const growing = this.#growing.get(replyId);
    if (!growing) throw new Error(`${replyId} does not grow.`);
    return growing.tokens;
  }

  /** The growing reply's prompt was read by these steps more. */
  readPrompt(replyId: string, steps: readonly TraceRecord[]): void {
    this.#growing.get(replyId)?.prefill.push(...steps);
    this.setPhase(replyId, { phase: 'reading', done: 1, total: 2 });
  }

  setPhase(replyId: string, phase: ReplyPhase): void {
    const growing = this.#growing.get(replyId);
    if (!growing) throw new Error(`${replyId} does not grow.`);
    growing.phase = phase;
    growing.change();
  }

  finish(replyId: string, facts: Partial<ReplyFacts> = {}, state: Message['state'] = 'complete'): Message {
    const growing = this.#growing.get(replyId);
    const place = this.messages.findIndex(({ id }) => id === replyId);
    const before = this.messages[place];
    if (!growing || !before) throw new Error(`${replyId} does not grow.`);
    const text = growing.tokens.map((token) => token.text).join('');
    const generatedTokens = growing.tokens.length;
    const reply = { ...noFacts, finishReason: 'end' as const, hasTimeline: true, generatedTokens, ...facts };
    const message: Message = { ...before, text, state, reply };
    this.messages[place] = message;
    this.timelines.set(replyId, [...growing.tokens]);
    growing.ended = message;
    growing.change();
    this.emit({ type: 'message', message });
    return message;
  }

  /** The id of the reply that grows. */
  get growingId(): string {
    const id = [...this.#growing].find(([, growing]) => growing.ended === null)?.[0];
    if (id === undefined) throw new Error('No reply grows.');
    return id;
  }

  #chat(id: string): Chat {
    const chat = this.chats.get(id);
    if (!chat) throw new LabError('not-found', `There is no chat ${id}.`);
    return chat;
  }

  #setChat(chat: Chat): void {
    this.chats.set(chat.id, chat);
    this.emit({ type: 'chat', chat: summaryOf(chat) });
  }

  #beginReply(chatId: string, parentId: string | null, tokens: readonly ReplyToken[] = []): Message {
    const reply = this.addMessage(chatId, { parentId, role: 'assistant', state: 'streaming' });
    const growing = new Growing();
    growing.tokens.push(...tokens);
    this.#growing.set(reply.id, growing);
    return reply;
  }

  #message(id: string): Message {
    const message = this.messages.find((candidate) => candidate.id === id);
    if (!message) throw new LabError('not-found', `There is no message ${id}.`);
    return message;
  }

  #start(): Start {
    return {
      version: '0.1.0',
      platform: 'linux',
      settings: this.settings,
      engine: this.engine,
      notices: [],
      chats: [...this.chats.values()].map(summaryOf),
      cores: 2,
    };
  }

  handlers(): Handlers<PageContract> {
    const given = { ...this.#appHandlers(), ...this.#chatHandlers(), ...this.#replyHandlers() };
    const all = Object.keys(pageContract).map((name) => {
      const handler = (given as Record<string, unknown>)[name] as
        ((...args: unknown[]) => unknown) | undefined;
      const call = (...args: unknown[]) => {
        this.called.push(name);
        if (!handler) throw new LabError('internal', `The test has no handler for ${name}.`);
        return handler(...args);
      };
      // What is thrown becomes the answer, as of a promise that rejects.
      return [name, (...args: unknown[]) => Promise.resolve().then(() => call(...args))];
    });
    return Object.fromEntries(all) as Handlers<PageContract>;
  }

  #appHandlers(): Partial<Handlers<PageContract>> {
    return {
      start: () => Promise.resolve(this.#start()),
      watch: async (_input, { signal, emit }) => {
        const listener = (event: AppEvent) => void emit(event);
        this.#listeners.add(listener);
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        this.#listeners.delete(listener);
        return null;
      },
      watchMemory: (_input, { signal }) =>
        new Promise((resolve) => signal.addEventListener('abort', () => resolve(null))),
      changeSettings: (change) => {
        this.settings = Settings.parse({ ...this.settings, ...change });
        return Promise.resolve(this.settings);
      },
      listModels: () => Promise.resolve(this.models),
      loadModel: () => Promise.resolve(null),
      unloadModel: () => Promise.resolve(null),
      estimateFit: () => Promise.reject(new LabError('unsupported-feature', 'Not here.')),
    };
  }

  #chatHandlers(): Partial<Handlers<PageContract>> {
    return {
      createChat: (change) => Promise.resolve(this.addChat(change as Partial<Chat>)),
      readChat: ({ id }) =>
        Promise.resolve({
          chat: this.#chat(id),
          messages: this.messages.filter(({ chatId }) => chatId === id),
        }),
      changeChat: ({ id, change }) => {
        this.#setChat({ ...this.#chat(id), ...(change as Partial<Chat>) });
        return Promise.resolve(this.#chat(id));
      },
      deleteChat: ({ id }) => {
        this.removed.set(id, this.#chat(id));
        this.chats.delete(id);
        this.emit({ type: 'chat-removed', id });
        return Promise.resolve(null);
      },
      restoreChat: ({ id }) => {
        const chat = this.removed.get(id);
        if (!chat) throw new LabError('not-found', `There is no chat ${id}.`);
        this.chats.set(id, chat);
        return Promise.resolve(summaryOf(chat));
      },
      searchChats: ({ query }) =>
        Promise.resolve(
          this.messages
            .filter(({ text }) => text.includes(query))
            .map(({ chatId, id, text }) => ({
              chatId,
              chatTitle: this.#chat(chatId).title,
              messageId: id,
              snippet: [
                { text: text.slice(0, text.indexOf(query)), isMatch: false },
                { text: query, isMatch: true },
              ],
              at: 1,
            })),
        ),
      exportChat: ({ id, format }) =>
        Promise.resolve({
          fileName: `${this.#chat(id).title}.${format}`,
          mediaType: 'text/plain',
          text: 'exported',
        }),
      importChat: () => Promise.resolve(summaryOf(this.addChat({ title: 'Imported' }))),
    };
  }

  #replyHandlers(): Partial<Handlers<PageContract>> {
    return {
      measurePrompt: ({ text, files }) => {
        const draftTokens = text.split(/\s+/).filter((word) => word !== '').length;
        return Promise.resolve({
          parts: [],
          tokens: draftTokens,
          reusedTokens: 0,
          draftTokens,
          context: 8192,
          fits: true,
          kvBytesPerToken: 1024,
          warnings: [],
          ...this.measure(text, files),
        });
      },
      send: ({ chatId, parentId, text, files }) => {
        if (this.refusal) throw this.refusal;
        const message = this.addMessage(chatId, { parentId, text, files });
        const reply = this.#beginReply(chatId, message.id);
        this.emit({ type: 'message', message });
        this.emit({ type: 'message', message: reply });
        return Promise.resolve({ message, reply });
      },
      regenerate: ({ replyId }) => {
        const { chatId, parentId } = this.#message(replyId);
        return Promise.resolve(this.#beginReply(chatId, parentId));
      },
      branchReply: ({ replyId, token, alternative }) => {
        const { chatId, parentId } = this.#message(replyId);
        const kept = (this.timelines.get(replyId) ?? []).slice(0, token);
        const other = { ...tokenOf(token, ` other${alternative}`), id: alternative };
        return Promise.resolve(this.#beginReply(chatId, parentId, [...kept, other]));
      },
      stopReply: ({ replyId }) => {
        this.finish(replyId, { finishReason: 'cancelled' });
        return Promise.resolve(null);
      },
      followReply: ({ replyId, from }, { signal, emit }) => {
        const growing = this.#growing.get(replyId);
        return growing ? growing.follow(from, signal, emit) : Promise.resolve(this.#message(replyId));
      },
      readTimeline: ({ replyId }) =>
        Promise.resolve({ tokens: this.timelines.get(replyId) ?? [], prefill: [] }),
    };
  }
}

/** Token `index` of a reply; improbable ones have a number in their text. */
export function tokenOf(index: number, text: string): ReplyToken {
  const logProbability = /\d/.test(text) ? -4 : -0.01;
  return {
    id: index,
    text,
    piece: text,
    trace: {
      step: index,
      phase: 'decode',
      tokens: 1,
      position: 10 + index,
      id: index,
      startNs: index * 5e6,
      timeNs: { total: 5e6, attention: 2e6, feedForward: 2e6, other: 1e6 },
      kvBytes: 1024 * (11 + index),
      logProbability,
      top: [
        { id: index, logProbability, piece: text },
        { id: index + 50, logProbability: -5, piece: ' other' },
      ],
    },
  };
}

function summaryOf(chat: Chat): ChatSummary {
  const { id, title, isPinned, createdAt, changedAt, modelTitle, tokens, messages } = chat;
  return { id, title, isPinned, createdAt, changedAt, modelTitle, tokens, messages };
}
