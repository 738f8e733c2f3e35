/** How a memory budget is shared out, with an engine that only notes what it is given. */
import { describe, expect, test } from 'vitest';
import { LabError } from '../../electron/contract/errors.ts';
import type { NativeEngine } from '../../electron/engine/native/addon.ts';
import { MemoryBudget } from '../../electron/engine/native/memory-budget.ts';

/** Keeps the budget before where one fails, as the addon does. */
class Weights {
  inForce = 0;
  readonly #failing: number;

  constructor(failing: number) {
    this.#failing = failing;
  }

  async setWeightBudget(bytes: number): Promise<number> {
    await Promise.resolve();
    if (bytes === this.#failing) throw new LabError('file-unreadable', 'The disk fails.');
    this.inForce = bytes;
    return 0;
  }

  flashState() {
    return null;
  }
}

const parts = { fixedBytes: 100, sessionBytes: (context: number) => context, tokenBytes: 1 };

test('the parts of a short prompt and of each token of a reply are known without a look at the engine', () => {
  const native = { flashState: () => expect.unreachable() };
  const budget = new MemoryBudget(native as unknown as NativeEngine, parts, { total: 600, isAuto: false });
  expect([1, 256].map((count) => budget.partTokens(count))).toEqual([256, 256]);
});

describe('a change of the budget that fails', () => {
  test('leaves the one before, also where a session comes meanwhile', async () => {
    const weights = new Weights(900);
    const budget = new MemoryBudget(weights as unknown as NativeEngine, parts, { total: 600, isAuto: true });
    await budget.load({});
    expect(weights.inForce).toBe(500);
    const change = budget.change({ total: 1000, isAuto: false });
    const room = budget.reserve(50, 'f16');
    await expect(change).rejects.toMatchObject({ code: 'file-unreadable' });
    await room.ready;
    expect([budget.total, budget.isAuto, weights.inForce]).toEqual([600, true, 450]);
    await budget.change({ total: 800, isAuto: false });
    expect([budget.total, budget.isAuto, weights.inForce]).toEqual([800, false, 650]);
  });
});
