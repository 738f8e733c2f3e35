import { describe, expect, test } from 'vitest';
import { causes, causeTimes, otherParts } from '../../renderer/charts/causes.ts';
import { chartTable, csvCell, csvText, joinTables } from '../../renderer/charts/chart-table.ts';
import { headlineText, pointAtTime, pointText, type ChartView } from '../../renderer/charts/chart-view.ts';
import { leftOfPoint, plotArea, runs, timeOfX, xOfTime } from '../../renderer/charts/draw-chart.ts';
import { quantileOfSorted, sorted } from '../../renderer/charts/quantile.ts';
import { TimeSlots } from '../../renderer/charts/ring.ts';
import { rowWindow } from '../../renderer/charts/rows.ts';
import { axisFor, byteUnit } from '../../renderer/charts/ticks.ts';
import { readTheme } from '../../renderer/charts/theme.ts';
import { sampleTrace } from '../helpers/sample-tokens.ts';

const view: ChartView = {
  unit: 'ms',
  times: [1000, 1400, 1800, 2200],
  pointMs: 400,
  layers: [
    { label: 'attention', role: '--cause-attention', values: [1, null, 3, 4] },
    { label: 'other', role: '--cause-other', values: [0.5, null, 0.25, 1] },
  ],
  lines: [{ label: 'slowest', role: '--text', values: [2, null, null, 6] }],
  axis: { top: 10, ticks: [5, 10] },
  limits: [],
  headline: [{ value: '3.0', unit: 'ms p50' }],
  legend: [],
  remark: '',
  write: (value) => value.toFixed(1),
  writeTick: String,
  emptyText: 'Nothing yet.',
};

describe('an axis', () => {
  test('ends at a round number that holds the largest value', () => {
    expect(axisFor(393)).toEqual({ top: 400, ticks: [100, 200, 300, 400] });
    expect(axisFor(7)).toEqual({ top: 8, ticks: [2, 4, 6, 8] });
    expect(axisFor(0.07, 2)).toEqual({ top: 0.1, ticks: [0.05, 0.1] });
  });

  test.each([0, NaN, -1, Infinity])('of nothing that can be drawn (%s) still has an end', (max) => {
    expect(axisFor(max)).toEqual({ top: 1, ticks: [1] });
  });

  test('of bytes is in the unit in which they are written', () => {
    expect(byteUnit(5 * 1024 ** 2)).toEqual({ name: 'MiB', bytes: 1024 ** 2 });
    expect(byteUnit(0).name).toBe('KiB');
  });
});

describe('a quantile', () => {
  test('is a value that occurred, by nearest rank', () => {
    const values = sorted([5, 1, 4, 2, 3]);
    expect([0, 0.5, 0.95, 1].map((q) => quantileOfSorted(values, q))).toEqual([1, 3, 5, 5]);
    expect(quantileOfSorted(sorted([7]), 0.5)).toBe(7);
  });

  test('of no values is not a number', () => {
    expect(quantileOfSorted(sorted([]), 0.5)).toBeNaN();
  });
});

describe('slots of time', () => {
  const slots = (capacity = 3) => new TimeSlots(capacity, 100, () => ({ sum: 0 }));

  test('hold what falls into the same stretch together, and the latest of them only', () => {
    const ring = slots();
    for (const time of [0, 99, 100, 250, 310]) {
      const slot = ring.at(time);
      if (slot) slot.sum += 1;
    }
    expect(ring.upTo(310)).toEqual([
      { startMs: 100, slot: { sum: 1 } },
      { startMs: 200, slot: { sum: 1 } },
      { startMs: 300, slot: { sum: 1 } },
    ]);
  });

  test('take nothing older than they hold', () => {
    const ring = slots();
    ring.at(1000);
    expect(ring.at(700)).toBeNull();
  });

  test('are empty where nothing came, and after a clear', () => {
    const ring = slots();
    ring.at(0);
    expect(ring.upTo(250).map(({ slot }) => slot)).toEqual([{ sum: 0 }, undefined, undefined]);
    expect(ring.upTo(10_000).every(({ slot }) => slot === undefined)).toBe(true);
    ring.clear();
    expect(ring.upTo(0).at(-1)?.slot).toBeUndefined();
  });
});

