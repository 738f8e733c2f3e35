import { expect, test } from 'vitest';
import type { Message } from '../../electron/contract/chats.ts';
import { withoutThinking } from '../../electron/contract/thinking.ts';
import { promptOf } from '../../electron/host/replies/prompt.ts';

function message(role: Message['role'], text: string, changes: Partial<Message> = {}): Message {
  return {
    id: `${role}-1`,
    chatId: 'chat',
    parentId: null,
    role,
    text,
    files: [],
    state: 'complete',
    createdAt: 0,
    reply: null,
    ...changes,
  };
}
const contents = (prompt: ReturnType<typeof promptOf>) => prompt.map(({ role, content }) => [role, content]);

test('a prompt is the system prompt, the branch in order, and the draft', () => {
  const branch = [message('user', 'Hello'), message('assistant', 'Hi.')];
  const prompt = promptOf('Be brief.', branch, { text: 'Why?', files: [] });
  expect(contents(prompt)).toEqual([
    ['system', 'Be brief.'],
    ['user', 'Hello'],
    ['assistant', 'Hi.'],
    ['user', 'Why?'],
  ]);
});

test('an empty system prompt and an empty reply send nothing', () => {
  expect(contents(promptOf(' \n', [message('user', 'Hello'), message('assistant', '')], null))).toEqual([
    ['user', 'Hello'],
  ]);
});

test.each([
  ['<think>hmm</think>\n\nYes.', 'Yes.'],
  ['<think>never closed', ''],
  ['begun by the template</think>\n\nYes.', 'Yes.'],
  ['one thought</think>another</think>Yes.', 'Yes.'],
  ['<think>a<think>b</think>c</think>Yes.', 'Yes.'],
  ['Yes. <think>a</think>No.<think>b</think>', 'Yes. No.'],
  [
    'Open with <think>, end with </think>. Then </think> alone stays.',
    'Open with . Then </think> alone stays.',
  ],
  ['a < b and <thinking> stays', 'a < b and <thinking> stays'],
])('the thoughts of %j are not sent back', (text, expected) => {
  expect(withoutThinking(text)).toBe(expected);
  const [, reply] = promptOf('', [message('user', 'q'), message('assistant', text)], null);
  expect(reply?.content ?? '').toBe(expected);
});

test('thoughts in what a person wrote are sent as they are', () => {
  expect(promptOf('', [message('user', '<think>mine</think>')], null)[0]?.content).toBe(
    '<think>mine</think>',
  );
});

test('files follow the text, each under its name, and every character belongs to a part', () => {
  const files = [
    { name: 'a.py', text: 'print(1)' },
    { name: 'b.md', text: 'text with a fence\n````\ncode\n````' },
  ];
  const [prompt] = promptOf('', [], { text: 'Look:', files });
  expect(prompt?.content).toBe(
    'Look:\n\na.py:\n```\nprint(1)\n```\n\nb.md:\n`````\ntext with a fence\n````\ncode\n````\n`````',
  );
  const parts = prompt?.parts ?? [];
  expect(parts.map(({ origin, label }) => [origin, label])).toEqual([
    ['draft', 'Look:'],
    ['file', 'a.py'],
    ['file', 'b.md'],
  ]);
  expect(parts.map(({ from }) => from)).toEqual([0, ...parts.slice(0, -1).map(({ to }) => to)]);
  expect(parts.at(-1)?.to).toBe(prompt?.content.length);
});

test('a message of files alone has no empty line before them', () => {
  const [prompt] = promptOf('', [], { text: '', files: [{ name: 'a', text: 'b' }] });
  expect(prompt?.content).toBe('a:\n```\nb\n```');
});

test('a long message is named by its beginning', () => {
  const [prompt] = promptOf('', [message('user', `${'long '.repeat(30)}\nsecond line`)], null);
  expect(prompt?.parts[0]?.label).toHaveLength(60);
});
