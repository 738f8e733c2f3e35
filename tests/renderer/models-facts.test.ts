import { describe, expect, test } from 'vitest';
import type { ModelSummary } from '../../electron/contract/model-summary.ts';
import type { Fit } from '../../electron/contract/machine.ts';
import { contextSlider } from '../../renderer/features/models/context-steps.ts';
import { parameterText } from '../../renderer/features/models/facts.ts';
import { adviceFor, differenceText, fitBar } from '../../renderer/features/models/fit.ts';
import { loadFigures } from '../../renderer/features/models/load-progress.ts';
import { packCommand } from '../../renderer/features/models/streaming.ts';
import { mebibytes } from '../../renderer/features/models/tensors.ts';
import { largeModel } from '../helpers/streamed-host.ts';

const gibi = 1024 ** 3;

describe('contexts on a slider', () => {
  test.each([1, 100, 256, 2048, 8192, 40_960, 131_072, 1_000_000])(
    'of a model of %i tokens are a way there and back at every step, up to its own',
    (modelContext) => {
      const { maximum, toContext, toStep } = contextSlider(modelContext);
      const contexts = Array.from({ length: maximum + 1 }, (_, step) => toContext(step));
      expect(contexts.at(-1)).toBe(modelContext);
      for (let step = 0; step < maximum; step++) {
        expect(Math.round(toStep(contexts[step]!))).toBe(step);
        expect(contexts[step + 1]!).toBeGreaterThan(contexts[step]!);
      }
    },
  );

  test('are round where people look for round ones', () => {
    const { toContext, toStep } = contextSlider(40_960);
    for (const context of [256, 512, 1024, 2048, 4096, 8192, 16_384, 32_768]) {
      expect(toContext(Math.round(toStep(context)))).toBe(context);
    }
  });
});

test('a smaller budget is advised only where the budget is above its least', () => {
  const advice = (memoryBudgetBytes: number) => {
    const streaming = { memoryBudgetBytes, minimumMemoryBudgetBytes: 2 * gibi };
    const size = { totalBytes: memoryBudgetBytes, freeBytes: gibi, fits: false, largestContext: 512 };
    return adviceFor({ ...size, streaming } as Fit, []);
  };
  expect(advice(3 * gibi)).toContain('A smaller memory budget makes room');
  expect(advice(2 * gibi)).toMatch(/A context of 512 tokens fits\.$/);
});

describe('the bar of a fit', () => {
  const fit = (totalBytes: number, freeBytes: number) => fitBar({ totalBytes, freeBytes } as Fit);

  test('marks where free memory ends', () => {
    const { freeShare, totalShare } = fit(4 * gibi, 5 * gibi);
    expect(freeShare).toBeCloseTo(1 / 1.08, 6);
    expect(totalShare).toBeCloseTo(0.8 / 1.08, 6);
  });

  test('shows what is over', () => {
    const { freeShare, totalShare } = fit(16 * gibi, 8 * gibi);
    expect(freeShare).toBeCloseTo(totalShare / 2, 6);
    expect(totalShare).toBeLessThan(1);
  });

  test('of a small model on a large machine is no sliver', () => {
    expect(fit(0.25 * gibi, 20 * gibi)).toEqual({ scaleBytes: gibi, freeShare: null, totalShare: 0.25 });
  });
});

describe('figures', () => {
  test('of parameters are as people say them', () => {
    expect([999, 134_515_008, 4_022_468_096, 1.2e12].map(parameterText)).toEqual([
      '999',
      '135 M',
      '4.0 B',
      '1.2 T',
    ]);
  });

  test('of measurement beside prediction have a sign', () => {
    expect([differenceText(100, 103), differenceText(100, 92), differenceText(100, 100.2)]).toEqual([
      '+3 %',
      '−8 %',
      '±0 %',
    ]);
  });

  test('of small tensors are not nothing', () => {
    expect([mebibytes(0), mebibytes(2304), mebibytes(552_960), mebibytes(30_081_024)]).toEqual([
      '0.00',
      '< 0.01',
      '0.53',
      '28.7',
    ]);
  });
});

describe('the figures of loading', () => {
  const loading = {
    state: 'loading',
    model: 'a',
    title: 'A',
    phase: 'load weights',
    done: 0,
    total: 0,
    startedAt: 1000,
  } as const;

  test('count bytes where weights are read', () => {
    expect(loadFigures({ ...loading, done: gibi, total: 4 * gibi }, 3000)).toEqual({
      title: 'Reading weights',
      done: gibi,
      total: 4 * gibi,
      figures: ['1.00 GiB of 4.00 GiB', '512 MiB/s', '6.0 s left'],
    });
  });

  test('are never a bar alone, also where nothing is known yet', () => {
    expect(loadFigures({ ...loading, phase: 'start' }, 3000).figures).toEqual(['2.0 s']);
    expect(loadFigures({ ...loading, total: 10 }, 3000).figures).toEqual(['0 B of 10 B']);
  });

  test('name a phase that is new as the engine does', () => {
    expect(loadFigures({ ...loading, phase: 'warm up', done: 5, total: 10 }, 2000)).toMatchObject({
      title: 'warm up',
      figures: ['5 of 10', '5.0/s', '1.0 s left'],
    });
  });
});

describe('the pack that a command makes', () => {
  test.each([
    ['Llama 3.1 70B', 'Llama 3.1 70B.retortpack'],
    ['org/model:Q4_K.gguf', 'org-model-Q4_K.retortpack'],
    ['..', 'model.retortpack'],
    ['--out', 'out.retortpack'],
    ['C:\\models\\x', 'C-models-x.retortpack'],
    ['a%2e%2e%2fb', 'a-2e-2e-2fb.retortpack'],
    ['two\nlines\u202e\0', 'two-lines-.retortpack'],
    ['', 'model.retortpack'],
    ['😀'.repeat(300), `${'😀'.repeat(50)}.retortpack`],
  ])('of %j is named %j', (title, name) => {
    const command = packCommand({ ...largeModel, title, kind: 'added' }, {
      files: [],
    } as unknown as ModelSummary);
    const [, quoted = ''] = / --out '?(.*?)'?$/su.exec(command) ?? [];
    expect(quoted).toBe(name);
    // With the words of the unfinished pack's journal a name has 255 bytes at most.
    expect(new TextEncoder().encode(`.partial-${quoted}.journal`).length).toBeLessThanOrEqual(255);
  });
});
