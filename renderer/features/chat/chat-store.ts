/** The chats: their list, the open one with its tree of messages, and the replies that grow in it. */
import { createStore } from 'zustand/vanilla';
import { toLabError } from '../../../electron/contract/errors.ts';
import type { ChatSummary, Message } from '../../../electron/contract/chats.ts';
import type { AppStore } from '../../app/app-store.ts';
import type { HostFollower } from '../../app/follow-host.ts';
import type { Host } from '../../ipc/host-context.ts';
import { chatActions } from './chat-actions.ts';
import type { ChatActions, ChatState, ChatStoreApi } from './chat-state.ts';
import { ReplyFollower } from './reply-follower.ts';

export type ChatStore = ChatStoreApi & HostFollower & { readonly actions: ChatActions };

export function createChatStore(host: Host, app: AppStore): ChatStore {
  const store = createStore<ChatState>(() => ({
    chats: [],
    current: null,
    opening: null,
    next: { systemPrompt: '', sampling: {}, maxTokens: null },
    growing: new Map(),
    timelines: new Map(),
    tint: 'none',
    timelineOf: null,
  }));
  const replies = new ReplyFollower(host.client, store, app);
  const actions = chatActions({ host, app, store, replies });
  return Object.assign(store, {
    actions,
    onStart({ chats }: { readonly chats: readonly ChatSummary[] }) {
      store.setState({ chats: sorted(chats) });
      const { current } = store.getState();
      // After a lost connection: what was open is read again, what grows is joined again.
      if (current) void actions.open(current.chat.id);
    },
    onEvent: (event) => {
      if (event.type === 'chat') putChat(store, event.chat);
      else if (event.type === 'chat-removed') dropChat(store, event.id);
      else if (event.type === 'message') {
        putMessages(store, [event.message]);
        replies.follow(event.message);
      }
    },
  } satisfies HostFollower & { readonly actions: ChatActions });
}

/** Pinned ones first, then by what changed last. */
function sorted(chats: readonly ChatSummary[]): readonly ChatSummary[] {
  return [...chats].sort(
    (one, other) => Number(other.isPinned) - Number(one.isPinned) || other.changedAt - one.changedAt,
  );
}

export function putChat(store: ChatStoreApi, chat: ChatSummary): void {
  store.setState(({ chats, current }) => ({
    chats: sorted([...chats.filter(({ id }) => id !== chat.id), chat]),
    current: current?.chat.id === chat.id ? { ...current, chat: { ...current.chat, ...chat } } : current,
  }));
}

function dropChat(store: ChatStoreApi, id: string): void {
  store.setState(({ chats }) => ({ chats: chats.filter((chat) => chat.id !== id) }));
}

/** Takes messages of the open chat; those of others are read when their chat is opened. */
export function putMessages(store: ChatStoreApi, messages: readonly Message[]): void {
  store.setState(({ current }) => {
    if (!current) return {};
    const own = messages.filter(({ chatId }) => chatId === current.chat.id);
    if (own.length === 0) return {};
    return {
      current: {
        ...current,
        messages: new Map([...current.messages, ...own.map((message) => [message.id, message] as const)]),
      },
    };
  });
}

/** A sentence for people. */
export const reasonOf = (error: unknown): string => toLabError(error).message;
