import { expect, test, vi } from 'vitest';
import type { ReplyToken } from '../../electron/contract/chats.ts';
import { addTurn, openChats } from '../helpers/chats.ts';
import { noFacts } from '../helpers/no-facts.ts';

test('a message and the reply that grows after it are on disk, with the chat that shows them', async () => {
  const { chats, told } = openChats();
  const chat = await chats.create({ draft: 'typed' });
  const files = [{ name: 'notes.txt', text: 'a\0b “c” \u{1f9ea}' }];
  const { message, reply } = await chats.begin(
    { chatId: chat.id, parentId: null, text: 'Hello there', files },
    noFacts,
  );
  expect(message).toMatchObject({ role: 'user', state: 'complete', parentId: null, reply: null, files });
  expect(reply).toMatchObject({
    role: 'assistant',
    state: 'streaming',
    parentId: message.id,
    text: '',
    reply: noFacts,
  });
  const read = await chats.read(chat.id);
  expect(read.messages).toEqual([message, reply]);
  expect(read.chat).toMatchObject({
    ...{
      title: 'Hello there',
      leafId: reply.id,
      messages: 2,
      modelTitle: 'Tiny model',
      tokens: 0,
      draft: '',
    },
  });
  expect(told.map((event) => event.type)).toEqual(['chat', 'message', 'message', 'chat']);
});

test('a reply keeps what it has come to, then its end, its figures and its timeline', async () => {
  const { chats, told } = openChats();
  const chat = await chats.create({});
  const { reply } = await chats.begin({ chatId: chat.id, parentId: null, text: 'Hi', files: [] }, noFacts);
  told.length = 0;
  await chats.checkpoint(reply.id, 'Hel', { ...noFacts, promptTokens: 10, generatedTokens: 1 });
  expect(told).toEqual([]);
  expect(await chats.readMessage(reply.id)).toMatchObject({ text: 'Hel', state: 'streaming' });
  expect((await chats.list())[0]?.tokens).toBe(11);
  await expect(chats.readTimeline(reply.id)).rejects.toMatchObject({ code: 'not-found' });

  const trace = {
    step: 0,
    phase: 'decode',
    tokens: 1,
    position: 10,
    startNs: 1,
    timeNs: { total: 5 },
  } as const;
  const tokens: ReplyToken[] = [{ id: 7, text: 'Hello', piece: 'Hello', trace }];
  const timeline = { tokens, prefill: [{ ...trace, phase: 'prefill' as const }] };
  const facts = { ...noFacts, finishReason: 'stop', promptTokens: 10, generatedTokens: 2 } as const;
  const ended = await chats.finish(reply.id, 'complete', { text: 'Hello', facts, timeline });
  expect(ended).toMatchObject({ text: 'Hello', state: 'complete', reply: { ...facts, hasTimeline: true } });
  expect(await chats.readTimeline(reply.id)).toEqual(timeline);
  expect((await chats.list())[0]?.tokens).toBe(12);
  expect(told).toEqual([
    { type: 'message', message: ended },
    { type: 'chat', chat: (await chats.list())[0] },
  ]);
});

test('a reply that has ended is neither written over nor ended again', async () => {
  const { chats } = openChats();
  const chat = await chats.create({});
  const { reply } = await addTurn(chats, { chatId: chat.id, text: 'Hi', reply: 'Hello' });
  const before = await chats.read(chat.id);
  const outcome = { text: 'other', facts: noFacts, timeline: { tokens: [], prefill: [] } };
  await expect(chats.checkpoint(reply.id, 'other', noFacts)).rejects.toMatchObject({ code: 'bad-request' });
  await expect(chats.finish(reply.id, 'interrupted', outcome)).rejects.toMatchObject({ code: 'bad-request' });
  expect(await chats.read(chat.id)).toEqual(before);
  await expect(chats.readTimeline(reply.id)).rejects.toMatchObject({ code: 'not-found' });
});

