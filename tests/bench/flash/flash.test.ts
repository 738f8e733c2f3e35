/** `npm run bench:flash` on models of some megabytes: what is counted and computed, not how long it takes. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writeRandomGguf } from '../models/random-gguf.ts';
import { writeRandomMixture } from '../models/random-mixture.ts';
import { bundledModel } from '../places.ts';
import { whyNoCaps } from './memory-cap.ts';
import { memoryRow } from './rows/memory.ts';
import { promptRow } from './rows/prompt.ts';
import type { FlashBench, FlashOutcome } from './rows/row.ts';
import { stopRow } from './rows/stop.ts';
import { streamingRow } from './rows/streaming.ts';
import type { StreamingCase } from './rows/streaming-case.ts';
import { tinyDense, tinyMixture } from './shapes.ts';
import { textOfNeighbours, textOfStrangers } from './texts.ts';

const folder = mkdtempSync(join(tmpdir(), 'retort-flash-'));
const bench: FlashBench = {
  repeat: 1,
  threads: 2,
  gigabytes: 1,
  hasPeers: false,
  whyNoCaps: whyNoCaps(),
};

const paths = { dense: join(folder, 'dense.gguf'), mixture: join(folder, 'mixture.gguf') };
beforeAll(async () => {
  await writeRandomGguf(paths.dense, tinyDense, 'Q8_0', bundledModel);
  await writeRandomMixture(paths.mixture, tinyMixture, 'Q8_0', bundledModel);
});
afterAll(() => rmSync(folder, { recursive: true }));

const dense: StreamingCase = {
  name: 'tiny dense',
  model: () => Promise.resolve(paths.dense),
  budgetShare: 0.6,
  text: textOfStrangers,
  warmTokens: 1,
  turnTokens: 3,
  peerTurnTokens: 1,
  ratio: null,
  hasExperts: false,
};

const mixture: StreamingCase = {
  ...dense,
  name: 'tiny mixture',
  model: () => Promise.resolve(paths.mixture),
  budgetShare: 0.75,
  text: textOfNeighbours,
  warmTokens: 64,
  turnTokens: 48,
  hasExperts: true,
};

function valueOf({ series }: FlashOutcome, label: string): number {
  const found = series.find((each) => each.label === label);
  expect(found, label).toBeDefined();
  return found!.values[0]!;
}

/** All checks but those of time. */
function expectMet({ checks }: FlashOutcome): void {
  const counted = checks.filter(({ target }) => !target.startsWith('time /') && !target.includes(' ms'));
  expect(counted.length).toBeGreaterThan(0);
  expect(counted.filter(({ met }) => !met)).toEqual([]);
}

describe('a model larger than its budget', () => {
  test('that is dense computes the same bits, within its cap, from reads that can be replayed', async () => {
    const outcome = await streamingRow(dense).run(bench);
    expectMet(outcome);
    expect(outcome.checks.map(({ target }) => target)).toContain('all logits bit for bit as in memory');
    expect(valueOf(outcome, 'read')).toBeGreaterThan(1);
    expect(valueOf(outcome, 'reads replayed')).toBeGreaterThan(0);
  });

  test('that is a mixture hits as often as its cache replayed, and best as Belady', async () => {
    const outcome = await streamingRow(mixture).run(bench);
    expectMet(outcome);
    const hits = valueOf(outcome, 'hits of LFU with ghosts, replayed');
    expect(valueOf(outcome, 'hits')).toBeGreaterThan(0);
    expect(valueOf(outcome, 'hits')).toBeLessThan(100);
    expect(valueOf(outcome, 'hits of Belady, replayed')).toBeGreaterThanOrEqual(hits);
  });

  test('reads no more of a prompt in the parts that it takes than 256 tokens at a time', async () => {
    for (const options of [dense, mixture]) expectMet(await promptRow(options).run(bench));
  });

  test('leaves no read in flight when it is stopped', async () => {
    for (const options of [dense, mixture]) {
      const outcome = await stopRow(options).run(bench);
      expectMet(outcome);
      expect(outcome.checks.at(-1)!.target).toBe('no read in flight after');
    }
  });
});

describe.skipIf(bench.whyNoCaps !== null)('memory of a model larger than its budget', () => {
  test('stays within budget and 32 MiB', async () => {
    for (const options of [dense, mixture]) expectMet(await memoryRow(options).run(bench));
  });
});
