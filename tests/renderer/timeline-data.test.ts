import { describe, expect, test } from 'vitest';
import { columnAt, columnOfX, layoutColumns, timeAxis } from '../../renderer/features/timeline/columns.ts';
import {
  conclusionOf,
  prefillText,
  summarizePrefill,
  summarizeTimeline,
  visibleText,
} from '../../renderer/features/timeline/summary.ts';
import { TimelineData } from '../../renderer/features/timeline/timeline-data.ts';
import { timelineCsv } from '../../renderer/features/timeline/TokenTable.tsx';
import type { ReplyToken } from '../../electron/contract/chats.ts';
import { sampleToken, sampleTokens, sampleTrace } from '../helpers/sample-tokens.ts';

function dataOf(tokens: readonly ReplyToken[]): TimelineData {
  const data = new TimelineData();
  data.update(tokens);
  return data;
}

const conclusion = (tokens: readonly ReplyToken[]) => {
  const data = dataOf(tokens);
  return conclusionOf(data, summarizeTimeline(data));
};

describe('the tokens of a reply', () => {
  test('are summed as they come, to the same as all at once', () => {
    const tokens = sampleTokens(1000);
    const growing = new TimelineData();
    for (let end = 1; end <= tokens.length; end += 37) growing.update(tokens.slice(0, end));
    growing.update(tokens);
    const whole = dataOf(tokens);
    expect(summarizeTimeline(growing)).toEqual(summarizeTimeline(whole));
    expect([growing.count, growing.timed, growing.sumMs]).toEqual([1000, 1000, 8000]);
  });

  test('of another reply begin anew', () => {
    const data = dataOf(sampleTokens(50));
    data.update([sampleToken(0, { total: 3, attention: 1 })]);
    expect([data.count, data.timed, data.sumMs, data.slowest]).toEqual([1, 1, 3, 0]);
    expect(data.causeSums).toEqual([1, 0, 0, 0, 2]);
  });

  test('of a branch that begins alike and has other tokens begin anew too', () => {
    const tokens = sampleTokens(10);
    const data = dataOf(tokens);
    data.update([...tokens.slice(0, 9), sampleToken(9, { total: 100 }), sampleToken(10)]);
    expect(data.slowest).toBe(9);
    expect(data.count).toBe(11);
  });

  test('leave the one that was drawn by reading the prompt without a time of its own', () => {
    const data = dataOf([sampleToken(0, { total: 900 }, { phase: 'prefill' }), sampleToken(1)]);
    expect([data.timed, data.sumMs, data.slowest]).toEqual([1, 8, 1]);
    expect(data.totalMs(0)).toBeNaN();
  });
});

describe('the conclusion', () => {
  test('names the cause that dominates, p50, p95 and the slowest token', () => {
    const tokens = [...sampleTokens(99), sampleToken(99, { total: 393, attention: 2, feedForward: 390 })];
    expect(conclusion(tokens)).toEqual({
      finding: 'Three quarters of it was feed-forward.',
      waitsForFlash: false,
      figures: 'A token took 8.0 ms (p50) or 8.0 ms (p95); the slowest, token 99 “·word99”, 393 ms.',
    });
  });

  test('says that flash was waited for', () => {
    const tokens = [
      sampleToken(0, { total: 300, attention: 20, feedForward: 70, readWait: 200, sampling: 2 }),
    ];
    expect(conclusion(tokens)).toEqual({
      finding: 'Two thirds of it waited for flash.',
      waitsForFlash: true,
      figures: 'One token took 300 ms.',
    });
  });

  test('names two causes where none has half', () => {
    const tokens = [sampleToken(0, { total: 10, attention: 4, feedForward: 4.5, sampling: 0.5 })];
    expect(conclusion(tokens).finding).toBe('45 % of it was feed-forward, 40 % attention.');
  });

  test('says where an engine does not tell causes', () => {
    expect(conclusion([sampleToken(0, { total: 10, sampling: 1 })]).finding).toBe(
      'The engine does not tell the time by cause.',
    );
  });

  test('of no token says so', () => {
    expect(conclusion([])).toEqual({ finding: 'No token yet.', waitsForFlash: false, figures: '' });
  });
});

describe('causes', () => {
  test('that no token tells have no share', () => {
    const shares = summarizeTimeline(dataOf(sampleTokens(3))).shares;
    expect(shares.map(({ cause }) => cause.name)).toEqual(['attention', 'feedForward', 'sampling', 'other']);
    expect(shares.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 9);
  });
});

