/**
 * `node many-chats.ts HOME [CHATS] [MESSAGES]`: fills a new data folder with chats, 1,000 of 100 messages each unless told otherwise, for
 * measurements. The same numbers give the same chats.
 */
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { openDatabase } from '../../electron/host/store/open-database.ts';
import { noFacts } from './no-facts.ts';

const firstDay = Date.UTC(2026, 0, 1);
const minuteMs = 60_000;
const wordsOfMessage = 25;
const wordsOfReply = 130;

export async function fillWithChats(home: string, chats = 1000, messages = 100_000): Promise<void> {
  const database = await openDatabase(join(home, 'retort.db'), join(home, 'backups'));
  try {
    database.exec('PRAGMA synchronous = OFF; BEGIN');
    writeChats(database, chats, messages);
    database.exec('COMMIT; PRAGMA wal_checkpoint(TRUNCATE)');
  } finally {
    database.close();
  }
}

function writeChats(database: DatabaseSync, chats: number, messages: number): void {
  const insertChat = database.prepare(
    `INSERT INTO chats (id, title, has_own_title, is_pinned, created_at, changed_at, model_title, tokens, leaf_id, sampling, system_prompt, draft)
     VALUES (?, ?, 1, ?, ?, ?, ?, ?, ?, '{}', '', '')`,
  );
  const insertMessage = database.prepare(
    `INSERT INTO messages (id, chat_id, parent_id, role, state, created_at, reply, text, files)
     VALUES (?, ?, ?, ?, 'complete', ?, ?, ?, '[]')`,
  );
  const reply = JSON.stringify({ ...noFacts, finishReason: 'stop', promptTokens: 900, generatedTokens: 180 });
  const sentence = sentences();
  const each = Math.ceil(messages / chats);
  for (let chat = 0, written = 0; chat < chats; chat++) {
    const count = Math.min(each, messages - written);
    const at = firstDay + written * minuteMs;
    const id = (message: number) => `m-${chat}-${message}`;
    const leaf = count > 0 ? id(count - 1) : null;
    const times = [at, at + count * minuteMs];
    insertChat.run(`c-${chat}`, sentence(5), Number(chat % 97 === 0), ...times, 'Tiny model', 1080, leaf);
    for (let message = 0; message < count; message++) {
      const isReply = message % 2 === 1;
      const text = sentence(isReply ? wordsOfReply : wordsOfMessage);
      insertMessage.run(
        ...[id(message), `c-${chat}`, message === 0 ? null : id(message - 1), isReply ? 'assistant' : 'user'],
        ...[at + message * minuteMs, isReply ? reply : null, text],
      );
    }
    written += count;
  }
}

/** Sentences of made-up words, some of them common, most rare. */
function sentences(): (words: number) => string {
  const random = generator();
  const syllables = 'ta re mi lo sun ke par vi don eth gra ol quin ze bu shi'.split(' ');
  const word = () =>
    Array.from({ length: 1 + random(3) }, () => syllables[random(syllables.length)]).join('');
  const vocabulary = Array.from({ length: 8000 }, word);
  const draw = () => vocabulary[random(1 + random(1 + random(vocabulary.length)))] ?? '';
  return (words) => Array.from({ length: words }, draw).join(' ');
}

/** A linear congruential generator: whole numbers below a limit. */
function generator(): (limit: number) => number {
  let state = 1;
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 4_294_967_296) * limit);
  };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [home = '', chats = '1000', messages = '100000'] = process.argv.slice(2);
  await fillWithChats(home, Number(chats), Number(messages));
}
