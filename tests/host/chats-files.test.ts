import { expect, test } from 'vitest';
import { Chat, Message } from '../../electron/contract/chats.ts';
import { parseChatFile } from '../../electron/host/chats/chat-file.ts';
import type { Chats } from '../../electron/host/chats/chats.ts';
import { exportChat } from '../../electron/host/chats/export.ts';
import { addTurn, openChats } from '../helpers/chats.ts';
import { thrownLabError } from '../helpers/model-folder.ts';
import { noFacts } from '../helpers/no-facts.ts';

/** A chat with two branches, a file, an interrupted reply and one that still grows. */
async function branchedChat(chats: Chats) {
  const chat = await chats.create({
    title: 'A/B: “x”',
    systemPrompt: 'Be <kind>.',
    sampling: { temperature: 0.5 },
    maxTokens: 9,
  });
  const files = [{ name: 'a.md', text: '```\ncode\n````' }];
  const first = await chats.begin({ chatId: chat.id, parentId: null, text: 'Hello *you*', files }, noFacts);
  const facts = { ...noFacts, finishReason: 'stop', promptTokens: 8, generatedTokens: 2 } as const;
  const timeline = { tokens: [], prefill: [] };
  await chats.finish(first.reply.id, 'complete', { text: 'Hi <b>there</b>', facts, timeline });
  const error = { code: 'engine-gone', message: 'The engine died.' };
  const turn = { chatId: chat.id, parentId: first.reply.id, text: 'Go on', files: [] };
  const second = await chats.begin(turn, noFacts);
  await chats.finish(second.reply.id, 'interrupted', {
    text: 'Once',
    facts: { ...noFacts, error },
    timeline: null,
  });
  await chats.beginReply(first.message.id, noFacts, 'growing');
  await chats.change(chat.id, { leafId: second.reply.id, isPinned: true });
  return chat.id;
}

test('an exported JSON file comes back as the same chat with ids of its own, first in the list', async () => {
  const { chats, told } = openChats();
  const id = await branchedChat(chats);
  await chats.create({});
  const { fileName, mediaType, text } = await chats.export(id, 'json');
  expect([fileName, mediaType]).toEqual(['A-B-x.json', 'application/json']);
  const summary = await chats.import(text);
  expect(told.at(-1)).toEqual({ type: 'chat', chat: summary });
  expect(summary).toMatchObject({ title: 'A/B: “x”', messages: 5, isPinned: true, modelTitle: 'Tiny model' });
  expect((await chats.list())[0]).toEqual(summary);
  const [before, after] = [await chats.read(id), await chats.read(summary.id)];
  const ids = new Map(before.messages.map((message, index) => [message.id, after.messages[index]?.id]));
  expect(new Set(ids.values()).size).toBe(5);
  for (const [index, was] of before.messages.entries()) {
    expect(after.messages[index]).toEqual({
      ...{ ...was, id: ids.get(was.id), chatId: summary.id, parentId: was.parentId && ids.get(was.parentId) },
      state: was.state === 'streaming' ? 'interrupted' : was.state,
      reply: was.reply && { ...was.reply, hasTimeline: false },
    });
  }
  expect(after.chat.leafId).toBe(ids.get(before.chat.leafId ?? ''));
  expect(after.chat).toMatchObject({
    systemPrompt: 'Be <kind>.',
    sampling: { temperature: 0.5 },
    maxTokens: 9,
  });
  Chat.parse(after.chat);
  after.messages.forEach((message) => Message.parse(message));
  expect((await chats.export(summary.id, 'markdown')).text).toBe((await chats.export(id, 'markdown')).text);
  expect(await chats.search('once', 10)).toHaveLength(2);
});

test('Markdown shows the branch that is shown, files in fences that hold them', async () => {
  const { chats } = openChats();
  const { text, fileName } = await chats.export(await branchedChat(chats), 'markdown');
  expect(fileName).toBe('A-B-x.md');
  expect(text).toBe(
    [
      ...['# A/B: “x”', '## System prompt', 'Be <kind>.', '## You', 'Hello *you*', '**a.md**'],
      ...['`````\n```\ncode\n````\n`````', '## Tiny model', 'Hi <b>there</b>', '## You', 'Go on'],
      ...['## Tiny model', 'Once', '*The engine died.*\n'],
    ].join('\n\n'),
  );
});

