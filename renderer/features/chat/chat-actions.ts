/** What a person does with chats. */
import { LabError, toLabError } from '../../../electron/contract/errors.ts';
import type { AppStore } from '../../app/app-store.ts';
import { navigate } from '../../app/routes.ts';
import type { Host } from '../../ipc/host-context.ts';
import { saveText } from '../../ipc/save-file.ts';
import { showToast } from '../../ui/toasts.ts';
import type { ChatActions, ChatStoreApi, Draft, OpenChat } from './chat-state.ts';
import { putChat, putMessages } from './chat-store.ts';
import type { DraftKeeper } from './draft-keeper.ts';
import { latestLeafBelow } from './message-tree.ts';
import type { ReplyFollower } from './reply-follower.ts';

export interface ChatServices {
  readonly host: Host;
  readonly app: AppStore;
  readonly store: ChatStoreApi;
  readonly replies: ReplyFollower;
  readonly draft: DraftKeeper;
}

export function chatActions(services: ChatServices): ChatActions {
  return {
    ...openActions(services),
    ...replyActions(services),
    ...listActions(services),
    ...viewActions(services),
  };
}

const untold = () => undefined;

/** Runs it; what goes wrong is said in a toast. */
async function told(action: () => Promise<void>): Promise<void> {
  await action().catch((error: unknown) => showToast(toLabError(error).message));
}

/** The open chat's id. A chat to come begins on disk, with what was chosen for it. */
async function beginChat({ host: { client }, store, draft }: ChatServices): Promise<string> {
  const { current, next } = store.getState();
  if (current) return current.chat.id;
  const chat = await client.createChat(next);
  putChat(store, summaryOf(chat));
  store.setState({
    current: { chat, messages: new Map() },
    opening: null,
    next: { systemPrompt: '', sampling: {}, maxTokens: null },
  });
  draft.begin(chat.id);
  void client.changeSettings({ lastChat: chat.id }).catch(untold);
  navigate({ screen: 'chat', chatId: chat.id, messageId: null }, 'replace');
  return chat.id;
}

type Opening = Pick<ChatActions, 'open' | 'changeChat' | 'changeNext' | 'showBranch'>;

function openActions(services: ChatServices): Opening {
  const {
    host: { client },
    app,
    store,
    replies,
    draft,
  } = services;
  const { setState, getState } = store;
  const take = (open: OpenChat) => {
    setState({ current: open, opening: null });
    for (const message of open.messages.values()) replies.follow(message);
  };
  return {
    async open(id) {
      const before = getState().current?.chat.id ?? null;
      if (before !== id) {
        replies.leaveAll();
        setState({ current: null, timelineOf: null, timelines: new Map() });
        app.setState({ contextTokens: null });
      }
      if (id === null) {
        if (before !== null) draft.show(null, app.getState().settings.draft);
        return setState({ opening: null });
      }
      setState({ opening: { id, error: null } });
      try {
        const { chat, messages } = await client.readChat({ id });
        // Meanwhile another may have been asked for.
        if (getState().opening?.id !== id) return;
        take({ chat, messages: new Map(messages.map((message) => [message.id, message])) });
        if (before !== id) draft.show(id, chat.draft);
        if (before !== id) void client.changeSettings({ lastChat: id }).catch(untold);
      } catch (error) {
        const { code, message } = toLabError(error);
        if (code !== 'engine-gone' && getState().opening?.id === id)
          setState({ opening: { id, error: message } });
      }
    },
    async changeChat(change) {
      const { current } = getState();
      if (!current) return;
      await told(async () => {
        const chat = await client.changeChat({ id: current.chat.id, change });
        setState(({ current: now }) => (now?.chat.id === chat.id ? { current: { ...now, chat } } : {}));
      });
    },
    async changeNext(change) {
      setState(({ next }) => ({ next: { ...next, ...change } }));
      if (getState().next.systemPrompt.trim() !== '')
        await told(async () => void (await beginChat(services)));
    },
    async showBranch(messageId) {
      const { current } = getState();
      if (!current) return;
      const leafId = latestLeafBelow(current.messages, messageId);
      setState({ current: { ...current, chat: { ...current.chat, leafId } } });
      await told(async () => void (await client.changeChat({ id: current.chat.id, change: { leafId } })));
    },
  };
}

type Replying = Pick<ChatActions, 'send' | 'regenerate' | 'branchReply' | 'continueReply' | 'stop'>;

