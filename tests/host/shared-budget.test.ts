/** What two models that are open at once, for perplexity, get of an automatic budget. No engine runs. */
import { expect, test } from 'vitest';
import type { Compute } from '../../electron/contract/machine.ts';
import type { Services } from '../../electron/host/services.ts';
import { openRequests } from '../../electron/host/work/perplexity.ts';

const gibibyte = 1024 ** 3;
const free = 8 * gibibyte;
const compute: Compute = {
  ...{ engine: null, arithmetic: null, device: 'cpu', threads: 1 },
  memoryBudget: 'auto',
};

/** In GiB. Packs unless `resident`; a size of null cannot be told beforehand. */
async function budgets(
  model: number | null,
  reference: number | null,
  { resident = '', memoryBudget = compute.memoryBudget } = {},
) {
  const sizes: Record<string, number | null> = { model, reference };
  const services = {
    caches: { folder: '' },
    memory: { freeForModels: () => Promise.resolve({ freeBytes: free }) },
    text: {
      estimate({ path }: { path: string }) {
        const size = sizes[path] ?? null;
        if (size === null) return Promise.reject(new Error('not known'));
        const canStream = path !== resident;
        return Promise.resolve({ weightsBytes: size * gibibyte, kvBytes: 0, scratchBytes: 0, canStream });
      },
    },
  } as unknown as Services;
  const named = (path: string) => ({ name: path, path });
  const opening = {
    ...{ model: named('model'), reference: named('reference') },
    input: { compute: { ...compute, memoryBudget }, context: 512 },
  };
  const opened = await openRequests(services, opening, new AbortController().signal);
  return [opened.model, opened.reference!].map((each) => (each.memoryBudget ?? 0) / gibibyte);
}

test.each([
  ['two that are larger than memory: half of it each', 20, 30, [4, 4]],
  ['a small one beside a large one: what the small one leaves', 1, 30, [4, 7]],
  ['a large one beside a small one', 30, 1, [7, 4]],
  ['one that cannot be told beforehand: half', null, 30, [4, 4]],
] as const)('%s', async (_, model, reference, expected) => {
  expect(await budgets(model, reference)).toEqual(expected);
});

test('one whose weights all stay in memory takes what it needs first', async () => {
  expect((await budgets(20, 6, { resident: 'reference' }))[0]).toBe(2);
  expect((await budgets(20, 9, { resident: 'reference' }))[0]).toBe(0);
});

test('a budget that a person chose is that of each', async () => {
  expect(await budgets(20, 30, { memoryBudget: 3 * gibibyte })).toEqual([3, 3]);
});
