import { describe, expect, test } from 'vitest';
import type { MemoryReading } from '../../electron/contract/machine.ts';
import { Instruments } from '../../renderer/features/instruments/instruments.ts';
import { InstrumentData, slotCount } from '../../renderer/features/instruments/slots.ts';
import {
  flashView,
  kvView,
  memoryView,
  speedView,
  timeView,
} from '../../renderer/features/instruments/views.ts';
import { chartTable } from '../../renderer/charts/chart-table.ts';
import { pointText } from '../../renderer/charts/chart-view.ts';
import { cursorToken } from '../../renderer/charts/cursor.ts';
import { flashReadsOf } from '../../renderer/features/instruments/flash-reads.ts';
import { sampleToken, sampleTokens, sampleTrace } from '../helpers/sample-tokens.ts';

const now = 1_000_000_000;
const gibi = 1024 ** 3;
const mebi = 1024 ** 2;

const reading = (at: number, more: Partial<MemoryReading> = {}): MemoryReading => ({
  at,
  weightsBytes: 100 * mebi,
  kvBytes: 20 * mebi,
  scratchBytes: 30 * mebi,
  baselineBytes: null,
  memoryBudgetBytes: null,
  engineRssBytes: 150 * mebi,
  enginePssBytes: 140 * mebi,
  appRssBytes: 50 * mebi,
  appPssBytes: null,
  systemFreeBytes: 4 * gibi,
  systemBytes: 8 * gibi,
  reserveBytes: gibi,
  ...more,
});

