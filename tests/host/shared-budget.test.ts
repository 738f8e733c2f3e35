/** What models that are open at once, for perplexity or to be compared, get of an automatic budget. No engine runs. */
import { expect, test } from 'vitest';
import type { Compute, MemoryBudget } from '../../electron/contract/machine.ts';
import type { Services } from '../../electron/host/services.ts';
import { openRequestsTogether } from '../../electron/host/work/shared-budget.ts';

const gibibyte = 1024 ** 3;
const free = 8 * gibibyte;
const compute: Compute = {
  ...{ engine: null, arithmetic: null, device: 'cpu', threads: 1 },
  memoryBudget: 'auto',
};

/** In GiB, of models of so many GiB. Packs unless `resident`; a size of null cannot be told beforehand. */
async function budgets(
  sizes: readonly (number | null)[],
  { resident = -1, memoryBudgets = sizes.map((): MemoryBudget | null => 'auto') } = {},
) {
  const services = {
    caches: { folder: '' },
    memory: { freeForModels: () => Promise.resolve({ freeBytes: free }) },
    text: {
      estimate({ path }: { path: string }) {
        const size = sizes[Number(path)] ?? null;
        if (size === null) return Promise.reject(new Error('not known'));
        const canStream = Number(path) !== resident;
        return Promise.resolve({ weightsBytes: size * gibibyte, kvBytes: 0, scratchBytes: 0, canStream });
      },
    },
  } as unknown as Services;
  const models = sizes.map((_, index) => ({
    path: String(index),
    choice: { ...compute, memoryBudget: memoryBudgets[index]! },
  }));
  const opened = await openRequestsTogether(services, models, 512, new AbortController().signal);
  return opened.map(({ memoryBudget }) => (memoryBudget ?? 0) / gibibyte);
}

test.each([
  ['two that are larger than memory: half of it each', [20, 30], [4, 4]],
  ['a small one beside a large one: what the small one leaves', [1, 30], [4, 7]],
  ['a large one beside a small one', [30, 1], [7, 4]],
  ['one that cannot be told beforehand: half', [null, 30], [4, 4]],
  ['four: a quarter each', [20, 20, 20, 20], [2, 2, 2, 2]],
  ['four, of which two are small and leave some', [20, 1, 1, 20], [4, 3, 3, 4]],
] as const)('%s', async (_, sizes, expected) => {
  expect(await budgets(sizes)).toEqual(expected);
});

test('one whose weights all stay in memory takes what it needs first', async () => {
  expect((await budgets([20, 6], { resident: 1 }))[0]).toBe(2);
  expect((await budgets([20, 9], { resident: 1 }))[0]).toBe(0);
});

test('a budget that a person chose is that of each, and is taken from what others get', async () => {
  const chosen = 3 * gibibyte;
  expect(await budgets([20, 30], { memoryBudgets: [chosen, chosen] })).toEqual([3, 3]);
  expect(await budgets([20, 30], { memoryBudgets: [chosen, 'auto'] })).toEqual([3, 5]);
});
