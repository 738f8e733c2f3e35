import { expect, test } from 'vitest';
import { matchExpression } from '../../electron/host/chats/search.ts';
import { addTurn, openChats } from '../helpers/chats.ts';
import { noFacts } from '../helpers/no-facts.ts';

test('titles come before messages, messages newest first, with what matched marked', async () => {
  const { chats } = openChats();
  const named = await chats.create({ title: 'About quartz' });
  const other = await chats.create({});
  const turn = await addTurn(chats, {
    chatId: other.id,
    text: 'What is Quartz?',
    reply: 'Quartz is a mineral.',
  });
  expect(await chats.search('quartz', 10)).toEqual([
    {
      ...{
        chatId: other.id,
        chatTitle: 'What is Quartz?',
        messageId: null,
        at: (await chats.list())[0]?.changedAt,
      },
      snippet: [
        { text: 'What is ', isMatch: false },
        { text: 'Quartz', isMatch: true },
        { text: '?', isMatch: false },
      ],
    },
    {
      ...{ chatId: named.id, chatTitle: 'About quartz', messageId: null, at: named.changedAt },
      snippet: [
        { text: 'About ', isMatch: false },
        { text: 'quartz', isMatch: true },
      ],
    },
    {
      ...{
        chatId: other.id,
        chatTitle: 'What is Quartz?',
        messageId: turn.reply.id,
        at: turn.reply.createdAt,
      },
      snippet: [
        { text: 'Quartz', isMatch: true },
        { text: ' is a mineral.', isMatch: false },
      ],
    },
    {
      ...{
        chatId: other.id,
        chatTitle: 'What is Quartz?',
        messageId: turn.message.id,
        at: turn.message.createdAt,
      },
      snippet: [
        { text: 'What is ', isMatch: false },
        { text: 'Quartz', isMatch: true },
        { text: '?', isMatch: false },
      ],
    },
  ]);
  expect(await chats.search('quartz', 3)).toHaveLength(3);
});

test('words are found by their beginning, without regard to case and accents, all of them in one message', async () => {
  const { chats } = openChats();
  const chat = await chats.create({ title: 'x' });
  await addTurn(chats, { chatId: chat.id, text: 'Ein Café in Übersee', reply: 'naïve quantization' });
  const count = async (query: string) => (await chats.search(query, 10)).length;
  expect(await count('cafe')).toBe(1);
  expect(await count('UBERS')).toBe(1);
  expect(await count('quant NAI')).toBe(1);
  expect(await count('cafe quant')).toBe(0);
  expect(await count('antization')).toBe(0);
});

test('a renamed chat is found by its new title alone', async () => {
  const { chats } = openChats();
  const chat = await chats.create({ title: 'before' });
  await chats.change(chat.id, { title: 'after' });
  expect(await chats.search('before', 10)).toEqual([]);
  expect(await chats.search('after', 10)).toHaveLength(1);
});

test('a growing reply is found once it has ended', async () => {
  const { chats } = openChats();
  const chat = await chats.create({ title: 'x' });
  const { reply } = await chats.begin({ chatId: chat.id, parentId: null, text: 'Hi', files: [] }, noFacts);
  await chats.checkpoint(reply.id, 'beryl', noFacts);
  await chats.checkpoint(reply.id, 'beryl and topaz', noFacts);
  expect(await chats.search('beryl', 10)).toEqual([]);
  await chats.finish(reply.id, 'complete', { text: 'topaz', facts: noFacts, timeline: null });
  expect(await chats.search('topaz', 10)).toHaveLength(1);
  expect(await chats.search('beryl', 10)).toEqual([]);
});

const hostile = [
  ...[
    '"',
    '""',
    '"a',
    'a"b',
    "'; DROP TABLE chats; --",
    '*',
    'a*',
    '(',
    ')',
    'a AND',
    'NOT',
    'OR OR',
    'NEAR(a b, 2)',
  ],
  ...[
    'title:a',
    '{text}: a',
    '- a',
    '^a',
    'a + b',
    '\0',
    'a\0b',
    '\ud800',
    '\u0001\u0002',
    '---',
    '%_',
    '\\',
    ':',
    '…',
  ],
  ...['a '.repeat(500), 'x'.repeat(1000), '"'.repeat(1000), '('.repeat(1000), '\u{1f9ea}', 'ﷺ', '日本語'],
];

test('every query is searched for, whatever it means elsewhere', async () => {
  const { chats } = openChats();
  const chat = await chats.create({ title: 'a b text' });
  await addTurn(chats, { chatId: chat.id, text: 'a b not near', reply: '' });
  for (const query of hostile) {
    expect(Array.isArray(await chats.search(query, 10)), query).toBe(true);
  }
  expect(await chats.search('a*', 10)).toHaveLength(2);
  expect(await chats.list()).toHaveLength(1);
});

test('operators of the text index are words like others', () => {
  expect(matchExpression('cats NOT dogs')).toBe('"cats"* "NOT"* "dogs"*');
  expect(matchExpression('say "hi*"')).toBe('"say"* "hi*"*');
  expect(matchExpression(' --- ')).toBeNull();
});

test('marks of a snippet in a text do no harm', async () => {
  const { chats } = openChats();
  const chat = await chats.create({ title: 'x' });
  await addTurn(chats, { chatId: chat.id, text: '\u0002odd\u0001 opal \u0001\u0002', reply: '' });
  const [hit] = await chats.search('opal', 10);
  expect(hit?.snippet.map((piece) => piece.text).join('')).toBe('odd opal ');
});
