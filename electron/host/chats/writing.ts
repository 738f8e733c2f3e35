/** Statements that write messages and what a chat's row says of them. */
import type { Message, ReplyFacts } from '../../contract/chats.ts';
import type { Statement } from '../store/store-contract.ts';
import { changedAt } from './rows.ts';

export type NewMessage = Omit<Message, 'chatId'>;

/**
 * Writes a message and returns its row; none, and nothing written, where the chat is not there, or the message before it is not of that chat or is
 * of the same role.
 */
export function insertMessage(chatId: string, message: NewMessage): Statement {
  const { id, parentId, role, state, createdAt, reply, text, files } = message;
  return {
    sql: `INSERT INTO messages (id, chat_id, parent_id, role, state, created_at, reply, text, files)
      SELECT ?1, id, ?3, ?4, ?5, ?6, ?7, ?8, ?9 FROM chats WHERE id = ?2 AND deleted_at IS NULL AND
        (?3 IS NULL OR EXISTS (SELECT 1 FROM messages WHERE id = ?3 AND chat_id = ?2 AND role <> ?4))
      RETURNING *`,
    parameters: [
      ...[id, chatId, parentId, role, state, createdAt],
      ...[reply && JSON.stringify(reply), text, JSON.stringify(files)],
    ],
  };
}

export function newReply(id: string, parentId: string, text: string, facts: ReplyFacts): NewMessage {
  const reply = { ...facts, hasTimeline: false };
  return {
    id,
    parentId,
    role: 'assistant',
    state: 'streaming',
    text,
    files: [],
    createdAt: Date.now(),
    reply,
  };
}

export function factsJson(facts: ReplyFacts, hasTimeline: boolean): string {
  return JSON.stringify({ ...facts, hasTimeline });
}

const chatOfReply = '(SELECT chat_id FROM messages WHERE id = ?1)';
const chatOfGrowingReply = `(SELECT chat_id FROM messages WHERE id = ?1 AND state = 'streaming')`;

/**
 * Shows the branch of a new reply. `title`: for a chat that has none of its own, with its first message; null: no message came, only a reply.
 */
export function showReply(replyId: string, facts: ReplyFacts, title: string | null): Statement {
  return {
    sql: `UPDATE chats SET leaf_id = ?1, model_title = ?2, changed_at = ${changedAt('?3')}, draft = iif(?4 IS NULL, draft, ''),
        title = iif(?4 IS NULL OR has_own_title OR message_count > 2, title, ?4)
      WHERE id = ${chatOfReply} RETURNING *`,
    parameters: [replyId, facts.modelTitle, Date.now(), title],
  };
}

export function countTokens(replyId: string, facts: ReplyFacts): Statement {
  return {
    sql: `UPDATE chats SET tokens = ?2 WHERE id = ${chatOfGrowingReply}`,
    parameters: [replyId, (facts.promptTokens ?? 0) + facts.generatedTokens],
  };
}

export function touchChat(replyId: string): Statement {
  return {
    sql: `UPDATE chats SET changed_at = ${changedAt('?2')} WHERE id = ${chatOfGrowingReply} RETURNING *`,
    parameters: [replyId, Date.now()],
  };
}

/** Nothing is written for null. */
export function keepTimeline(replyId: string, data: Uint8Array | null): Statement {
  return {
    sql: `INSERT INTO timelines (message_id, data)
      SELECT id, ?2 FROM messages WHERE id = ?1 AND state = 'streaming' AND ?2 IS NOT NULL`,
    parameters: [replyId, data],
  };
}
