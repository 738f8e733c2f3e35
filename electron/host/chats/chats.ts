/**
 * Chats on disk: a tree of messages each. What a method wrote is on disk when its promise resolves; pages hear of it afterwards. One process at a
 * time may write (owner.ts).
 */
import type {
  AttachedFile,
  Chat,
  ChatChange,
  ChatSummary,
  ExportFormat,
  Message,
  ReplyFacts,
  ReplyToken,
  SearchHit,
} from '../../contract/chats.ts';
import { LabError } from '../../contract/errors.ts';
import type { TraceRecord } from '../../contract/trace.ts';
import type { AppEvents } from '../events.ts';
import { newId } from '../new-id.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/store-contract.ts';
import { parseChatFile } from './chat-file.ts';
import { exportChat, type ExportedChat } from './export.ts';
import { importStatements } from './import.ts';
import { changedAt, columnsOf, summaryColumns, toChat, toMessage, toSummary } from './rows.ts';
import {
  countTokens,
  factsJson,
  insertMessage,
  keepTimeline,
  newReply,
  showReply,
  touchChat,
} from './writing.ts';
import { matchExpression, searchStatements, toHit } from './search.ts';
import { packTimeline, unpackTimeline, type Timeline } from './timeline.ts';
import { titleOf, untitled } from './title.ts';

export interface NewTurn {
  readonly chatId: string;
  /** The reply that the message follows; null: it begins the chat. */
  readonly parentId: string | null;
  readonly text: string;
  readonly files: readonly AttachedFile[];
}

const endedWhileWriting = { code: 'engine-gone', message: 'Retort ended while this was written.' };

export class Chats {
  readonly #store: Store;
  readonly #events: AppEvents;

  constructor(store: Store, events: AppEvents) {
    this.#store = store;
    this.#events = events;
  }