test('branches share what comes before them, and the newest is shown', async () => {
  const { chats } = openChats();
  const chat = await chats.create({});
  const first = await addTurn(chats, { chatId: chat.id, text: 'One', reply: 'first' });
  const second = await addTurn(chats, {
    chatId: chat.id,
    parentId: first.reply.id,
    text: 'Two',
    reply: 'second',
  });
  const edited = await addTurn(chats, {
    chatId: chat.id,
    parentId: first.reply.id,
    text: 'Too',
    reply: 'other',
  });
  const again = await chats.beginReply(first.message.id, noFacts, 'begun');
  expect(again).toMatchObject({ parentId: first.message.id, text: 'begun', state: 'streaming' });
  const branch = async (id: string) => (await chats.path(id)).map((message) => message.text);
  expect(await branch(second.reply.id)).toEqual(['One', 'first', 'Two', 'second']);
  expect(await branch(edited.reply.id)).toEqual(['One', 'first', 'Too', 'other']);
  expect(await branch(again.id)).toEqual(['One', 'begun']);
  const read = await chats.read(chat.id);
  expect(read.chat).toMatchObject({ leafId: again.id, messages: 7, title: 'One' });
  expect(read.messages.map((message) => message.text)).toEqual([
    'One',
    'first',
    'Two',
    'second',
    'Too',
    'other',
    'begun',
  ]);
});

test('a message is refused where what it should follow is not there, and nothing of it is written', async () => {
  const { chats, store } = openChats();
  const [chat, other] = [await chats.create({}), await chats.create({})];
  const { message, reply } = await addTurn(chats, { chatId: chat.id, text: 'Hi', reply: 'Hello' });
  const before = await store.run('SELECT * FROM messages');
  const begin = (chatId: string, parentId: string | null) =>
    chats.begin({ chatId, parentId, text: 'lost', files: [] }, noFacts);
  const wrongParent = { code: 'bad-request', detail: { field: 'parentId' } };
  await expect(begin('nowhere', null)).rejects.toMatchObject({ code: 'not-found' });
  await expect(begin(chat.id, 'nowhere')).rejects.toMatchObject(wrongParent);
  await expect(begin(chat.id, message.id)).rejects.toMatchObject(wrongParent);
  await expect(begin(other.id, reply.id)).rejects.toMatchObject(wrongParent);
  await expect(chats.beginReply(reply.id, noFacts)).rejects.toMatchObject(wrongParent);
  await expect(chats.beginReply('nowhere', noFacts)).rejects.toMatchObject({ code: 'not-found' });
  expect(await store.run('SELECT * FROM messages')).toEqual(before);
  expect((await chats.read(other.id)).chat).toMatchObject({ messages: 0, title: 'New chat' });
});

test('a title that a person gave stays, one from the first words does too', async () => {
  const { chats } = openChats();
  const named = await chats.create({ title: 'Mine' });
  await addTurn(chats, { chatId: named.id, text: 'Hello', reply: '' });
  expect((await chats.read(named.id)).chat.title).toBe('Mine');
  const plain = await chats.create({});
  const { reply } = await addTurn(chats, { chatId: plain.id, text: '# Why *is*\nit so?', reply: '' });
  await addTurn(chats, { chatId: plain.id, parentId: reply.id, text: 'Later words', reply: '' });
  expect((await chats.read(plain.id)).chat.title).toBe('Why is');
});

test('what a person sets of a chat is kept, null included, and the rest stays', async () => {
  const { chats, told } = openChats();
  const set = {
    systemPrompt: 'Be kind.',
    sampling: { temperature: 0.5, seed: 3 },
    maxTokens: 100,
    draft: 'x',
  };
  const chat = await chats.create(set);
  expect(chat).toMatchObject({ ...set, title: 'New chat', isPinned: false, leafId: null, messages: 0 });
  expect(await chats.change(chat.id, { maxTokens: null, isPinned: true, title: 'Named' })).toEqual({
    ...{ ...chat, maxTokens: null, isPinned: true, title: 'Named' },
  });
  expect((await chats.read(chat.id)).chat).toMatchObject({ systemPrompt: 'Be kind.', maxTokens: null });
  expect(told.at(-1)).toMatchObject({ type: 'chat', chat: { title: 'Named', isPinned: true } });
  const before = told.length;
  expect(await chats.change(chat.id, {})).toMatchObject({ title: 'Named' });
  expect(await chats.change(chat.id, { draft: 'typed' })).toMatchObject({ draft: 'typed' });
  expect(told).toHaveLength(before);
});

test('a leaf is a message of the chat itself', async () => {
  const { chats } = openChats();
  const [chat, other] = [await chats.create({}), await chats.create({})];
  const { message } = await addTurn(chats, { chatId: chat.id, text: 'Hi', reply: 'Hello' });
  expect(await chats.change(chat.id, { leafId: message.id })).toMatchObject({ leafId: message.id });
  const refused = { code: 'bad-request', detail: { field: 'leafId' } };
  await expect(chats.change(other.id, { leafId: message.id })).rejects.toMatchObject(refused);
  await expect(chats.create({ leafId: message.id })).rejects.toMatchObject(refused);
  await expect(chats.change('nowhere', { draft: 'x' })).rejects.toMatchObject({ code: 'not-found' });
  expect(await chats.change(chat.id, { leafId: null })).toMatchObject({ leafId: null });
});

