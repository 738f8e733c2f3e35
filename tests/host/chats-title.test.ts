import { expect, test } from 'vitest';
import { titleOf } from '../../electron/host/chats/title.ts';

test.each([
  ['Hello there', 'Hello there'],
  ['  \n\n  Second line is first  \nthird', 'Second line is first'],
  ['## Why **is** the `sky` _blue_?', 'Why is the sky blue?'],
  ['- [ ] a task', '[ ] a task'],
  ['> quoted *text*', 'quoted text'],
  ['1. first step', 'first step'],
  ['See [the page](https://example.com/a_b) now', 'See the page now'],
  ['![a picture](x.png) of it', 'a picture of it'],
  ['```python\nprint(1)\n```', 'print(1)'],
  ['snake_case and 2*3*4 stay', 'snake_case and 2*3*4 stay'],
  ['tabs\tand\u0000controls\u202e here', 'tabs and controls here'],
  ['C++ and C# and -5', 'C++ and C# and -5'],
  ['日本語の質問です', '日本語の質問です'],
])('the title of %j is %j', (text, title) => {
  expect(titleOf(text, [])).toBe(title);
});

test('a long line is cut between words, one without spaces where it is, and never inside a character', () => {
  const words = titleOf('Explain how the tokens of a sentence, one after another, are drawn by a model', []);
  expect(words).toBe('Explain how the tokens of a sentence, one after another…');
  expect(titleOf('x'.repeat(200), [])).toBe(`${'x'.repeat(60)}…`);
  expect(titleOf(`x${'\u{1f9ea}'.repeat(100)}`, [])).toBe(`x${'\u{1f9ea}'.repeat(59)}…`);
});

test('without words a file gives its name, and without a file the chat is a new chat', () => {
  const file = { name: 'report.txt', text: '' };
  expect(titleOf('…', [file])).toBe('report.txt');
  expect(titleOf(' ?!', [])).toBe('New chat');
});

test('a hostile line takes no time', () => {
  for (const part of ['*', '_', '[', '![', '`', '# ', '> ', '](', '~', '1. ']) {
    expect(titleOf(`${part.repeat(1_000_000)} end`, []).length).toBeLessThanOrEqual(61);
  }
});
