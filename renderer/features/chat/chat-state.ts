import type { StoreApi } from 'zustand/vanilla';
import type {
  Chat,
  ChatChange,
  ChatSummary,
  ExportFormat,
  ReplyToken,
} from '../../../electron/contract/chats.ts';
import type { TraceRecord } from '../../../electron/contract/trace.ts';
import type { GrowingReply } from './growing-reply.ts';
import type { Messages } from './message-tree.ts';

export interface OpenChat {
  readonly chat: Chat;
  readonly messages: Messages;
}

/** By what the tokens of a reply are tinted. */
export type TintMode = 'none' | 'probability' | 'time' | 'flash';

/** What is chosen for a chat that does not exist yet: it begins with its first message. */
export type NextChat = Pick<Chat, 'systemPrompt' | 'sampling' | 'maxTokens'>;

export interface Timeline {
  readonly tokens: readonly ReplyToken[];
  readonly prefill: readonly TraceRecord[];
}

export interface ChatState {
  /** Pinned ones first, then the latest. */
  readonly chats: readonly ChatSummary[];
  /** Null: a new chat. */
  readonly current: OpenChat | null;
  /** Being read, or why it could not be. */
  readonly opening: { readonly id: string; readonly error: string | null } | null;
  readonly next: NextChat;
  /** Replies of the open chat that are being written, by id. */
  readonly growing: ReadonlyMap<string, GrowingReply>;
  /** Tokens of ended replies, as far as they were asked for or came while they were written. */
  readonly timelines: ReadonlyMap<string, Timeline>;
  readonly tint: TintMode;
  /** The reply whose token timeline is shown. */
  readonly timelineOf: string | null;
}

export interface Draft {
  readonly text: string;
  readonly files: readonly { readonly name: string; readonly text: string }[];
}

export interface ChatActions {
  /** Null: a new chat. */
  readonly open: (id: string | null) => Promise<void>;
  /** Sends after `parentId`; resolves when the message is on disk. Rejects with why it was not sent. */
  readonly send: (draft: Draft, parentId: string | null, model: string) => Promise<void>;
  readonly regenerate: (replyId: string, model: string) => Promise<void>;
  readonly branchReply: (replyId: string, token: number, alternative: number) => Promise<void>;
  /** Writes on where an ended reply stopped, as a branch. */
  readonly continueReply: (replyId: string) => Promise<void>;
  /** Stops what is being written in the open chat. */
  readonly stop: () => Promise<void>;
  /** Shows the branch through this message, at each fork its latest. */
  readonly showBranch: (messageId: string) => Promise<void>;
  readonly changeChat: (change: ChatChange) => Promise<void>;
  /** Of the chat to come. With a system prompt it begins at once, so that its prompt is counted. */
  readonly changeNext: (change: Partial<NextChat>) => Promise<void>;
  readonly rename: (id: string, title: string) => Promise<void>;
  readonly setPinned: (id: string, isPinned: boolean) => Promise<void>;
  readonly remove: (id: string) => Promise<void>;
  readonly exportChat: (id: string, format: ExportFormat) => Promise<void>;
  readonly importChat: (text: string) => Promise<void>;
  readonly setTint: (tint: TintMode) => void;
  readonly showTimeline: (replyId: string | null) => void;
  /** Reads an ended reply's tokens, once. */
  readonly readTimeline: (replyId: string) => Promise<void>;
}

export type ChatStoreApi = StoreApi<ChatState>;