  /** What the owner does first: replies that an earlier process left growing are interrupted, deleted chats go for good. */
  async takeOver(): Promise<void> {
    await this.#store.transaction([
      {
        sql: `UPDATE messages SET state = 'interrupted', reply = json_set(reply, '$.error', json(?)) WHERE state = 'streaming'`,
        parameters: [JSON.stringify(endedWhileWriting)],
      },
      { sql: 'DELETE FROM chats WHERE deleted_at IS NOT NULL', parameters: [] },
    ]);
  }

  /** Pinned ones first, then by what changed last. */
  async list(): Promise<ChatSummary[]> {
    const rows = await this.#store.run(
      `SELECT ${summaryColumns} FROM chats WHERE deleted_at IS NULL ORDER BY is_pinned DESC, changed_at DESC`,
    );
    return rows.map(toSummary);
  }

  /** The chat and all its messages, in the order they came. Throws not-found. */
  async read(id: string): Promise<{ chat: Chat; messages: Message[] }> {
    const [chats, messages] = await this.#store.transaction([
      { sql: 'SELECT * FROM chats WHERE id = ? AND deleted_at IS NULL', parameters: [id] },
      { sql: 'SELECT * FROM messages WHERE chat_id = ? ORDER BY sequence', parameters: [id] },
    ]);
    return { chat: toChat(foundChat(chats?.[0])), messages: (messages ?? []).map(toMessage) };
  }

  /** Throws not-found. */
  async readMessage(id: string): Promise<Message> {
    const [row] = await this.#store.run('SELECT * FROM messages WHERE id = ?', id);
    return toMessage(foundMessage(row));
  }

  /** The branch from the first message to this one. Throws not-found. */
  async path(messageId: string): Promise<Message[]> {
    const rows = await this.#store.run(
      // A message comes after the one it follows: the second condition ends the walk whatever the rows say.
      `WITH RECURSIVE branch AS (
         SELECT * FROM messages WHERE id = ?
         UNION ALL SELECT messages.* FROM branch JOIN messages ON messages.id = branch.parent_id AND messages.sequence < branch.sequence
       ) SELECT * FROM branch ORDER BY sequence`,
      messageId,
    );
    foundMessage(rows[0]);
    return rows.map(toMessage);
  }

  async search(query: string, limit: number): Promise<SearchHit[]> {
    const expression = matchExpression(query);
    if (expression === null) return [];
    const found = await this.#store.transaction(searchStatements(expression, limit));
    return found.flat().slice(0, limit).map(toHit);
  }

  async create(change: ChatChange): Promise<Chat> {
    if (typeof change.leafId === 'string') throw leafElsewhere();
    const now = Date.now();
    const given = { title: untitled, isPinned: false, systemPrompt: '', sampling: {}, draft: '', ...change };
    const columns = columnsOf(given).filter(({ column }) => column !== 'has_own_title');
    const [row] = await this.#store.run(
      `INSERT INTO chats (id, created_at, has_own_title, ${columns.map(({ column }) => column).join(', ')}, changed_at)
       VALUES (?, ?, ?, ${columns.map(() => '?').join(', ')}, ${changedAt('?')}) RETURNING *`,
      ...[newId(), now, Number(change.title !== undefined), ...columns.map(({ value }) => value), now],
    );
    return this.#tell(foundChat(row));
  }

  /** Throws not-found, and bad-request for a leaf that is no message of the chat. */
  async change(id: string, change: ChatChange): Promise<Chat> {
    const columns = columnsOf(change);
    if (columns.length === 0) return (await this.read(id)).chat;
    const leafId = change.leafId ?? null;
    const [row] = await this.#store.run(
      `UPDATE chats SET ${columns.map(({ column }) => `${column} = ?`).join(', ')} WHERE id = ? AND deleted_at IS NULL
         AND (? IS NULL OR EXISTS (SELECT 1 FROM messages WHERE messages.id = ? AND chat_id = chats.id)) RETURNING *`,
      ...[...columns.map(({ value }) => value), id, leafId, leafId],
    );
    // What a person types is of no concern to others until it is sent.
    if (row) return columns.every(({ column }) => column === 'draft') ? toChat(row) : this.#tell(row);
    await this.read(id);
    throw leafElsewhere();
  }

  /** Takes the chat from every list; `restore` undoes it until the owner's next start. Throws not-found. */
  async delete(id: string): Promise<void> {
    const [row] = await this.#store.run(
      'UPDATE chats SET deleted_at = ? WHERE id = ? AND deleted_at IS NULL RETURNING id',
      ...[Date.now(), id],
    );
    foundChat(row);
    this.#events.emit({ type: 'chat-removed', id });
  }

  /** Throws not-found. */
  async restore(id: string): Promise<ChatSummary> {
    const [row] = await this.#store.run('UPDATE chats SET deleted_at = NULL WHERE id = ? RETURNING *', id);
    this.#tell(foundChat(row));
    return toSummary(foundChat(row));
  }

  /** Throws not-found. */
  async export(id: string, format: ExportFormat): Promise<ExportedChat> {
    const { chat, messages } = await this.read(id);
    return exportChat(chat, messages, format);
  }

  /** Adds the chat of a file that `export` wrote as JSON, with ids of its own. Throws bad-request naming the field that is wrong. */
  async import(text: string): Promise<ChatSummary> {
    const rows = await this.#store.transaction(importStatements(parseChatFile(text)));
    const chat = foundChat(rows.at(-1)?.[0]);
    this.#tell(chat);
    return toSummary(chat);
  }

  /** Writes a person's message and the reply that is to grow after it. Throws not-found, and bad-request for a wrong parent. */
  async begin(turn: NewTurn, facts: ReplyFacts): Promise<{ message: Message; reply: Message }> {
    const { chatId, parentId, text } = turn;
    const files = [...turn.files];
    const [messageId, replyId] = [newId(), newId()];
    const [messages, replies, chats] = await this.#store.transaction([
      insertMessage(chatId, {
        ...{ id: messageId, parentId, role: 'user', state: 'complete', text, files },
        ...{ createdAt: Date.now(), reply: null },
      }),
      insertMessage(chatId, newReply(replyId, messageId, '', facts)),
      showReply(replyId, facts, titleOf(text, files)),
    ]);
    if (!messages?.[0]) throw await this.#whyRefused(chatId);
    const message = this.#tellOfMessage(messages[0]);
    const reply = this.#tellOfMessage(foundMessage(replies?.[0]));
    this.#tell(foundChat(chats?.[0]));
    return { message, reply };
  }

  /** Another reply to a person's message: a branch. `text`: what it begins with. Throws not-found and bad-request. */
  async beginReply(parentId: string, facts: ReplyFacts, text = ''): Promise<Message> {
    const { chatId } = await this.readMessage(parentId);
    const replyId = newId();
    const [replies, chats] = await this.#store.transaction([
      insertMessage(chatId, newReply(replyId, parentId, text, facts)),
      showReply(replyId, facts, null),
    ]);
    if (!replies?.[0]) throw await this.#whyRefused(chatId);
    const reply = this.#tellOfMessage(replies[0]);
    this.#tell(foundChat(chats?.[0]));
    return reply;
  }

  /** What a growing reply has come to. Pages follow the reply itself and are not told. Throws bad-request where it has ended. */
  async checkpoint(replyId: string, text: string, facts: ReplyFacts): Promise<void> {
    const [, written] = await this.#store.transaction([
      countTokens(replyId, facts),
      {
        sql: `UPDATE messages SET text = ?, reply = ? WHERE id = ? AND state = 'streaming' RETURNING id`,
        parameters: [text, factsJson(facts, false), replyId],
      },
    ]);
    if (!written?.[0]) throw hasEnded();
  }

  /** Ends a growing reply. Throws bad-request where it has ended already. */
  async finish(
    replyId: string,
    state: 'complete' | 'interrupted',
    outcome: { readonly text: string; readonly facts: ReplyFacts; readonly timeline: Timeline | null },
  ): Promise<Message> {
    const { text, facts, timeline } = outcome;
    const packed = timeline && (await packTimeline(timeline));
    const statements = [
      countTokens(replyId, facts),
      touchChat(replyId),
      keepTimeline(replyId, packed),
      {
        sql: `UPDATE messages SET state = ?, text = ?, reply = ? WHERE id = ? AND state = 'streaming' RETURNING *`,
        parameters: [state, text, factsJson(facts, packed !== null), replyId],
      },
    ];
    const [, chats, , replies] = await this.#store.transaction(statements);
    if (!replies?.[0]) throw hasEnded();
    const reply = this.#tellOfMessage(replies[0]);
    this.#tell(foundChat(chats?.[0]));
    return reply;
  }

  /** Throws not-found where none was kept, bad-file where it is damaged. */
  async readTimeline(replyId: string): Promise<{ tokens: ReplyToken[]; prefill: TraceRecord[] }> {
    const [row] = await this.#store.run('SELECT data FROM timelines WHERE message_id = ?', replyId);
    const data = row?.['data'];
    if (data instanceof Uint8Array) return unpackTimeline(data);
    throw new LabError('not-found', 'No timeline of this reply was kept.');
  }

  /** Pages hear of a chat unless it is deleted: a reply may end after that. */
  #tell(row: Row): Chat {
    if (row['deleted_at'] === null) this.#events.emit({ type: 'chat', chat: toSummary(row) });
    return toChat(row);
  }

  #tellOfMessage(row: Row): Message {
    const message = toMessage(row);
    this.#events.emit({ type: 'message', message });
    return message;
  }

  /** Why a message was not written: no chat, or a message before it that does not fit. */
  async #whyRefused(chatId: string): Promise<LabError> {
    await this.read(chatId);
    return new LabError(
      'bad-request',
      'parentId: a message follows a reply of its own chat, a reply follows a message. Nothing was written: open the chat again.',
      { field: 'parentId' },
    );
  }
}

function foundChat(row: Row | undefined): Row {
  if (row) return row;
  throw new LabError('not-found', 'That chat is not there any more.');
}

function foundMessage(row: Row | undefined): Row {
  if (row) return row;
  throw new LabError('not-found', 'That message is not there any more.');
}

function leafElsewhere(): LabError {
  return new LabError('bad-request', 'leafId: that message is not in this chat. Nothing was changed.', {
    field: 'leafId',
  });
}

function hasEnded(): LabError {
  return new LabError('bad-request', 'That reply has ended already: it stays as it is.');
}
