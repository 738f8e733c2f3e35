import { describe, expect, test } from 'vitest';
import type { LedgerPart } from '../../electron/contract/chats.ts';
import { drawHeatmap, reduceColumns } from '../../renderer/charts/draw-heatmap.ts';
import {
  knownValues,
  mapCells,
  mapCsv,
  partAt,
  positionRow,
  scaleOf,
  shownPiece,
  stepOf,
  sumsOf,
  valueText,
  type CacheValues,
  type Held,
} from '../../renderer/features/cache/cache-map.ts';
import { freeName } from '../../renderer/features/cache/CacheScreen.tsx';
import { codecRows } from '../../renderer/features/cache/what-if.ts';

const part = (label: string, origin: LedgerPart['origin'] = 'user'): LedgerPart => ({
  origin,
  label,
  messageId: null,
  tokens: 2,
  reusedTokens: 0,
});
const layer = (number: number) => ({
  ...{ layer: number, heads: 4, keyValueHeads: 2, headDimension: 8, window: null },
  codec: 'f16' as const,
  bytesPerToken: 100,
});
/** Two layers of six positions; layer 1 of the model has no cache. */
const held: Held = {
  layers: [layer(0), layer(2)],
  positions: 6,
  parts: [part('template', 'template'), part('one'), part('two')],
  spans: [
    { part: 0, from: 0, to: 1 },
    { part: 1, from: 1, to: 3 },
    { part: 0, from: 3, to: 4 },
    { part: 2, from: 4, to: 6 },
  ],
  pieces: ['<s>', ' a', 'b,"', '\n', 'd', 'e'],
};
const attention: CacheValues = {
  measure: 'attention',
  layers: 2,
  positions: 6,
  values: Float32Array.of(0.5, 0, 0, 0.25, 0.25, 0, 0.1, 0.1, 0.1, 0.1, 0.1, 0.5),
};

describe('the map of a cache', () => {
  test('says of each position whose it is', () => {
    const labels = held.pieces.map((_, position) => partAt(held, position)?.label);
    expect(labels).toEqual(['template', 'one', 'one', 'template', 'two', 'two']);
  });

  test('colours attention by its logarithm, norms between their least and most, bytes from 0', () => {
    const scale = scaleOf(attention);
    expect(scale).toEqual({ low: 0.0005, high: 0.5, isLog: true });
    expect([0, 0.0005, 0.01, 0.5].map((value) => stepOf(value, scale))).toEqual([0, 0, 4, 9]);
    const norms = {
      ...attention,
      measure: 'key-norm' as const,
      values: attention.values.map((value) => value + 4),
    };
    expect(scaleOf(norms)).toEqual({ low: 4, high: 4.5, isLog: false });
    expect(stepOf(4.25, scaleOf(norms))).toBe(5);
    expect(scaleOf(knownValues(held, 'bytes'))).toEqual({ low: 0, high: 100, isLog: false });
    expect(mapCells(attention, scale).steps).toHaveLength(12);
  });

  test('a layer without the chosen head has no number and the lowest step', () => {
    const values = attention.values.map((value, i) => (i < 6 ? NaN : value));
    const map = { ...attention, values };
    expect(scaleOf(map).high).toBeCloseTo(0.5);
    expect([...mapCells(map, scaleOf(map)).steps.slice(0, 6)]).toEqual([0, 0, 0, 0, 0, 0]);
    expect(valueText('attention', NaN)).toBe('no such head');
    expect(scaleOf({ ...map, values: values.fill(NaN) })).toMatchObject({ high: 1 });
  });

  test('sums a range: tokens, bytes of all layers, and its share of attention', () => {
    const sums = sumsOf(held, attention, { from: 3, to: 6 });
    expect(sums).toMatchObject({ tokens: 3, bytes: 600 });
    expect(sums.value).toBeCloseTo((0.5 + 0.7) / 2);
    expect(sumsOf(held, knownValues(held, 'bytes'), { from: 0, to: 99 })).toEqual({
      tokens: 6,
      bytes: 1200,
      value: null,
    });
    const norms = { ...attention, measure: 'value-norm' as const, values: attention.values.map(() => 3) };
    expect(sumsOf(held, norms, { from: 1, to: 3 }).value).toBe(3);
  });

  test('has a row for each position, and a file with units and a column for each layer', () => {
    expect(positionRow(held, attention, 5)).toMatchObject({ piece: 'e', most: 0.5, layer: 2 });
    expect(positionRow(held, attention, 5).part?.label).toBe('two');
    const lines = mapCsv(held, attention).split('\r\n');
    expect(lines[0]).toBe('position,token,part,"attention, layer 0","attention, layer 2"');
    expect(lines[3]).toContain('"b,"""');
    expect(lines).toHaveLength(8);
    expect(mapCsv(held, knownValues(held, 'precision'))).toContain(',f16,f16');
  });

  test('writes values with units, and white space as what it is', () => {
    expect(valueText('bytes', 2048)).toBe('2 KiB');
    expect(valueText('precision', 0)).toBe('q8');
    expect(valueText('attention', 0.0001)).toBe('< 0.001');
    expect(valueText('attention', 0.1738)).toBe('0.174');
    expect(valueText('key-norm', 12.345)).toBe('12.35');
    expect(shownPiece(' a\nb')).toBe('·a↵b');
  });
});

