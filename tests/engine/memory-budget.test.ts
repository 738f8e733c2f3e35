/** How a memory budget is shared out, with an engine that only notes what it is given. */
import { describe, expect, test } from 'vitest';
import { LabError } from '../../electron/contract/errors.ts';
import type { NativeEngine } from '../../electron/engine/native/addon.ts';
import { isTooSmall, MemoryBudget } from '../../electron/engine/native/memory-budget.ts';

/** Keeps the budget before where one fails, as the addon does. */
class Weights {
  inForce = 0;
  readonly #failing: number | null;
  readonly #minimum: number;

  constructor(failing: number | null, minimum = 0) {
    this.#failing = failing;
    this.#minimum = minimum;
  }

  async setWeightBudget(bytes: number): Promise<number> {
    await Promise.resolve();
    if (bytes === this.#failing) throw new LabError('file-unreadable', 'The disk fails.');
    if (bytes < this.#minimum) {
      throw Object.assign(new Error('Too small.'), { code: 'bad-request', minimumBytes: this.#minimum });
    }
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

describe('while a long prompt is read in larger parts', () => {
  const budgetOf = async (isAuto: boolean) => {
    const weights = new Weights(null, 300);
    const budget = new MemoryBudget(weights as unknown as NativeEngine, parts, { total: 600, isAuto });
    await budget.load({});
    const prompt = budget.reserveParts(256 + 150);
    await prompt.ready;
    expect(weights.inForce).toBe(350);
    return { weights, budget, prompt };
  };

  test.each([false, true])(
    'a session that has no room beside them waits until they give it back (automatic: %s)',
    async (isAuto) => {
      const { weights, budget, prompt } = await budgetOf(isAuto);
      let isThere = false;
      const { ready } = budget.reserve(200, 'f16');
      const waiting = ready.then(() => (isThere = true));
      await new Promise(setImmediate);
      expect([isThere, weights.inForce]).toEqual([false, 350]);
      prompt.release();
      await waiting;
      expect([budget.total, weights.inForce]).toEqual([600, 300]);
    },
  );

  test('a session that never had room is refused when they are gone, or raises an automatic budget', async () => {
    const chosen = await budgetOf(false);
    const refused = chosen.budget.reserve(201, 'f16').ready.catch((error: unknown) => error);
    await new Promise(setImmediate);
    chosen.prompt.release();
    expect(await refused).toMatchObject({ code: 'bad-request', detail: { minimumBytes: 601 } });
    await new Promise(setImmediate);
    expect(chosen.weights.inForce).toBe(500);

    const automatic = await budgetOf(true);
    const { ready } = automatic.budget.reserve(201, 'f16');
    automatic.prompt.release();
    await ready;
    expect([automatic.budget.total, automatic.weights.inForce]).toEqual([601, 300]);
  });

  test('a session waits until all have given back what it needs, and an automatic budget is not raised meanwhile', async () => {
    const weights = new Weights(null, 300);
    const budget = new MemoryBudget(weights as unknown as NativeEngine, parts, { total: 600, isAuto: true });
    await budget.load({});
    const prompts = [budget.reserveParts(256 + 100), budget.reserveParts(256 + 100)];
    await Promise.all(prompts.map(({ ready }) => ready));
    const { ready } = budget.reserve(150, 'f16');
    for (const prompt of prompts) {
      await new Promise(setImmediate);
      expect([budget.total, weights.inForce]).toEqual([600, 300]);
      prompt.release();
    }
    await ready;
    expect([budget.total, weights.inForce]).toEqual([600, 350]);
  });

  test.each([false, true])('another prompt gets none and says so at once (automatic: %s)', async (isAuto) => {
    const { budget, prompt } = await budgetOf(isAuto);
    const other = budget.reserveParts(256 + 150);
    const error: unknown = await other.ready.catch((thrown: unknown) => thrown);
    expect(isTooSmall(error)).toBe(true);
    other.release();
    prompt.release();
    expect(budget.total).toBe(600);
    await budget.reserve(200, 'f16').ready;
  });
});
