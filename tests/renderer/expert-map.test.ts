import { describe, expect, test } from 'vitest';
import type { FlashReading } from '../../electron/contract/streaming.ts';
import {
  cellAt,
  drawHeatmap,
  heatmapArea,
  sequentialRoles,
  sequentialStep,
} from '../../renderer/charts/draw-heatmap.ts';
import { readTheme } from '../../renderer/charts/theme.ts';
import {
  columnOrder,
  expertCells,
  expertCsv,
  expertMap,
  expertRow,
  expertText,
  layerSkew,
  mixtureLayers,
  mostSkewed,
  skewText,
  topShare,
  type ExpertMap,
} from '../../renderer/features/models/expert-map.ts';
import { sampleReading, streamingWithin } from '../helpers/streamed-host.ts';

const gibi = 1024 ** 3;

/** Two layers of four experts, of which a token uses two. */
const reading = (uses: readonly number[], resident: readonly number[] = [1, 0, 0, 1, 0, 0, 0, 0]) =>
  ({
    ...sampleReading({ ...streamingWithin(4 * gibi), experts: { layers: 2, count: 4, used: 2 } }),
    uses: [...uses],
    misses: uses.map((use) => use / 2),
    resident: [...resident],
  }) satisfies FlashReading;

function mapOf(uses: readonly number[], resident?: readonly number[]): ExpertMap {
  const map = expertMap(reading(uses, resident));
  if (!map) throw new Error('There are no experts.');
  return map;
}

const uses = [4, 0, 1, 3, 2, 2, 2, 2];

describe('the experts of a layer', () => {
  test('share its tokens by how much they were used lately', () => {
    expect([...mapOf(uses).shares]).toEqual([1, 0, 0.25, 0.75, 0.5, 0.5, 0.5, 0.5]);
  });

  test('that were never used have no share, not a share of nothing', () => {
    const map = mapOf([0, 0, 0, 0, 1, 1, 1, 1]);
    expect([...map.shares.slice(0, 4)]).toEqual([0, 0, 0, 0]);
    expect(layerSkew(map, 0)).toBeNull();
    expect(mostSkewed(map)?.layer).toBe(1);
    expect(expertText(map, 0, 3)).toBe('layer 0, expert 3: not used yet, in memory');
    expect([...expertCells(map, 'use', columnOrder(map, false)).steps.slice(0, 4)]).toEqual([0, 0, 0, 0]);
  });

  test('are none where a token used those of other layers alone', () => {
    const map = mapOf([0, 0, 0, 0, 1, 1, 1, 1], [0, 0, 0, 0, 1, 0, 0, 0]);
    const order = columnOrder(map, false);
    expect(mixtureLayers(map)).toBe(1);
    expect(expertText(map, 0, 3)).toBe('layer 0 has no experts');
    expect(layerSkew(map, 0)).toBeNull();
    const { steps, roles } = expertCells(map, 'cache', order);
    expect([...steps].map((step) => roles[step])).toEqual([
      ...[undefined, undefined, undefined, undefined],
      ...['--mem-cache', '--surface-sunken', '--surface-sunken', '--surface-sunken'],
    ]);
    expect(expertCsv(map, order).trimEnd().split('\r\n')).toHaveLength(5);
    expect(mixtureLayers(mapOf([0, 0, 0, 0, 0, 0, 0, 0]))).toBe(2);
  });

  test('of a dense model are none', () => {
    expect(expertMap({ ...reading([]), streaming: { ...streamingWithin(gibi), experts: null } })).toBeNull();
  });

  test('are counted until they serve half, and those in memory by their use', () => {
    const map = mapOf(uses);
    expect(layerSkew(map, 0)).toEqual({ layer: 0, servingHalf: 1, inMemory: 0.875 });
    expect(layerSkew(map, 1)).toEqual({ layer: 1, servingHalf: 2, inMemory: 0 });
    expect(mostSkewed(map)?.layer).toBe(0);
    expect(skewText(layerSkew(map, 0)!)).toBe('layer 0: 1 serves half, 88 % of its use is in memory');
    expect(mostSkewed(mapOf([0, 0, 0, 0, 0, 0, 0, 0]))).toBeNull();
  });

  test('stand by number, or sorted by use in each layer', () => {
    const map = mapOf(uses);
    expect([...columnOrder(map, false)]).toEqual([0, 1, 2, 3, 0, 1, 2, 3]);
    expect([...columnOrder(map, true)]).toEqual([0, 3, 2, 1, 0, 1, 2, 3]);
  });

  test('say their number, share and place', () => {
    expect(expertText(mapOf(uses), 0, 2)).toBe(
      'layer 0, expert 2: 25 % of tokens, 13 % had to read it, in flash',
    );
    expect(expertText(mapOf(uses), 0, 3)).toBe(
      'layer 0, expert 3: 75 % of tokens, 38 % had to read it, in memory',
    );
  });
});

