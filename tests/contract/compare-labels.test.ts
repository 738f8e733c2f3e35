import { expect, test } from 'vitest';
import { comparisonTitle, shortLabels } from '../../electron/contract/compare-labels.ts';

test.each([
  [
    ['Tiny, Q4_1, reference', 'Tiny, Q4_1, fast, q8 cache'],
    ['reference', 'fast, q8 cache'],
    'Tiny, Q4_1: reference · fast, q8 cache',
  ],
  [['Tiny 1B, Q4_1', 'Tiny 1B, Q4_1, q8-g32'], ['Q4_1', 'Q4_1, q8-g32'], 'Tiny 1B: Q4_1 · Q4_1, q8-g32'],
  [['Some 7B', 'Some 13B'], ['7B', '13B'], 'Some: 7B · 13B'],
  [['Tiny', 'Tiny, fast'], ['Tiny', 'Tiny, fast'], 'Tiny · Tiny, fast'],
  [['One', 'Other'], ['One', 'Other'], 'One · Other'],
])('variants are called by what sets them apart: %j', (labels, short, title) => {
  expect(shortLabels(labels)).toEqual(short);
  expect(comparisonTitle(labels)).toBe(title);
});
