import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openModel } from '../helpers/native-engine.ts';
import { promptIds } from './engines/bench-engine.ts';
import { randomTypes } from './models/random-blocks.ts';
import { writeRandomGguf, weightBytes } from './models/random-gguf.ts';
import { writeRandomOnnx } from './models/random-onnx.ts';
import { vocabulary, type ModelShape } from './models/shapes.ts';
import { bundledModel } from './places.ts';
import { formatSeries, ratios } from './statistics.ts';
import { tableRow } from './table.ts';

const tiny: ModelShape = {
  name: 'tiny',
  hidden: 256,
  layers: 2,
  heads: 4,
  keyValueHeads: 2,
  headDimension: 64,
  feedForward: 512,
  contextLength: 256,
};

function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'retort-bench-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Of the logits after a few tokens. A model of finite weights whose layers neither explode nor vanish has logits of about this size. */
async function logitDeviation(path: string): Promise<number> {
  const engine = await openModel(path);
  const session = await engine.createSession({ context: 16 });
  const { logits } = await session.evaluate({ ids: promptIds(16), rows: 'last' });
  session.close();
  expect(logits.length).toBe(vocabulary);
  const mean = logits.reduce((sum, value) => sum + value, 0) / logits.length;
  return Math.sqrt(logits.reduce((sum, value) => sum + (value - mean) ** 2, 0) / logits.length);
}

describe('models with random weights', () => {
  test.each(randomTypes)(
    '%s opens in the native engine and its logits are of ordinary size',
    async (type) => {
      const path = join(scratchFolder(), 'random.gguf');
      await writeRandomGguf(path, tiny, type, bundledModel);
      const deviation = await logitDeviation(path);
      expect(deviation).toBeGreaterThan(0.5);
      expect(deviation).toBeLessThan(2);
    },
  );

  test('an ONNX folder does so too', async () => {
    const folder = scratchFolder();
    await writeRandomOnnx(folder, tiny);
    const deviation = await logitDeviation(folder);
    expect(deviation).toBeGreaterThan(0.5);
    expect(deviation).toBeLessThan(2);
  });

  test('the weights of a type weigh what the engine holds', async () => {
    const path = join(scratchFolder(), 'random.gguf');
    await writeRandomGguf(path, tiny, 'Q8_0', bundledModel);
    const { info } = await openModel(path, { arithmetic: 'fast' });
    expect(info.weightsBytes).toBe(weightBytes(tiny, 'Q8_0'));
  });
});

describe('figures', () => {
  test('ratios are taken round by round', () => {
    expect(ratios([10, 20, 30], [5, 20, 10])).toEqual([2, 1, 3]);
  });

  test('a missing round is refused', () => {
    expect(() => ratios([1, 2], [1])).toThrow('2 rounds against 1');
  });

  test('a series shows minimum, median and maximum', () => {
    expect(formatSeries({ label: 'Retort', unit: 'tok/s', values: [30, 10, 20] })).toBe(
      'Retort 10.0 / 20.0 / 30.0 tok/s',
    );
  });

  test('a row measured beside other work says so', () => {
    const outcome = { series: [], checks: [{ target: 'ratio ≥ 1', met: false }], notes: [] };
    const quiet = { others: 0.01, waiting: 0.01 };
    expect(tableRow({ name: 'decode', outcome: { ...outcome, quiet } })).toBe(
      '| decode | ratio ≥ 1 |  | **no** |  |',
    );
    expect(tableRow({ name: 'decode', outcome: { ...outcome, quiet: { ...quiet, others: 0.3 } } })).toContain(
      'other work took 30 % of the processors',
    );
  });
});
