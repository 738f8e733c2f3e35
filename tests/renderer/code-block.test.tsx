import { act, cleanup, render } from '@testing-library/react';
import { afterEach, expect, test, vi } from 'vitest';
import type {
  HighlightAnswer,
  HighlightRequest,
} from '../../renderer/features/chat/markdown/highlight-messages.ts';
import { ReplyText } from '../../renderer/features/chat/ReplyText.tsx';

/** Answers when the test says so: every line in one colour. */
class WorkerInHand {
  static asked: (HighlightRequest & { kind: 'colour' })[] = [];
  static latest: WorkerInHand | null = null;
  onmessage: ((event: { data: HighlightAnswer }) => void) | null = null;

  constructor() {
    WorkerInHand.latest = this;
  }

  postMessage(request: HighlightRequest): void {
    if (request.kind === 'colour') WorkerInHand.asked.push(request);
  }

  terminate(): void {
    WorkerInHand.latest = null;
  }

  static answer(): void {
    const request = WorkerInHand.asked.at(-1);
    if (!request) throw new Error('Nothing was asked.');
    const lines = request.code.split('\n').map((text) => ({ text, pieces: [{ text, colour: 'red' }] }));
    act(() =>
      WorkerInHand.latest?.onmessage?.({
        data: { kind: 'lines', listing: request.listing, from: 0, lines, isLast: true },
      }),
    );
  }
}
vi.stubGlobal('Worker', WorkerInHand);

afterEach(cleanup);

function growing() {
  const { container, rerender } = render(<ReplyText text="" isGrowing shown={null} />);
  return {
    grow: (text: string) => rerender(<ReplyText text={text} isGrowing shown={null} />),
    code: () => container.querySelector('pre')?.textContent,
    coloured: () => [...container.querySelectorAll('pre span[style]')].map(({ textContent }) => textContent),
  };
}

test('a listing that grows keeps its colours, what is new is plain until it is coloured', () => {
  const { grow, code, coloured } = growing();
  grow('```c\nint a;\nint');
  expect(coloured()).toEqual([]);
  WorkerInHand.answer();
  expect(coloured()).toEqual(['int a;', 'int']);
  grow('```c\nint a;\nint b;\nint c;');
  expect(code()).toBe('int a;\nint b;\nint c;');
  expect(coloured()).toEqual(['int a;', 'int']);
  WorkerInHand.answer();
  expect(coloured()).toEqual(['int a;', 'int b;', 'int c;']);
});

test('a listing keeps its colours when its end is written, and when more is written below', () => {
  const { grow, code, coloured } = growing();
  grow('```c\nint a;\nint b;');
  WorkerInHand.answer();
  for (const more of ['\n', '\n``', '\n```', '\n```\n', '\n```\n\nAnd', '\n```\n\nAnd more\n\nof it']) {
    grow(`\`\`\`c\nint a;\nint b;${more}`);
    expect(coloured()).toEqual(['int a;', 'int b;']);
  }
  expect(code()).toBe('int a;\nint b;');
});

test.each([
  ['code in a line that begins with three backticks', '```a`` b', undefined],
  ['a longer fence around a shorter one', '````c\n```\nint a;\n```\n````', '```\nint a;\n```'],
  ['an indented end', '~~~c\nint a;\n   ~~~~  ', 'int a;'],
  ['an end that is none', '```c\nint a;\n    ```', 'int a;\n    ```'],
  ['an indented fence', '  ```c\n  int a;\n  ```', 'int a;'],
  ['nothing in it', '```c\n```', ''],
  ['a fence alone', '```c', ''],
])('%s is what Markdown says it is', (_what, text, code) => {
  const { container } = render(<ReplyText text={text} isGrowing={false} shown={null} />);
  expect(container.querySelector('pre')?.textContent).toBe(code);
});