describe('columns', () => {
  test('are one a token while they are wide enough to be seen', () => {
    expect(layoutColumns(160, 600)).toEqual({ tokensPerColumn: 1, count: 160, pitch: 3.75 });
    expect(layoutColumns(1, 600)).toEqual({ tokensPerColumn: 1, count: 1, pitch: 24 });
  });

  test.each([1, 299, 300, 301, 599, 1000, 9999, 10_000])(
    'of %i tokens hold each token once, none under 2 px',
    (count) => {
      const columns = layoutColumns(count, 600);
      expect(columns.pitch).toBeGreaterThanOrEqual(2);
      expect(columns.count * columns.tokensPerColumn).toBeGreaterThanOrEqual(count);
      expect((columns.count - 1) * columns.tokensPerColumn).toBeLessThan(count);
    },
  );

  test('of several tokens are their mean, and keep the slowest', () => {
    const data = dataOf([
      sampleToken(0, { total: 4, attention: 1, feedForward: 2 }),
      sampleToken(1, { total: 8, attention: 3, feedForward: 4 }),
    ]);
    const column = columnAt(data, { tokensPerColumn: 2, count: 1, pitch: 2 }, 0);
    expect(column).toMatchObject({ byCause: [2, 3, 0, 0, 1], meanMs: 6, slowestMs: 8, token: 1 });
    expect(column.kvBytes).toBe(2 * 1024 * 1024);
    expect(column.missShare).toBeNull();
  });

  test('tell misses where records have them', () => {
    const data = dataOf([sampleToken(0, { total: 4 }, { cacheHits: 3, cacheMisses: 1 })]);
    expect(columnAt(data, layoutColumns(1, 100), 0).missShare).toBe(0.25);
  });

  test('are found by where they lie', () => {
    const columns = layoutColumns(10, 100);
    expect([
      columnOfX(columns, 0),
      columnOfX(columns, 99),
      columnOfX(columns, 100),
      columnOfX(columns, -1),
    ]).toEqual([0, 9, null, null]);
  });

  test('far above the rest are cut, so that the rest is seen', () => {
    expect(timeAxis(393, 7).top).toBeLessThan(20);
    expect(timeAxis(12, 7).top).toBeGreaterThanOrEqual(12);
  });
});

describe('reading the prompt', () => {
  test('is told apart, with what was held from before', () => {
    const summary = summarizePrefill([
      sampleTrace(
        0,
        { total: 1500, attention: 500, feedForward: 900 },
        { phase: 'prefill', tokens: 512, reused: 400 },
      ),
      sampleTrace(1, { total: 500, attention: 100, feedForward: 300 }, { phase: 'prefill', tokens: 300 }),
    ]);
    expect(summary && prefillText(summary)).toBe(
      '812 tokens of prompt read in 2.0 s, 406.0 tokens/s; 400 were held from before',
    );
    expect(summary?.shares.map(({ share }) => share)).toEqual([0.3, 0.6, 0.1]);
  });

  test('of a streamed model tells what it read from flash', () => {
    const steps = [900, 124].map((mebibytes, step) =>
      sampleTrace(step, { total: 1000 }, { phase: 'prefill', tokens: 100, bytesRead: mebibytes * 1024 ** 2 }),
    );
    const summary = summarizePrefill(steps);
    expect(summary && prefillText(summary)).toBe(
      '200 tokens of prompt read in 2.0 s, 100.0 tokens/s, 1.00 GiB from flash',
    );
  });

  test('is not told where only later tokens are known', () => {
    expect(summarizePrefill([sampleTrace(3, { total: 8 })])).toBeNull();
  });
});

test('a token’s spaces and line ends are seen', () => {
  expect(visibleText(' a\n\tb')).toBe('·a⏎⇥b');
});

describe('reads from flash', () => {
  const read = (step: number, hits: number, misses: number) =>
    sampleToken(step, { total: 100, attention: 10, feedForward: 20, readWait: 67 }, {
      bytesRead: misses * 1024 ** 2,
      reads: misses,
      cacheHits: hits,
      cacheMisses: misses,
      readBusyNs: 80e6,
    }); // prettier-ignore

  test('are summed over tokens with a time of their own, and none where no record tells', () => {
    const data = dataOf([read(0, 6, 2), read(1, 2, 6)]);
    expect(data.reads).toEqual({ bytes: 8 * 1024 ** 2, hits: 8, misses: 8, busyNs: 160e6, waitNs: 134e6 });
    expect(dataOf(sampleTokens(3)).reads).toBeNull();
    data.update(sampleTokens(2));
    expect(data.reads).toBeNull();
  });

  test('stand in the CSV', () => {
    const [head, row] = timelineCsv([read(0, 6, 2)]).split('\r\n');
    const cells = new Map(head?.split(',').map((name, index) => [name, row?.split(',')[index]]));
    expect(['flash wait ms', 'bytes read', 'reads', 'cache hits', 'cache misses', 'reading ms'].map((name) => cells.get(name)))
      .toEqual(['67', '2097152', '2', '6', '2', '80']); // prettier-ignore
  });
});

test('the CSV of a timeline has every token, and no text of it is a formula', () => {
  const tokens = [{ ...sampleToken(0), text: '=cmd("x")\n' }, sampleToken(1)];
  const lines = timelineCsv(tokens).trimEnd().split('\r\n');
  expect(lines).toHaveLength(3);
  expect(lines[0]).toMatch(/^token,id,text,phase,probability,time ms,attention ms/);
  expect(lines[1]).toContain(`"'=cmd(""x"")\n"`);
});