function replyActions(services: ChatServices): Replying {
  const {
    host: { client },
    store,
    replies,
  } = services;
  const { setState, getState } = store;
  const show = (messages: Parameters<typeof putMessages>[1]) => {
    putMessages(store, messages);
    const leaf = messages.at(-1);
    if (!leaf) return;
    setState(({ current }) =>
      current?.chat.id === leaf.chatId
        ? { current: { ...current, chat: { ...current.chat, leafId: leaf.id } } }
        : {},
    );
    replies.follow(leaf);
  };
  return {
    async send({ text, files }: Draft, parentId, model) {
      const chatId = await beginChat(services);
      const { message, reply } = await client.send({ chatId, parentId, text, files: [...files], model });
      show([message, reply]);
    },
    regenerate: (replyId, model) => told(async () => show([await client.regenerate({ replyId, model })])),
    branchReply: (replyId, token, alternative) =>
      told(async () => show([await client.branchReply({ replyId, token, alternative })])),
    continueReply: (replyId) =>
      told(async () => {
        const { tokens } = getState().timelines.get(replyId) ?? (await client.readTimeline({ replyId }));
        const last = tokens.findLastIndex(({ id, trace }) => trace.top?.some((other) => other.id === id));
        const token = tokens[last];
        if (!token) throw new LabError('not-found', 'This reply has no token on record to go on from.');
        show([await client.branchReply({ replyId, token: last, alternative: token.id })]);
      }),
    async stop() {
      const growing = [...getState().growing.values()];
      for (const reply of growing) reply.stop();
      await told(async () => {
        await Promise.all(growing.map(({ id }) => client.stopReply({ replyId: id })));
      });
    },
  };
}

type Listing = Pick<ChatActions, 'rename' | 'setPinned' | 'remove' | 'exportChat' | 'importChat'>;

function listActions({ host: { client, shell }, store }: ChatServices): Listing {
  const { getState, setState } = store;
  const change = (id: string, fields: Parameters<typeof client.changeChat>[0]['change']) =>
    told(async () => putChat(store, summaryOf(await client.changeChat({ id, change: fields }))));
  return {
    rename: (id, title) => change(id, { title }),
    setPinned: (id, isPinned) => change(id, { isPinned }),
    remove: (id) =>
      told(async () => {
        const title = getState().chats.find((chat) => chat.id === id)?.title ?? 'Chat';
        await client.deleteChat({ id });
        setState(({ chats }) => ({ chats: chats.filter((chat) => chat.id !== id) }));
        if (getState().current?.chat.id === id) navigate({ screen: 'chat', chatId: null, messageId: null });
        showToast(`“${title}” deleted`, {
          label: 'Undo',
          run: () =>
            void told(async () => {
              putChat(store, await client.restoreChat({ id }));
              navigate({ screen: 'chat', chatId: id, messageId: null });
            }),
        });
      }),
    exportChat: (id, format) =>
      told(async () => {
        const { fileName, mediaType, text } = await client.exportChat({ id, format });
        if (await saveText(shell, { fileName, mediaType, text })) showToast(`Saved ${fileName}`);
      }),
    importChat: (text) =>
      told(async () => {
        const chat = await client.importChat({ text });
        putChat(store, chat);
        navigate({ screen: 'chat', chatId: chat.id, messageId: null });
      }),
  };
}

/** What a list shows of a chat. */
function summaryOf(chat: OpenChat['chat']): Parameters<typeof putChat>[1] {
  const { id, title, isPinned, createdAt, changedAt, modelTitle, tokens, messages } = chat;
  return { id, title, isPinned, createdAt, changedAt, modelTitle, tokens, messages };
}

type Viewing = Pick<ChatActions, 'setTint' | 'showTimeline' | 'readTimeline'>;

function viewActions({ host: { client }, store }: ChatServices): Viewing {
  const { getState, setState } = store;
  const reading = new Set<string>();
  return {
    setTint: (tint) => setState({ tint }),
    showTimeline: (timelineOf) => setState({ timelineOf }),
    async readTimeline(replyId) {
      if (getState().timelines.has(replyId) || reading.has(replyId)) return;
      reading.add(replyId);
      await told(async () => {
        const timeline = await client.readTimeline({ replyId });
        setState(({ timelines }) => ({ timelines: new Map([...timelines, [replyId, timeline]]) }));
      });
      reading.delete(replyId);
    },
  };
}
