/** The chats: their list, the open one with its tree of messages, and the replies that grow in it. */
import { createStore } from 'zustand/vanilla';
import { toLabError } from '../../../electron/contract/errors.ts';
import type { ChatSummary, Message } from '../../../electron/contract/chats.ts';
import type { Start } from '../../../electron/contract/page-contract.ts';
import type { AppStore } from '../../app/app-store.ts';
import type { HostFollower } from '../../app/follow-host.ts';
import { navigate } from '../../app/routes.ts';
import type { Host } from '../../ipc/host-context.ts';
import { chatActions } from './chat-actions.ts';
import type { ChatActions, ChatState, ChatStoreApi } from './chat-state.ts';
import { DraftKeeper } from './draft-keeper.ts';
import { ReplyFollower } from './reply-follower.ts';

interface ChatParts {
  readonly actions: ChatActions;
  /** What is being written. */
  readonly draft: DraftKeeper;
}
export type ChatStore = ChatStoreApi & HostFollower & ChatParts;

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
  const draft = new DraftKeeper(async (chatId, text) => {
    // What cannot be kept now is kept with the next change.
    if (chatId === null) await host.client.changeSettings({ draft: text }).catch(untold);
    else await host.client.changeChat({ id: chatId, change: { draft: text } }).catch(untold);
  });
  const actions = chatActions({ host, app, store, replies, draft });
  let isFirst = true;
  return Object.assign(store, {
    actions,
    draft,
    onStart({ chats, settings }: Start) {
      store.setState({ chats: sorted(chats) });
      const { current, opening } = store.getState();
      const id = current?.chat.id ?? opening?.id ?? null;
      const last = chats.find((chat) => chat.id === settings.lastChat);
      const isWriting = draft.isWrittenUntold;
      // After a lost connection: what was open is read again, what grows is joined again.
      if (id !== null) void actions.open(id);
      else if (isFirst) draft.restore(settings.draft);
      // What a person is writing belongs to the chat to come, which they see.
      if (isFirst && window.location.hash === '' && last && !isWriting) {
        navigate({ screen: 'chat', chatId: last.id, messageId: null }, 'replace');
      }
      isFirst = false;
    },
    onEvent: (event) => {
      if (event.type === 'chat') putChat(store, event.chat);
      else if (event.type === 'chat-removed') dropChat(store, event.id);
      else if (event.type === 'message') {
        putMessages(store, [event.message]);
        goOnWith(store, event.message);
        replies.follow(event.message);
      }
    },
  } satisfies HostFollower & ChatParts);
}

const untold = () => undefined;

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

/** What follows the last message that is shown is shown too, also where another window sent it; other branches are not stirred. */
function goOnWith(store: ChatStoreApi, { id, chatId, parentId }: Message): void {
  store.setState(({ current }) =>
    current?.chat.id === chatId && current.chat.leafId === parentId
      ? { current: { ...current, chat: { ...current.chat, leafId: id } } }
      : {},
  );
}

/** A sentence for people. */
export const reasonOf = (error: unknown): string => toLabError(error).message;