describe('the last minute', () => {
  test('is never more than 150 points', () => {
    const data = new InstrumentData();
    for (let step = 0; step < 2000; step++) data.addTokens(sampleTokens(3, step * 3), now + step * 100);
    expect(data.points(now + 200_000)).toHaveLength(slotCount);
    expect(slotCount).toBeLessThanOrEqual(150);
  });

  test('places tokens that came together by the engine’s clock', () => {
    const data = new InstrumentData();
    // The last of them ended now, the first 990 ms before.
    data.addTokens(sampleTokens(100), now + 300);
    const counts = data.points(now + 300).map(({ slot }) => slot?.tokens ?? 0);
    expect(counts.slice(-4)).toEqual([0, 29, 40, 31]);
  });

  test('forgets what is older', () => {
    const data = new InstrumentData();
    data.addTokens(sampleTokens(5), now);
    expect(data.points(now + 61_000).every(({ slot }) => slot === undefined)).toBe(true);
  });

  test('computes nothing until somebody looks, and keeps no more than a minute of what came', () => {
    const instruments = new Instruments(() => time);
    let time = now;
    for (; time < now + 120_000; time += 1000) instruments.addTokens([sampleToken((time - now) / 10)]);
    const tokens = instruments.points().map(({ slot }) => slot?.tokens ?? 0);
    expect(tokens.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(60);
    expect(tokens.reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(58);
  });

  test('finds the token of a time and the time of a token', () => {
    const data = new InstrumentData();
    const tokens = sampleTokens(100);
    data.addTokens(tokens, now + 300);
    const token = cursorToken(tokens[99]!.trace);
    expect(data.tokenAt(now + 100, now + 300)).toEqual(token);
    expect(data.timeOf(token, now + 300)).toBe(now + 200);
    expect(data.timeOf({ startNs: 1, totalNs: 1 }, now + 300)).toBeNull();
  });
});

describe('time per token', () => {
  test('is the mean of each point by cause, with the slowest token as a line', () => {
    const data = new InstrumentData();
    data.addTokens(
      [
        sampleToken(0, { total: 8, attention: 2, feedForward: 5 }),
        sampleToken(1, { total: 12, attention: 4, feedForward: 6 }),
      ],
      now + 300,
    );
    const view = timeView(data.points(now + 300));
    expect(view.layers.map(({ label, values }) => [label, values.at(-1)])).toEqual([
      ['attention', 3],
      ['feed-forward', 5.5],
      ['other', 1.5],
    ]);
    expect(view.lines[0]?.values.at(-1)).toBe(12);
    expect(view.headline).toEqual([
      { value: '8.0', unit: 'ms p50' },
      { value: '12.0', unit: 'ms p95' },
    ]);
    expect(view.legend.map(({ label, total }) => `${label} ${total}`)).toEqual([
      'attention 6.0 ms 30 %',
      'feed-forward 11 ms 55 %',
      'other 3.0 ms 15 %',
      'slowest 12 ms',
    ]);
  });

  test('leaves the step that read the prompt out', () => {
    const data = new InstrumentData();
    data.addTokens([sampleToken(0, { total: 2000 }, { phase: 'prefill' }), sampleToken(1)], now + 300);
    expect(timeView(data.points(now + 300)).lines[0]?.values.at(-1)).toBe(8);
  });

  test('has no layer and no key for a cause that is not told', () => {
    const data = new InstrumentData();
    data.addTokens([sampleToken(0, { total: 8 })], now);
    const view = timeView(data.points(now));
    expect(view.layers.map(({ label }) => label)).toEqual(['other']);
    expect(view.legend.map(({ label }) => label)).toEqual(['other', 'slowest']);
  });

  test('of a slow model has no gaps while a token is computed', () => {
    const data = new InstrumentData();
    data.addTokens([sampleToken(0, { total: 2000, attention: 500 })], now + 300);
    const known = timeView(data.points(now + 300)).lines[0]?.values.filter((value) => value !== null);
    expect(known).toHaveLength(6);
  });

  test('keeps the rest visible where one token took far longer', () => {
    const data = new InstrumentData();
    data.addTokens([...sampleTokens(99), sampleToken(99, { total: 400 })], now + 300);
    const view = timeView(data.points(now + 300));
    expect(view.axis.top).toBeLessThanOrEqual(50);
    expect(view.legend.at(-1)).toMatchObject({ label: 'slowest', total: '400 ms' });
  });

  test('of nothing says so', () => {
    const view = timeView(new InstrumentData().points(now));
    expect(view.layers).toEqual([]);
    expect(view.emptyText).toBe('No token in the last 60 s.');
  });
});

describe('speed', () => {
  test('is tokens by the time they took, not by the time between them', () => {
    const data = new InstrumentData();
    data.addTokens([sampleToken(0, { total: 5 }), sampleToken(100, { total: 15 })], now + 300);
    expect(speedView(data.points(now + 300)).headline).toEqual([{ value: '100.0', unit: 'tokens/s' }]);
  });
});

describe('flash reads', () => {
  const mebibyte = 1024 ** 2;
  const read = (bytes: number, hits: number, misses: number) => ({
    bytesRead: bytes * mebibyte,
    reads: misses,
    cacheHits: hits,
    cacheMisses: misses,
  });

  test('are bytes by the time of the steps, with the part of hits on a scale of its own', () => {
    const data = new InstrumentData();
    data.addTokens(
      [sampleToken(0, { total: 20 }, read(30, 6, 2)), sampleToken(2, { total: 30 }, read(70, 2, 6))],
      now + 300,
    );
    const view = flashView(data.points(now + 300));
    expect(view.unit).toBe('GiB/s');
    expect(view.layers.map(({ role }) => role)).toEqual(['--cause-flash']);
    expect(view.layers[0]?.values.at(-1)).toBeCloseTo(100 / 0.05 / 1024);
    expect(view.shares?.[0]?.values.at(-1)).toBe(0.5);
    expect(view.headline).toEqual([{ value: '1.95', unit: 'GiB/s' }]);
    expect(view.legend.map(({ label, total }) => `${label} ${total}`)).toEqual([
      'read 100 MiB',
      'hit rate 50 %',
    ]);
    expect(view.remark).toBe('8 missed');
  });

  test('are told while a prompt is read, as long as its steps took', () => {
    const instruments = new Instruments(() => now + 300);
    instruments.addTokens([], [sampleTrace(0, { total: 1600 }, { phase: 'prefill', ...read(800, 1, 3) })]);
    const view = flashView(instruments.points());
    const known = view.layers[0]?.values.filter((value) => value !== null);
    expect(known).toEqual(new Array(5).fill(500));
    expect(timeView(instruments.points()).layers).toEqual([]);
  });

  test('of steps that tell of none are none, not 0', () => {
    const data = new InstrumentData();
    data.addTokens(sampleTokens(3), now);
    const view = flashView(data.points(now));
    expect(view.layers[0]?.values.every((value) => value === null)).toBe(true);
    expect(view.legend).toEqual([]);
    expect(view.emptyText).toBe('Nothing was read from flash in the last 60 s.');
  });

  test('are counted once, however long a step took', () => {
    const data = new InstrumentData();
    const slow = sampleToken(1, { total: 2_000 });
    data.addTokens([{ ...slow, trace: { ...slow.trace, ...read(50, 41, 59) } }], now);
    const view = flashView(data.points(now));
    expect(view.layers[0]?.values.filter((value) => value !== null).length).toBeGreaterThan(3);
    expect(view.counts?.map(({ values }) => values.filter((value) => value !== null))).toEqual([[41], [59]]);
  });

  test('stand in tables and readouts with hits and misses, each in its unit', () => {
    const data = new InstrumentData();
    data.addTokens([sampleToken(0, { total: 1000 }, read(50, 41, 59))], now + 300);
    const view = flashView(data.points(now + 300));
    expect(chartTable(view).columns).toEqual(['time', 'read MiB/s', 'hit rate %', 'hits', 'misses']);
    expect(chartTable(view).rows[0]?.slice(1)).toEqual([50, 41, 41, 59]);
    expect(pointText(view, view.times.length - 1)).toBe(
      'now: read 50.0 MiB/s, hit rate 41 %, hits 41, misses 59',
    );
  });
});

describe('what the latest steps read', () => {
  test('is summed over those that tell, and null where none does', () => {
    const steps = [
      sampleTrace(0, { total: 500 }, { bytesRead: 300, cacheHits: 1, cacheMisses: 3 }),
      sampleTrace(1, { total: 500 }, { bytesRead: 100, cacheHits: 2, cacheMisses: 2 }),
      sampleTrace(2, { total: 500 }),
    ];
    expect(flashReadsOf(steps)).toEqual({ bytesPerSecond: 400, hitRate: 3 / 8 });
    expect(flashReadsOf([sampleTrace(0, { total: 5 })])).toBeNull();
    expect(flashReadsOf([sampleTrace(0, { total: 5 }, { bytesRead: 0 })])?.hitRate).toBeNull();
  });
});

describe('memory', () => {
  test('stacks weights, KV, scratch and app, and tells the limit', () => {
    const data = new InstrumentData();
    data.addMemory(reading(now));
    const view = memoryView(data.points(now));
    expect(view.unit).toBe('MiB');
    expect(view.layers.map(({ label, values }) => [label, values.at(-1)])).toEqual([
      ['weights', 100],
      ['KV', 20],
      ['scratch', 30],
      ['app', 50],
    ]);
    expect(view.headline).toEqual([{ value: '150', unit: 'MiB of 3.15 GiB' }]);
    // 200 MiB are used; 4 GiB are free, of which 1 GiB is the system's.
    expect(view.limits).toEqual([{ label: 'limit 3.20 GiB', value: 200 + 3 * 1024 }]);
    expect(view.axis.top).toBeLessThan(1024);
  });

  const held = { ringBytes: 5 * mebi, lookupBytes: mebi, slots: 4, slotBytes: 10 * mebi };
  const budgeted = { memoryBudgetBytes: 200 * mebi, baselineBytes: 12 * mebi };

  test('adds up to what there is of a streamed model, vectors and the engine’s runtime too', () => {
    const data = new InstrumentData();
    data.addMemory(reading(now, budgeted), held);
    const view = memoryView(data.points(now));
    expect(view.layers.map(({ label, values }) => [label, values.at(-1)])).toEqual([
      ['always read', 54],
      ['expert cache', 40],
      ['buffers', 6],
      ['KV', 20],
      ['scratch', 18],
      ['runtime', 12],
      ['app', 50],
    ]);
    // What counts to the budget, without the runtime.
    expect(view.headline).toEqual([{ value: '138', unit: 'MiB of 200 MiB' }]);
    expect(view.limits[0]?.label).toBe('budget 200 MiB');
    expect(view.remark).toBe('+ 12.0 MiB runtime');
  });

  test('adds up to what there was where an older reading tells other parts', () => {
    const data = new InstrumentData();
    data.addMemory(reading(now));
    data.addMemory(reading(now + 800, budgeted), held);
    data.addMemory(reading(now + 1600, budgeted), { ...held, slots: 0 });
    const { layers } = memoryView(data.points(now + 1600));
    const sums = [-5, -3, -1].map((at) =>
      layers.reduce((total, { values }) => total + (values.at(at) ?? NaN), 0),
    );
    expect(sums).toEqual([200, 200, 200]);
  });

  test('draws a limit that is near', () => {
    const data = new InstrumentData();
    data.addMemory(reading(now, { weightsBytes: 3 * gibi, systemFreeBytes: 2 * gibi }));
    const view = memoryView(data.points(now));
    expect(view.unit).toBe('GiB');
    expect(view.limits[0]!.value).toBeLessThanOrEqual(view.axis.top);
  });

  test('stands until the next reading, not longer than 3 s', () => {
    const data = new InstrumentData();
    data.addMemory(reading(now));
    const known = memoryView(data.points(now + 10_000)).layers[0]?.values.filter((value) => value !== null);
    expect(known).toHaveLength(8);
  });
});

describe('KV', () => {
  test('is what the steps of a reply tell, and between replies what memory tells', () => {
    const data = new InstrumentData();
    data.addMemory(reading(now));
    data.addTokens([sampleToken(30)], now + 1000);
    const view = kvView(data.points(now + 1000));
    expect(view.layers[0]?.values.slice(-3)).toEqual([20, 20, 31]);
    expect(view.headline).toEqual([{ value: '31.0', unit: 'MiB' }]);
    expect(view.remark).toBe('grew by 11.0 MiB');
  });
});
