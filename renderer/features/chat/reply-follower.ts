/** Follows the open chat's replies while they are written: one stream each, joined again after a lost connection. */
import type { Message, ReplyToken } from '../../../electron/contract/chats.ts';
import { toLabError } from '../../../electron/contract/errors.ts';
import type { PageContract } from '../../../electron/contract/page-contract.ts';
import type { Client } from '../../../electron/contract/rpc.ts';
import type { TraceRecord } from '../../../electron/contract/trace.ts';
import type { AppStore } from '../../app/app-store.ts';
import { showToast } from '../../ui/toasts.ts';
import { flashReadsOf } from '../instruments/flash-reads.ts';
import { instruments } from '../instruments/instruments.ts';
import type { ChatStoreApi, Timeline } from './chat-state.ts';
import { putMessages } from './chat-store.ts';
import { GrowingReply, latestRate } from './growing-reply.ts';

/** The status line changes no faster than people read. */
const statusIntervalMs = 200;
/** Reads are told over this many tokens: one alone may have read nothing. */
const readSteps = 8;

/** What no frame showed yet is `fresh` alone. */
function latestSteps(shown: readonly ReplyToken[], fresh: Timeline): readonly TraceRecord[] {
  const tokens = shown.length > 0 ? shown : fresh.tokens;
  return tokens.length > 0 ? tokens.slice(-readSteps).map(({ trace }) => trace) : fresh.prefill;
}

export class ReplyFollower {
  readonly #client: Client<PageContract>;
  readonly #store: ChatStoreApi;
  readonly #app: AppStore;
  readonly #following = new Map<string, AbortController>();
  #statusAt = 0;

  constructor(client: Client<PageContract>, store: ChatStoreApi, app: AppStore) {
    this.#client = client;
    this.#store = store;
    this.#app = app;
  }

  /** Follows a message of the open chat if it is still written. */
  follow(message: Message): void {
    if (message.state !== 'streaming') return this.#forget(message.id);
    const isOpen = this.#store.getState().current?.chat.id === message.chatId;
    if (!isOpen || this.#following.has(message.id)) return;
    const growing = this.#store.getState().growing.get(message.id) ?? new GrowingReply(message.id);
    this.#setGrowing(message.id, growing);
    const leaving = new AbortController();
    this.#following.set(message.id, leaving);
    // What the reply before read is not what is read now.
    this.#app.setState({ flashReads: null });
    void this.#read(growing, leaving);
  }

  /** The chat is left: its replies grow on without being followed. */
  leaveAll(): void {
    for (const leaving of this.#following.values()) leaving.abort();
    this.#following.clear();
    this.#store.setState({ growing: new Map() });
    this.#app.setState({ tokensPerSecond: null });
  }

  async #read(growing: GrowingReply, leaving: AbortController): Promise<void> {
    const { id } = growing;
    try {
      const call = this.#client.followReply(
        { replyId: id, from: growing.tokenCount },
        { signal: leaving.signal },
      );
      let isFirst = true;
      for await (const update of call.chunks) {
        this.#tell(growing.add(update, isFirst), growing);
        isFirst = false;
      }
      this.#end(growing, await call.done);
    } catch (error) {
      const { code, message } = toLabError(error);
      // A lost connection: the chat is read and followed again when there is another.
      if (code !== 'engine-gone' && code !== 'cancelled') showToast(message);
    } finally {
      if (this.#following.get(id) === leaving) this.#following.delete(id);
      if (this.#following.size === 0) this.#app.setState({ tokensPerSecond: null });
    }
  }

  /** What the status line and the instruments show of it. */
  #tell(fresh: Timeline, growing: GrowingReply): void {
    instruments.addTokens(fresh.tokens, fresh.prefill);
    const trace = fresh.tokens.at(-1)?.trace ?? fresh.prefill.at(-1);
    const now = performance.now();
    if (!trace || now - this.#statusAt < statusIntervalMs) return;
    this.#statusAt = now;
    const { tokens } = growing.getSnapshot();
    this.#app.setState({
      tokensPerSecond: latestRate(tokens),
      contextTokens: trace.position + trace.tokens,
      flashReads: flashReadsOf(latestSteps(tokens, fresh)),
    });
  }

  #end(growing: GrowingReply, message: Message): void {
    const { id } = growing;
    const timeline: Timeline = growing.timeline();
    this.#store.setState(({ growing: before, timelines }) => ({
      growing: new Map([...before].filter(([other]) => other !== id)),
      timelines: timeline.tokens.length > 0 ? new Map([...timelines, [id, timeline]]) : timelines,
    }));
    putMessages(this.#store, [message]);
  }

  /** It ended while there was no connection: what is on disk counts, also where that is less. */
  #forget(id: string): void {
    if (this.#following.has(id) || !this.#store.getState().growing.has(id)) return;
    this.#store.setState(({ growing: before }) => ({
      growing: new Map([...before].filter(([other]) => other !== id)),
    }));
  }

  #setGrowing(id: string, growing: GrowingReply): void {
    this.#store.setState(({ growing: before }) => ({ growing: new Map([...before, [id, growing]]) }));
  }
}
