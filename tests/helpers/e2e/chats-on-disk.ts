/** What stands in the database of a data folder, read past the host that writes it. */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { MessageState, ReplyFacts } from '../../../electron/contract/chats.ts';

export interface StoredMessage {
  readonly id: string;
  readonly chatId: string;
  readonly role: 'user' | 'assistant';
  readonly state: MessageState;
  readonly text: string;
  readonly reply: ReplyFacts | null;
}

/** Oldest first. */
export function messagesOnDisk(home: string): StoredMessage[] {
  const rows = read(home, 'SELECT id, chat_id, role, state, text, reply FROM messages ORDER BY sequence');
  return rows.map((row) => ({
    id: String(row['id']),
    chatId: String(row['chat_id']),
    role: row['role'] as StoredMessage['role'],
    state: row['state'] as MessageState,
    text: String(row['text']),
    reply: typeof row['reply'] === 'string' ? (JSON.parse(row['reply']) as ReplyFacts) : null,
  }));
}

export function lastReplyOnDisk(home: string): StoredMessage {
  const reply = messagesOnDisk(home).findLast(({ role }) => role === 'assistant');
  if (!reply) throw new Error('There is no reply on disk.');
  return reply;
}

/** 'ok', or what SQLite finds wrong. */
export function integrityOnDisk(home: string): string {
  return String(read(home, 'PRAGMA integrity_check')[0]?.['integrity_check']);
}

function read(home: string, sql: string): Record<string, unknown>[] {
  const database = new DatabaseSync(join(home, 'retort.db'), { readOnly: true, timeout: 10_000 });
  try {
    return database.prepare(sql).all();
  } finally {
    database.close();
  }
}
