/** Full-text search over titles and messages. A growing reply is found once it has ended. */
import type { SearchHit } from '../../contract/chats.ts';
import type { Row, Statement } from '../store/store-contract.ts';

/** Marks around matches in a snippet: control characters that no text needs. */
const matchBegins = '\u0001';
const matchEnds = '\u0002';
const snippetTokens = 24;

/**
 * Every word of a query as a quoted prefix, so that nothing in it is an operator; null: it has no words. Words that hold only signs match
 * whatever the others match.
 */
export function matchExpression(query: string): string | null {
  const words = query.split(/[\s\0"]+/u).filter((word) => /[\p{L}\p{N}\p{Co}]/u.test(word));
  return words.length === 0 ? null : words.map((word) => `"${word}"*`).join(' ');
}

/** Titles first, the latest chat first; then messages, the latest first. */
export function searchStatements(expression: string, limit: number): Statement[] {
  const snippet = (table: string) =>
    `snippet(${table}, 0, '${matchBegins}', '${matchEnds}', '…', ${snippetTokens}) AS snippet`;
  return [
    {
      sql: `SELECT chats.id AS chat_id, chats.title, NULL AS message_id, chats.changed_at AS at, ${snippet('chat_titles')}
        FROM chat_titles JOIN chats ON chats.sequence = chat_titles.rowid
        WHERE chat_titles MATCH ? AND chats.deleted_at IS NULL ORDER BY chats.changed_at DESC LIMIT ?`,
      parameters: [expression, limit],
    },
    {
      sql: `SELECT chats.id AS chat_id, chats.title, messages.id AS message_id, messages.created_at AS at, ${snippet('message_texts')}
        FROM message_texts CROSS JOIN messages ON messages.sequence = message_texts.rowid JOIN chats ON chats.id = messages.chat_id
        WHERE message_texts MATCH ? AND chats.deleted_at IS NULL ORDER BY message_texts.rowid DESC LIMIT ?`,
      parameters: [expression, limit],
    },
  ];
}

export function toHit(row: Row): SearchHit {
  return {
    chatId: String(row['chat_id']),
    chatTitle: String(row['title']),
    messageId: row['message_id'] as string | null,
    snippet: markedPieces(String(row['snippet'])),
    at: Number(row['at']),
  };
}

function markedPieces(snippet: string): SearchHit['snippet'] {
  const pieces: SearchHit['snippet'] = [];
  let isMatch = false;
  for (const part of snippet.split(/([\u0001\u0002])/u)) {
    if (part === matchBegins || part === matchEnds) isMatch = part === matchBegins;
    else if (part !== '') pieces.push({ text: part, isMatch });
  }
  return pieces;
}
