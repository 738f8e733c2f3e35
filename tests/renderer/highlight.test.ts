import { MessageChannel } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { Listing, loadLanguage } from '../../renderer/features/chat/markdown/highlight.ts';
import type {
  CodeLine,
  HighlightAnswer,
  HighlightRequest,
} from '../../renderer/features/chat/markdown/highlight-messages.ts';
import { Highlighter, type HighlightWorker } from '../../renderer/features/chat/markdown/highlighter.ts';
import { languageOf } from '../../renderer/features/chat/markdown/languages.ts';

const textsOf = (lines: readonly CodeLine[]) => lines.map(({ text }) => text);
const hasColour = ({ pieces }: CodeLine) => pieces.some(({ colour }) => colour !== null);

describe('a listing', () => {
  const colour = (listing: Listing, code: string) => [...listing.colour(code)];

  test('is coloured line by line, each from the state behind the one before', async () => {
    await loadLanguage('python');
    const [part] = colour(new Listing('python'), '"""a\nif x:\n"""\nif x:');
    expect(part?.isLast).toBe(true);
    const [, inText, , code] = part?.lines ?? [];
    expect(inText?.pieces.length).toBe(1);
    expect(code?.pieces.length).toBeGreaterThan(1);
    expect(part?.lines.map(({ pieces }) => pieces.map(({ text }) => text).join(''))).toEqual([
      '"""a', 'if x:', '"""', 'if x:',
    ]); // prettier-ignore
  });

  test('that grew is coloured from its first changed line on, with the same colours as at once', async () => {
    await loadLanguage('typescript');
    const whole = 'const a = `x\n${1}`;\n// done\nlet b';
    const growing = new Listing('typescript');
    const lines: CodeLine[] = [];
    const starts = [];
    for (let length = 1; length <= whole.length; length += 1) {
      for (const part of colour(growing, whole.slice(0, length))) {
        lines.splice(part.from, lines.length, ...part.lines);
        starts.push(part.from);
      }
    }
    expect(starts.at(-1)).toBe(3);
    expect(lines).toEqual(colour(new Listing('typescript'), whole)[0]?.lines);
  });

  test('that became shorter forgets what is no longer there', async () => {
    await loadLanguage('c');
    const listing = new Listing('c');
    colour(listing, 'int a;\n/* open\nint b;');
    const parts = colour(listing, 'int a;');
    expect(parts).toEqual([{ from: 1, lines: [], isLast: true }]);
    expect(hasColour(colour(listing, 'int a;\nint b;')[0]!.lines[0]!)).toBe(true);
  });

  test('that is long comes in parts', async () => {
    await loadLanguage('json');
    const parts = colour(new Listing('json'), '[1,\n'.repeat(250));
    expect(parts.map(({ from, lines, isLast }) => [from, lines.length, isLast])).toEqual([
      [0, 100, false],
      [100, 100, false],
      [200, 51, true],
    ]);
  });
});

test.each([
  ['py', 'python'],
  ['C++', 'cpp'],
  ['rust', 'rust'],
  ['constructor', null],
  ['', null],
])('a fence of %j is the language %j', (name, language) => {
  expect(languageOf(name)).toBe(language);
});

/** A worker whose answers the test gives. */
class SilentWorker implements HighlightWorker {
  onmessage: HighlightWorker['onmessage'] = null;
  onerror: HighlightWorker['onerror'] = null;
  readonly asked: HighlightRequest[] = [];
  isTerminated = false;
  postMessage = (request: HighlightRequest) => void this.asked.push(request);
  terminate = () => void (this.isTerminated = true);

  answer(answer: HighlightAnswer): void {
    this.onmessage?.(new MessageEvent('message', { data: answer }));
  }

  fail(): void {
    this.onerror?.(new ErrorEvent('error', { cancelable: true }));
  }

  /** Plain lines of the latest request. */
  answerLast(): void {
    const request = this.asked.findLast(({ kind }) => kind === 'colour');
    if (request?.kind !== 'colour') return;
    const lines = request.code.split('\n').map((text) => ({ text, pieces: [] }));
    this.answer({ kind: 'lines', listing: request.listing, from: 0, lines, isLast: true });
  }

  codes(): string[] {
    return this.asked.flatMap((request) => (request.kind === 'colour' ? [request.code] : []));
  }
}

