import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { EngineState } from '../../electron/engine/handlers/engine-state.ts';
import { majorFaults, MemoryPressure } from '../../electron/engine/memory-pressure.ts';
import { openModel as openAnyModel } from '../../electron/engine/open-engine.ts';
import { bundledModel } from '../helpers/golden.ts';
import { makeFolder } from '../helpers/model-folder.ts';
import { expectSame, openModel, tinyFolder } from '../helpers/native-engine.ts';
import { packInto } from '../helpers/packs.ts';
import { temporaryFolder } from '../helpers/test-host.ts';

/** A budget with a least, as an auto budget is. */
class Budget {
  memoryBudget: number | null;
  readonly set: number[] = [];
  readonly #least: number;

  constructor(bytes: number | null, least = 0) {
    this.memoryBudget = bytes;
    this.#least = least;
  }

  setMemoryBudget(bytes: number): Promise<void> {
    this.set.push(bytes);
    this.memoryBudget = Math.max(bytes, this.#least);
    return Promise.resolve();
  }
}

/** Looks before each of so many steps; each step has `perStep` faults. */
async function steps(count: number, perStep: number, budget: Budget, faults = { now: 0 }): Promise<number> {
  const pressure = new MemoryPressure(() => faults.now);
  let shrunk = 0;
  for (let i = 0; i < count; i++) {
    if (await pressure.look(budget)) shrunk += 1;
    faults.now += perStep;
  }
  return shrunk;
}

describe('a budget that nobody chose', () => {
  test('stays where faults are few, however many there were before', async () => {
    const budget = new Budget(800);
    expect(await steps(100, 7, budget, { now: 1e6 })).toBe(0);
    expect(budget.set).toEqual([]);
  });

  test('shrinks by an eighth each time that faults have grown', async () => {
    const budget = new Budget(8000);
    expect(await steps(25, 100, budget)).toBe(3);
    expect(budget.set).toEqual([7000, 6125, 5359]);
  });

  test('shrinks no more once faults stop', async () => {
    const budget = new Budget(8000);
    const faults = { now: 0 };
    const pressure = new MemoryPressure(() => faults.now);
    for (let i = 0; i < 100; i++) {
      await pressure.look(budget);
      if (i < 8) faults.now += 20;
    }
    expect(budget.set).toEqual([7000]);
  });

  test('does not take the faults of shrinking for a sign', async () => {
    const faults = { now: 0 };
    const budget = new Budget(8000);
    const setMemoryBudget = budget.setMemoryBudget.bind(budget);
    budget.setMemoryBudget = (bytes) => {
      faults.now += 10_000;
      return setMemoryBudget(bytes);
    };
    const pressure = new MemoryPressure(() => faults.now);
    await pressure.look(budget);
    faults.now += 1000;
    for (let i = 0; i < 40; i++) await pressure.look(budget);
    expect(budget.set).toEqual([7000]);
  });

  test('ends at what the model needs, and says that it did not shrink', async () => {
    const budget = new Budget(8000, 7500);
    expect(await steps(30, 100, budget)).toBe(1);
    expect(budget.memoryBudget).toBe(7500);
  });

  test('stays where there is none, or the system does not tell', async () => {
    const none = new Budget(null);
    expect(await steps(30, 100, none)).toBe(0);
    const untold = new MemoryPressure(() => null);
    const budget = new Budget(8000);
    for (let i = 0; i < 30; i++) expect(await untold.look(budget)).toBe(false);
    expect([none.set, budget.set]).toEqual([[], []]);
  });
});

test('a streamed model goes on with the same bits while its budget shrinks', async () => {
  const { out } = await packInto(makeFolder(), bundledModel);
  const memoryBudget = 100 * 2 ** 20;
  const engine = await openModel(out, { arithmetic: 'fast', memoryBudget, isAutoBudget: true });
  const resident = await openModel(bundledModel, { arithmetic: 'fast' });
  const [streamed, whole] = await Promise.all(
    [engine, resident].map((each) => each.createSession({ context: 64 })),
  );
  const faults = { now: 0 };
  const pressure = new MemoryPressure(() => faults.now);
  for (let step = 0; step < 20; step++) {
    await pressure.look(engine.streaming!);
    const input = { ids: Int32Array.of(step + 1), rows: 'last' } as const;
    expectSame(
      (await streamed!.evaluate(input)).logits,
      (await whole!.evaluate(input)).logits,
      `step ${step}`,
    );
    faults.now += 50;
  }
  expect(engine.streaming!.memoryBudget).toBe(Math.floor(((memoryBudget * 7) / 8) * (7 / 8)));
  const { budgetBytes, pinnedBytes, ringBytes, lookupBytes } = engine.streaming!.state();
  expect(pinnedBytes + ringBytes + lookupBytes).toBeLessThanOrEqual(budgetBytes);
});

test('faults between two replies are no sign of anything', async () => {
  const { out } = await packInto(makeFolder(), tinyFolder('llama'));
  const faults = { now: 0 };
  const state = new EngineState(() => faults.now);
  const { engine } = await state.openModel(() =>
    openAnyModel(
      {
        ...{ path: out, engine: null, arithmetic: null, device: 'cpu', threads: 1, kvCodec: null },
        ...{ memoryBudget: 2 ** 26, isAutoBudget: true, cacheFolder: makeFolder() },
      },
      { signal: new AbortController().signal, onProgress: () => undefined },
    ),
  );
  onTestFinished(() => engine.close());
  const reply = async (steps: number, perStep: number) => {
    const backOff = state.backingOff();
    for (let step = 0; step < steps; step++) {
      await backOff();
      faults.now += perStep;
    }
  };
  await reply(8, 1);
  faults.now += 10_000;
  await reply(20, 1);
  expect(engine.streaming!.memoryBudget).toBe(2 ** 26);
  await reply(9, 100);
  expect(engine.streaming!.memoryBudget).toBe((2 ** 26 * 7) / 8);
});

describe('the count of major faults', () => {
  const fields = '42 (a) name (x)) S 1 42 42 0 -1 4194560 100 200 31 0 9 9';

  test('is the twelfth field, whatever the name of the program', () => {
    const file = join(temporaryFolder(), 'stat');
    writeFileSync(file, fields);
    expect(majorFaults(file)).toBe(31);
    writeFileSync(file, '42 (node) S 1');
    expect(majorFaults(file)).toBe(null);
    expect(majorFaults(join(file, 'gone'))).toBe(null);
  });

  test.runIf(process.platform === 'linux')('is told of this process', () => {
    expect(majorFaults()).toBeGreaterThanOrEqual(0);
  });
});