test('HTML holds no markup but its own, whatever the texts are, and forbids everything from elsewhere', async () => {
  const { chats } = openChats();
  const hostile = `</div></pre><script>alert(1)</script><img src=x onerror='a'>"&lt;\u0000\u001b[31m`;
  const chat = await chats.create({ title: hostile.slice(0, 100), systemPrompt: hostile });
  const files = [{ name: hostile, text: hostile }];
  const { reply } = await chats.begin({ chatId: chat.id, parentId: null, text: hostile, files }, noFacts);
  const error = { code: 'internal', message: hostile };
  const facts = { ...noFacts, modelTitle: hostile, error };
  await chats.finish(reply.id, 'interrupted', { text: hostile, facts, timeline: null });
  const { text } = await chats.export(chat.id, 'html');
  expect(text).toContain(`content="default-src 'none'; style-src 'unsafe-inline'"`);
  const tags = new Set([...text.matchAll(/<\/?[a-z0-9!]+/gi)].map(([tag]) => tag.replace('/', '')));
  expect([...tags].sort()).toEqual([
    '<!doctype',
    '<body',
    '<details',
    '<div',
    '<h1',
    '<h2',
    '<head',
    '<html',
    '<meta',
    '<p',
    '<pre',
    '<section',
    '<style',
    '<summary',
    '<title',
  ]);
  expect(text.match(/&lt;script&gt;alert\(1\)&lt;\/script&gt;/g)).toHaveLength(9);
  expect(text).not.toMatch(/[\u0000\u001b]/);
});

const chatFields = {
  ...{
    id: 'c',
    isPinned: false,
    createdAt: 1,
    changedAt: 1,
    modelTitle: null,
    tokens: 0,
    messages: 0,
    leafId: null,
  },
  ...{ systemPrompt: '', sampling: {}, maxTokens: null, draft: '' },
};

test.each([
  ['con', 'chat-con'],
  ['../../etc/passwd', 'etc-passwd'],
  ['…', 'chat'],
  ['日本語 の 題', '日本語-の-題'],
  ['x'.repeat(200), 'x'.repeat(60)],
])('the file of a chat with the title %j is called %s', (title, name) => {
  expect(exportChat(Chat.parse({ ...chatFields, title }), [], 'html').fileName).toBe(`${name}.html`);
});

test('a chat without messages is exported and imported too', async () => {
  const { chats } = openChats();
  const { id } = await chats.create({});
  const texts = await Promise.all(
    (['json', 'markdown', 'html'] as const).map((format) => chats.export(id, format)),
  );
  expect(texts[1]?.text).toBe('# New chat\n');
  expect(await chats.import(texts[0]?.text ?? '')).toMatchObject({ messages: 0, title: 'New chat' });
  await expect(chats.export('nowhere', 'json')).rejects.toMatchObject({ code: 'not-found' });
});

const message = {
  ...{
    id: 'm1',
    parentId: null,
    role: 'user',
    text: 'x',
    files: [],
    state: 'complete',
    createdAt: 1,
    reply: null,
  },
} as const;
const reply = { ...message, id: 'm2', parentId: 'm1', role: 'assistant', reply: noFacts } as const;
const file = {
  ...{
    format: 'retort-chat',
    version: 1,
    title: 'T',
    isPinned: false,
    createdAt: 1,
    systemPrompt: '',
    sampling: {},
  },
  ...{ maxTokens: null, leafId: null, messages: [message, reply] },
};