describe('the time of a token', () => {
  test('by cause adds up to what it took', () => {
    const trace = sampleTrace(0, { total: 10, attention: 2, feedForward: 5, sampling: 1, head: 1.5 });
    expect(causeTimes(trace)).toEqual([2, 5, NaN, 1, 2]);
    expect(otherParts(trace)).toEqual([{ label: 'output head', ms: 1.5 }]);
  });

  test('is never negative where clocks disagree', () => {
    expect(causeTimes(sampleTrace(0, { total: 1, attention: 2 })).at(-1)).toBe(0);
  });

  test('has its causes in the order of the drawing', () => {
    expect(causes.map(({ label }) => label)).toEqual([
      'attention',
      'feed-forward',
      'flash wait',
      'sampling',
      'other',
    ]);
  });
});

describe('a chart', () => {
  test('places times and finds them again', () => {
    const area = plotArea({ width: 236, height: 100 }, true);
    expect(area).toEqual({ left: 34, top: 6, width: 200, height: 78 });
    expect(xOfTime(area, view, 1000)).toBe(34);
    expect(xOfTime(area, view, 2600)).toBe(234);
    expect(pointAtTime(view, timeOfX(area, view, 134))).toBe(2);
    expect(pointAtTime(view, timeOfX(area, view, 20))).toBeNull();
    expect(leftOfPoint(view, 0)).toBe('calc(34px + (100% - 36px) * 0.125)');
  });

  test('draws stretches of values and leaves gaps where there are none', () => {
    expect(runs({ values: [null, 1, 2, null, 3] })).toEqual([[1, 3], [4, 5]]); // prettier-ignore
    expect(runs({ values: [] })).toEqual([]);
  });

  test('says a point in words, with units', () => {
    expect(pointText(view, 0)).toBe('1.2 s ago: attention 1.0 ms, other 0.5 ms, slowest 2.0 ms');
    expect(pointText(view, 1)).toBe('0.8 s ago: nothing');
    expect(pointText(view, 3)).toMatch(/^now: attention 4.0 ms/);
    expect(headlineText(view)).toBe('3.0 ms p50');
  });
});

describe('the table of a chart', () => {
  test('has the same numbers, newest first, without empty points', () => {
    expect(chartTable(view)).toEqual({
      columns: ['time', 'attention ms', 'other ms', 'slowest ms'],
      rows: [
        [2200, 4, 1, 6],
        [1800, 3, 0.25, null],
        [1000, 1, 0.5, 2],
      ],
    });
  });

  test('as CSV runs forward, with times that programs read', () => {
    expect(csvText(chartTable(view)).split('\r\n')).toEqual([
      'time,attention ms,other ms,slowest ms',
      '1970-01-01T00:00:01.000Z,1,0.5,2',
      '1970-01-01T00:00:01.800Z,3,0.25,',
      '1970-01-01T00:00:02.200Z,4,1,6',
      '',
    ]);
  });

  test('of several charts has one row for each time', () => {
    const joined = joinTables([
      { title: 'A', table: { columns: ['time', 'x'], rows: [[2, 20], [1, 10]] } },
      { title: 'B', table: { columns: ['time', 'y', 'z'], rows: [[3, 30, 31], [1, 11, 12]] } },
    ]); // prettier-ignore
    expect(joined).toEqual({
      columns: ['time', 'A: x', 'B: y', 'B: z'],
      rows: [[3, null, 30, 31], [2, 20, null, null], [1, 10, 11, 12]],
    }); // prettier-ignore
  });

  test('quotes cells and lets no cell be a formula', () => {
    expect(csvCell('a,"b"\n')).toBe('"a,""b""\n"');
    expect(csvCell('=1+1')).toBe("'=1+1");
    expect(csvCell('-x')).toBe("'-x");
    expect(csvCell('-1.5')).toBe('-1.5');
  });
});

describe('a long table', () => {
  test('keeps only the rows in sight and a margin', () => {
    expect(rowWindow(10_000, 28, 0, 280)).toEqual({ first: 0, end: 18 });
    expect(rowWindow(10_000, 28, 28_000, 280)).toEqual({ first: 992, end: 1018 });
    expect(rowWindow(3, 28, 0, 280)).toEqual({ first: 0, end: 3 });
  });

  test('that became shorter than where it was scrolled to is not drawn beyond its end', () => {
    expect(rowWindow(5, 28, 28_000, 280)).toEqual({ first: 5, end: 5 });
  });
});

test('a theme is read once, by role', () => {
  const reads: string[] = [];
  const theme = readTheme({
    getPropertyValue(role: string) {
      reads.push(role);
      return role === '--text' ? ' #17191a ' : '';
    },
  });
  expect([theme.colour('--text'), theme.colour('--text')]).toEqual(['#17191a', '#17191a']);
  expect(reads.filter((role) => role === '--text')).toHaveLength(1);
  expect(theme.colour('--missing')).toBe('#808080');
});