test('chats stand pinned first, then by what happened in them last, also where the clock jumps back a day', async () => {
  const { chats } = openChats();
  vi.useFakeTimers({ toFake: ['Date'] });
  try {
    vi.setSystemTime(Date.UTC(2026, 0, 10, 12));
    const [a, b, c] = [await chats.create({}), await chats.create({}), await chats.create({})];
    const titles = async () => (await chats.list()).map((chat) => chat.id);
    expect(await titles()).toEqual([c.id, b.id, a.id]);
    vi.setSystemTime(Date.UTC(2026, 0, 9, 12));
    const { reply } = await addTurn(chats, { chatId: a.id, text: 'one', reply: 'two' });
    expect(await titles()).toEqual([a.id, c.id, b.id]);
    await addTurn(chats, { chatId: a.id, parentId: reply.id, text: 'three', reply: 'four' });
    const { messages } = await chats.read(a.id);
    expect(messages.map((message) => message.text)).toEqual(['one', 'two', 'three', 'four']);
    const d = await chats.create({});
    await chats.change(b.id, { isPinned: true });
    expect(await titles()).toEqual([b.id, d.id, a.id, c.id]);
    const times = (await chats.list()).slice(1).map((chat) => chat.changedAt);
    expect(times).toEqual(times.toSorted((left, right) => right - left));
  } finally {
    vi.useRealTimers();
  }
});

test('a deleted chat is gone from list, reading and search until it is restored', async () => {
  const { chats, told } = openChats();
  const chat = await chats.create({});
  const { reply } = await addTurn(chats, { chatId: chat.id, text: 'Alembic', reply: 'glass' });
  await chats.delete(chat.id);
  expect(told.at(-1)).toEqual({ type: 'chat-removed', id: chat.id });
  expect(await chats.list()).toEqual([]);
  expect(await chats.search('alembic', 10)).toEqual([]);
  const gone = { code: 'not-found' };
  await expect(chats.read(chat.id)).rejects.toMatchObject(gone);
  await expect(chats.delete(chat.id)).rejects.toMatchObject(gone);
  await expect(
    addTurn(chats, { chatId: chat.id, parentId: reply.id, text: 'x', reply: '' }),
  ).rejects.toMatchObject(gone);
  expect(await chats.restore(chat.id)).toMatchObject({ id: chat.id, messages: 2 });
  expect(told.at(-1)).toMatchObject({ type: 'chat', chat: { id: chat.id } });
  expect((await chats.read(chat.id)).messages).toHaveLength(2);
});

test('a reply of a deleted chat still ends, and pages do not hear of the chat again', async () => {
  const { chats, told } = openChats();
  const chat = await chats.create({});
  const { reply } = await chats.begin({ chatId: chat.id, parentId: null, text: 'Hi', files: [] }, noFacts);
  await chats.delete(chat.id);
  told.length = 0;
  await chats.finish(reply.id, 'interrupted', { text: 'Hel', facts: noFacts, timeline: null });
  expect(told.map((event) => event.type)).toEqual(['message']);
  await chats.restore(chat.id);
  expect((await chats.read(chat.id)).messages[1]).toMatchObject({ text: 'Hel', state: 'interrupted' });
});

test('taking over interrupts what still grew, with the reason, and removes deleted chats for good', async () => {
  const { chats, store } = openChats();
  const [kept, deleted] = [await chats.create({}), await chats.create({})];
  await addTurn(chats, { chatId: deleted.id, text: 'Secret', reply: 'word' });
  const { reply } = await chats.begin({ chatId: kept.id, parentId: null, text: 'Hi', files: [] }, noFacts);
  await chats.checkpoint(reply.id, 'Hello wor', { ...noFacts, generatedTokens: 2 });
  await chats.delete(deleted.id);
  await chats.takeOver();
  expect(await chats.readMessage(reply.id)).toMatchObject({
    state: 'interrupted',
    text: 'Hello wor',
    reply: { generatedTokens: 2, error: { message: 'Retort ended while this was written.' } },
  });
  await expect(chats.restore(deleted.id)).rejects.toMatchObject({ code: 'not-found' });
  expect(await store.run('SELECT count(*) AS messages FROM messages')).toEqual([{ messages: 2 }]);
  expect(await chats.search('wor', 10)).toMatchObject([{ messageId: reply.id }]);
  expect(await chats.search('secret', 10)).toEqual([]);
});
