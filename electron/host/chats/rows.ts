/** Rows of chats and messages. */
import type { AttachedFile, Chat, ChatSummary, Message, ReplyFacts } from '../../contract/chats.ts';
import type { Row, SqlValue } from '../store/store-contract.ts';

export const summaryColumns =
  'id, title, is_pinned, created_at, changed_at, model_title, tokens, message_count';

/**
 * When a chat changes, for the parameter that is the time: never before another that changed earlier, so that the list keeps its order where the
 * clock jumps back.
 */
export function changedAt(time: string): string {
  return `(SELECT max(${time}, 1 + coalesce(max(changed_at), 0)) FROM chats)`;
}

export function toSummary(row: Row): ChatSummary {
  return {
    id: String(row['id']),
    title: String(row['title']),
    isPinned: row['is_pinned'] === 1,
    createdAt: Number(row['created_at']),
    changedAt: Number(row['changed_at']),
    modelTitle: row['model_title'] as string | null,
    tokens: Number(row['tokens']),
    messages: Number(row['message_count']),
  };
}

export function toChat(row: Row): Chat {
  return {
    ...toSummary(row),
    systemPrompt: String(row['system_prompt']),
    sampling: JSON.parse(String(row['sampling'])) as Chat['sampling'],
    maxTokens: row['max_tokens'] as number | null,
    leafId: row['leaf_id'] as string | null,
    draft: String(row['draft']),
  };
}

export function toMessage(row: Row): Message {
  const reply = row['reply'];
  return {
    id: String(row['id']),
    chatId: String(row['chat_id']),
    parentId: row['parent_id'] as string | null,
    role: row['role'] as Message['role'],
    text: String(row['text']),
    files: JSON.parse(String(row['files'])) as AttachedFile[],
    state: row['state'] as Message['state'],
    createdAt: Number(row['created_at']),
    reply: reply === null ? null : (JSON.parse(String(reply)) as ReplyFacts),
  };
}

/** Columns of a chat that a person sets. */
const settable = {
  isPinned: 'is_pinned',
  systemPrompt: 'system_prompt',
  sampling: 'sampling',
  maxTokens: 'max_tokens',
  leafId: 'leaf_id',
  draft: 'draft',
  title: 'title',
} as const;
type Settable = { readonly [K in keyof typeof settable]?: unknown };

/** What of a change is there, as columns and values; a title that a person gave stays when messages come. */
export function columnsOf(change: Settable): { column: string; value: SqlValue }[] {
  const fields = Object.keys(settable) as (keyof typeof settable)[];
  const present = fields.filter((field) => change[field] !== undefined);
  const columns = present.map((field) => ({
    column: settable[field],
    value: toSql(change[field]),
  }));
  return change.title === undefined ? columns : [...columns, { column: 'has_own_title', value: 1 }];
}

function toSql(value: unknown): SqlValue {
  if (typeof value === 'boolean') return Number(value);
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : (value as SqlValue);
}