describe('the page’s highlighter', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  function highlighter() {
    const workers: SilentWorker[] = [];
    const made = new Highlighter(() => {
      const worker = new SilentWorker();
      workers.push(worker);
      return worker;
    });
    const open = () => {
      const shown: (readonly string[])[] = [];
      return { shown, listing: made.open('c', (lines) => shown.push(textsOf(lines))) };
    };
    return { made, workers, open };
  }

  test('asks once at a time for a listing, next for its newest text', () => {
    const { workers, open } = highlighter();
    const { shown, listing } = open();
    for (const code of ['a', 'ab', 'abc']) listing.colour(code);
    expect(workers[0]?.codes()).toEqual(['a']);
    workers[0]?.answerLast();
    expect(workers[0]?.codes()).toEqual(['a', 'abc']);
    workers[0]?.answerLast();
    expect(shown).toEqual([['a'], ['abc']]);
    expect(workers[0]?.codes()).toHaveLength(2);
  });

  test('keeps the lines that do not come again', () => {
    const { workers, open } = highlighter();
    const { shown, listing } = open();
    listing.colour('a\nb');
    workers[0]?.answerLast();
    listing.colour('a\nbc\nd');
    const lines = [{ text: 'bc', pieces: [] }];
    const listingId = workers[0]?.asked[0]?.listing ?? 0;
    workers[0]?.answer({ kind: 'lines', listing: listingId, from: 1, lines, isLast: false });
    expect(shown.at(-1)).toEqual(['a', 'bc']);
  });

  test('forgets a listing that goes, and what comes late for it', () => {
    const { workers, open } = highlighter();
    const { shown, listing } = open();
    listing.colour('a');
    listing.close();
    expect(workers[0]?.asked.at(-1)?.kind).toBe('forget');
    workers[0]?.answerLast();
    expect(shown).toEqual([]);
    vi.advanceTimersByTime(60_000);
    expect(workers[0]?.isTerminated).toBe(false);
  });

  test('leaves a listing as it is where the worker dies, and tries the next one with another', () => {
    const { workers, open } = highlighter();
    const first = open();
    first.listing.colour('a');
    workers[0]?.answerLast();
    workers[0]?.fail();
    first.listing.colour('ab');
    expect(first.shown).toEqual([['a']]);
    expect(workers).toHaveLength(1);
    const second = open();
    second.listing.colour('b');
    workers[1]?.answerLast();
    expect(second.shown).toEqual([['b']]);
    expect(workers[0]?.isTerminated).toBe(true);
  });

  test('ends a worker that is silent for long', () => {
    const { workers, open } = highlighter();
    open().listing.colour('a');
    vi.advanceTimersByTime(14_000);
    expect(workers[0]?.isTerminated).toBe(false);
    vi.advanceTimersByTime(2000);
    expect(workers[0]?.isTerminated).toBe(true);
  });

  test('waits as long as it likes where nothing is asked', () => {
    const { workers, open } = highlighter();
    open().listing.colour('a');
    workers[0]?.answerLast();
    vi.advanceTimersByTime(60_000);
    expect(workers[0]?.isTerminated).toBe(false);
  });

  test('starts no more workers after three that failed', () => {
    const { workers, open } = highlighter();
    for (let round = 0; round < 5; round += 1) {
      open().listing.colour('a');
      workers.at(-1)?.answer({ kind: 'failed' });
    }
    expect(workers).toHaveLength(3);
  });

  test('leaves everything plain where there are no workers', () => {
    const made = new Highlighter(() => {
      throw new ReferenceError('Worker is not defined');
    });
    const shown = vi.fn();
    made.open('c', shown).colour('a');
    expect(shown).not.toHaveBeenCalled();
  });
});

test('a worker of its own answers over its port, also for a listing that came back', async () => {
  const { serveHighlighting } = await import('../../renderer/features/chat/markdown/serve-highlighting.ts');
  const { port1, port2 } = new MessageChannel();
  onTestFinished(() => port1.close());
  serveHighlighting(port2 as unknown as Parameters<typeof serveHighlighting>[0]);
  const worker = Object.assign(port1, { terminate: () => port1.close() }) as unknown as HighlightWorker;
  const made = new Highlighter(() => worker);
  const first = vi.fn();
  made.open('c', first).close();
  const lines = await new Promise<readonly CodeLine[]>((resolve) => {
    const listing = made.open('c', (part) => {
      if (part.length === 150) resolve(part);
    });
    listing.colour(Array.from({ length: 150 }, (_, index) => `int a${index};`).join('\n'));
  });
  expect(lines.every(hasColour)).toBe(true);
  expect(first).not.toHaveBeenCalled();
});