describe('more columns than pixels', () => {
  test('are drawn together, the highest step of them seen', () => {
    const steps = new Uint8Array(2 * 1000);
    steps[777] = 9;
    steps[1001] = 4;
    const reduced = reduceColumns({ rows: 2, columns: 1000, steps, roles: [] }, 100);
    expect(reduced.columns).toBe(100);
    expect([...reduced.steps].flatMap((step, index) => (step > 0 ? [[index, step]] : []))).toEqual([
      [77, 9],
      [100, 4],
    ]);
    const same = { rows: 1, columns: 5, steps: new Uint8Array(5), roles: [] };
    expect(reduceColumns(same, 5)).toBe(same);
  });

  test('and a range is outlined over its columns', () => {
    const rectangles: number[][] = [];
    const context = {
      ...{ clearRect: () => undefined, fillRect: () => undefined, fillText: () => undefined },
      strokeRect: (...rectangle: number[]) => void rectangles.push(rectangle),
    } as unknown as CanvasRenderingContext2D;
    const cells = { rows: 2, columns: 100, steps: new Uint8Array(200), roles: ['--seq-0'] };
    const theme = { colour: () => '#000', font: '', strongFont: '' };
    const picture = { cells, rowName: 'layer', columnName: 'position', marked: null };
    drawHeatmap(context, { width: 250, height: 60 }, { ...picture, range: { from: 10, to: 20 } }, theme);
    expect(rectangles).toEqual([[67, 3, 22, 38]]);
  });
});

test('what if tells of f16 and q8 what is predicted, then what was measured', () => {
  const known = {
    kvBytes: 2000,
    context: 100,
    codecs: [
      { codec: 'f32' as const, bytesPerToken: 400 },
      { codec: 'f16' as const, bytesPerToken: 200 },
      { codec: 'q8' as const, bytesPerToken: 110 },
    ],
  };
  const predicted = codecRows(known, 'f16', null);
  expect(predicted.map(({ codec }) => codec)).toEqual(['f16', 'q8']);
  expect(predicted[1]).toMatchObject({
    bytes: 1100,
    bytesAtContext: 11_000,
    share: 0.55,
    kl: null,
    isInUse: false,
  });
  const result = {
    codec: 'q8' as const,
    kvBytes: 1200,
    kl: { mean: 0.01, p99: 0.1, max: 0.2 },
    topOneAgreement: 0.9,
    tokensPerSecond: { min: 1, median: 2, max: 3 },
  };
  const measured = codecRows(known, 'f32', { positions: 10, timedTokens: 2, codecs: [result] });
  expect(measured.map(({ codec }) => codec)).toEqual(['f32', 'f16', 'q8']);
  expect(measured[2]).toMatchObject({ bytes: 1200, kl: 0.01, topOne: 0.9, tokensPerSecond: 2 });
});

test('a suggested name is the title, with a number where it is taken', () => {
  expect(freeName('Rivers', [])).toBe('Rivers');
  expect(freeName('Rivers', ['Rivers', 'Rivers 2'])).toBe('Rivers 3');
  expect(freeName('x'.repeat(200), [])).toHaveLength(90);
});
