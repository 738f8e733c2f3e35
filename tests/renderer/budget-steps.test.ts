import { describe, expect, test } from 'vitest';
import { budgetSlider } from '../../renderer/features/models/budget-steps.ts';
import { nameFilter } from '../../renderer/ui/name-filter.ts';

const mebi = 1024 ** 2;
const gibi = 1024 * mebi;

const slider = (leastBytes: number, freeBytes: number, totalBytes: number) =>
  budgetSlider({
    ...{ kvBytes: 0, scratchBytes: 0, freeBytes },
    streaming: { minimumMemoryBudgetBytes: leastBytes, totalBytes },
  });

describe('the slider of budgets', () => {
  test.each([
    ['to what is free', 1.3 * gibi, 6.4 * gibi, 17 * gibi, 6.4 * gibi],
    ['to all of it in memory where that is free', 1.3 * gibi, 60 * gibi, 17 * gibi, 17 * gibi],
    ['to the least where not even that is free', 1.3 * gibi, gibi, 17 * gibi, 1.3 * gibi],
  ])('goes from the least %s', (_what, least, free, total, most) => {
    const { maximum, toBudget, toStep } = slider(least, free, total);
    expect(Math.abs(toBudget(0) - least)).toBeLessThan(mebi);
    expect(Math.abs(toBudget(maximum) - most)).toBeLessThan(mebi);
    expect(maximum).toBeLessThanOrEqual(129);
    expect(maximum).toBeGreaterThanOrEqual(1);
    for (let step = 1; step < maximum; step++) {
      expect(toBudget(step)).toBeGreaterThan(toBudget(step - 1));
      expect(toStep(toBudget(step))).toBe(step);
      expect(toBudget(step) % (32 * mebi)).toBe(0);
    }
  });

  test('stands at its ends for budgets that lie beyond', () => {
    const { maximum, toStep } = slider(gibi, 4 * gibi, 17 * gibi);
    expect([toStep(0), toStep(40 * gibi)]).toEqual([0, maximum]);
  });
});

test('a list is filtered by all names of a thing', () => {
  const names = ['Unload the model', 'Cancel loading'];
  expect(nameFilter('', 'cancel', names)).toBe(1);
  expect(nameFilter('', 'model unl', names)).toBe(0.5);
  expect(nameFilter('', 'retry', names)).toBe(0);
});