describe('the map of experts', () => {
  const map = mapOf(uses);
  const order = columnOrder(map, true);

  test('has colours by use, by residence, and by what had to be read', () => {
    expect(topShare(map)).toBe(1);
    expect([...expertCells(map, 'use', order).steps]).toEqual([9, 7, 2, 0, 5, 5, 5, 5]);
    expect([...expertCells(map, 'cache', order).steps]).toEqual([1, 1, 0, 0, 0, 0, 0, 0]);
    expect([...expertCells(map, 'misses', order).steps]).toEqual([5, 3, 1, 0, 2, 2, 2, 2]);
  });

  test('has a scale that does not change with use', () => {
    expect(topShare({ used: 8, count: 128 })).toBe(0.3);
    expect(topShare({ used: 2, count: 8 })).toBe(1);
    expect(topShare({ used: 1, count: 512 })).toBe(0.01);
  });

  test('has the same figures as rows and as CSV', () => {
    expect(expertRow(map, order, 1)).toEqual({
      ...{ layer: 0, expert: 3 },
      ...{ share: 0.75, missed: 0.375, isResident: true },
    });
    const lines = expertCsv(map, order).trimEnd().split('\r\n');
    expect(lines).toHaveLength(9);
    expect(lines.slice(0, 3)).toEqual([
      'layer,expert,share of tokens,share that read it,in memory',
      '0,0,1,0.5,1',
      '0,3,0.75,0.375,1',
    ]);
  });
});

describe('a heatmap', () => {
  const size = { width: 1074, height: 404 };
  const cells = { rows: 48, columns: 128 };

  test('finds the cell under a place, and none beside them', () => {
    const area = heatmapArea(size);
    expect(cellAt(area, cells, { x: area.left, y: area.top })).toEqual({ row: 0, column: 0 });
    expect(cellAt(area, cells, { x: area.left + area.width - 1, y: area.top + area.height - 1 })).toEqual({
      row: 47,
      column: 127,
    });
    expect(cellAt(area, cells, { x: area.left - 1, y: area.top })).toBeNull();
    expect(cellAt(area, cells, { x: area.left, y: area.top + area.height })).toBeNull();
  });

  test('has ten equal steps, the last without an end', () => {
    expect([0, 0.001, 0.1, 0.299, 0.3, 1].map((value) => sequentialStep(value, 0.3))).toEqual([
      0, 0, 3, 9, 9, 9,
    ]);
    expect([NaN, -1].map((value) => sequentialStep(value, 0.3))).toEqual([0, 0]);
  });

  test('draws each cell once, within its area, in the colour of its step', () => {
    const map = expertMap(sampleReading(streamingWithin(4 * gibi)));
    if (!map) throw new Error('There are no experts.');
    const picture = { cells: expertCells(map, 'use', columnOrder(map, false)), rowName: 'layer', columnName: 'expert', marked: { row: 23, column: 5 } }; // prettier-ignore
    const { context, fills, texts } = recorder();
    drawHeatmap(context, size, picture, readTheme({ getPropertyValue: (role) => role }));
    const area = heatmapArea(size);
    expect(fills).toHaveLength(48 * 128);
    expect(new Set(fills.map(({ x, y }) => `${x},${y}`)).size).toBe(48 * 128);
    for (const { x, y, wide, high } of fills) {
      expect(wide).toBeGreaterThan(0);
      expect(high).toBeGreaterThan(0);
      expect(x + wide).toBeLessThanOrEqual(area.left + area.width);
      expect(y + high).toBeLessThanOrEqual(area.top + area.height);
    }
    expect(fills.every(({ colour }) => sequentialRoles.includes(colour))).toBe(true);
    expect(texts.slice(0, 2)).toEqual(['layer 0', '5']);
    expect(texts).toContain('47');
    expect(texts.at(-1)).toBe('127');
  });
});

/** A canvas that keeps what was drawn. */
function recorder() {
  const fills: { x: number; y: number; wide: number; high: number; colour: string }[] = [];
  const texts: string[] = [];
  const context = {
    fillStyle: '',
    clearRect: () => undefined,
    strokeRect: () => undefined,
    fillRect(x: number, y: number, wide: number, high: number) {
      fills.push({ x, y, wide, high, colour: this.fillStyle });
    },
    fillText: (text: string) => void texts.push(text),
  };
  return { context: context as unknown as CanvasRenderingContext2D, fills, texts };
}
