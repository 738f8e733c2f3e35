/** Writes a chat that came in a file. */
import { newId } from '../new-id.ts';
import type { Statement } from '../store/store-contract.ts';
import type { ChatFile } from './chat-file.ts';
import { changedAt } from './rows.ts';
import { insertMessage } from './writing.ts';

/** The last returns the chat's row. Ids are made anew: the file may be of a chat that is still here. */
export function importStatements(file: ChatFile): Statement[] {
  const chatId = newId();
  // Numbered, since many random endings of one millisecond would meet.
  const ids = new Map(file.messages.map(({ id }, index) => [id, `${newId()}-${index.toString(36)}`]));
  const idOf = (id: string | null) => (id === null ? null : (ids.get(id) ?? null));
  const messages = file.messages.map((message) =>
    insertMessage(chatId, { ...message, id: idOf(message.id) ?? '', parentId: idOf(message.parentId) }),
  );
  return [insertChat(chatId, file), ...messages, showImported(chatId, file, idOf(file.leafId))];
}

function insertChat(
  id: string,
  { title, isPinned, createdAt, maxTokens, sampling, systemPrompt }: ChatFile,
): Statement {
  return {
    sql: `INSERT INTO chats (id, title, has_own_title, is_pinned, created_at, changed_at, max_tokens, sampling, system_prompt, draft)
      VALUES (?, ?, 1, ?, ?, 0, ?, ?, ?, '')`,
    parameters: [id, title, Number(isPinned), createdAt, maxTokens, JSON.stringify(sampling), systemPrompt],
  };
}

/** It stands first in the list, with the figures of its latest reply. */
function showImported(id: string, { messages }: ChatFile, leafId: string | null): Statement {
  const latest = messages.findLast((message) => message.reply !== null)?.reply;
  return {
    sql: `UPDATE chats SET leaf_id = ?2, model_title = ?3, tokens = ?4, changed_at = ${changedAt('?5')} WHERE id = ?1 RETURNING *`,
    parameters: [
      ...[id, leafId, latest?.modelTitle ?? null],
      ...[(latest?.promptTokens ?? 0) + (latest?.generatedTokens ?? 0), Date.now()],
    ],
  };
}