test.each<[string, unknown, string | undefined]>([
  ['text', 'hello', undefined],
  ['a number', 5, undefined],
  ['nothing', null, undefined],
  ['a list', [], undefined],
  ['another format', { ...file, format: 'other' }, 'format'],
  ['a later version', { ...file, version: 2 }, 'version'],
  ['a field more', { ...file, extra: 1 }, undefined],
  ['an empty title', { ...file, title: ' ' }, 'title'],
  ['a title that is no text', { ...file, title: 5 }, 'title'],
  ['a time with a fraction', { ...file, createdAt: 1.5 }, 'createdAt'],
  ['sampling out of range', { ...file, sampling: { temperature: -1 } }, 'sampling.temperature'],
  ['a leaf that is not there', { ...file, leafId: 'm3' }, 'leafId'],
  ['messages that are no list', { ...file, messages: {} }, 'messages'],
  ['too many messages', { ...file, messages: Array(100_001).fill(message) }, 'messages'],
  ['an id with a path', { ...file, messages: [{ ...message, id: '../x' }] }, 'messages.0.id'],
  ['one id twice', { ...file, messages: [message, { ...message }] }, 'messages.1.id'],
  [
    'a parent that is not there',
    { ...file, messages: [message, { ...reply, parentId: 'm9' }] },
    'messages.1.parentId',
  ],
  [
    'a message that follows itself',
    { ...file, messages: [{ ...message, parentId: 'm1' }] },
    'messages.0.parentId',
  ],
  ['a circle', { ...file, messages: [{ ...message, parentId: 'm2' }, reply] }, 'messages.0.parentId'],
  [
    'two of one role',
    { ...file, messages: [message, { ...message, id: 'm2', parentId: 'm1' }] },
    'messages.1.role',
  ],
  [
    'a reply without figures',
    { ...file, messages: [message, { ...reply, reply: null }] },
    'messages.1.reply',
  ],
  ['a message with figures', { ...file, messages: [{ ...message, reply: noFacts }] }, 'messages.0.reply'],
  ['a growing reply', { ...file, messages: [message, { ...reply, state: 'streaming' }] }, 'messages.1.state'],
  ['another chat’s id', { ...file, messages: [{ ...message, chatId: 'c' }] }, 'messages.0'],
  [
    'too many files',
    { ...file, messages: [{ ...message, files: Array(101).fill({ name: 'a', text: '' }) }] },
    'messages.0.files',
  ],
])('a file with %s is refused naming the field', (_, content, field) => {
  expect(thrownLabError(() => parseChatFile(JSON.stringify(content)))).toMatchObject({
    code: 'bad-request',
    detail: field === undefined ? {} : { field },
  });
});

test.each([
  ['is cut short', '{"format":'],
  ['is nested 100,000 deep', '['.repeat(100_000)],
  ['is nested 100,000 deep and whole', '['.repeat(100_000) + ']'.repeat(100_000)],
  ['has a key of the prototype', JSON.stringify(file).replace('{', '{"__proto__":{"isPinned":true},')],
  ['has a constructor', JSON.stringify(file).replace('{', '{"constructor":1,')],
])('a file that %s is refused', (_, text) => {
  expect(thrownLabError(() => parseChatFile(text))).toMatchObject({ code: 'bad-request' });
});

test('of a file that is refused nothing is imported', async () => {
  const { chats, told } = openChats();
  const broken = { ...file, messages: [message, { ...reply, parentId: 'm9' }] };
  await expect(chats.import(JSON.stringify(broken))).rejects.toThrow(
    'the chat file, messages.1.parentId: there is no message m9 before it. Nothing was imported.',
  );
  expect(await chats.list()).toEqual([]);
  expect(told).toEqual([]);
});

test('50,000 messages are imported at once', async () => {
  const { chats } = openChats();
  const messages = Array.from({ length: 50_000 }, (_, index) => {
    const parentId = index === 0 ? null : `m${index - 1}`;
    return index % 2 === 0
      ? { ...message, id: `m${index}`, parentId }
      : { ...reply, id: `m${index}`, parentId };
  });
  const { id } = await chats.import(JSON.stringify({ ...file, messages, leafId: 'm49999' }));
  expect((await chats.read(id)).messages).toHaveLength(50_000);
  const { chat } = await chats.read(id);
  expect(await chats.path(chat.leafId ?? '')).toHaveLength(50_000);
  await addTurn(chats, { chatId: id, parentId: chat.leafId, text: 'more', reply: 'yes' });
});
