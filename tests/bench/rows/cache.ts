/** Going on from a saved cache beside reading its tokens again: the bundled model, whose restoring is dear beside its reading. */
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Engine } from '../../../electron/engine/engine.ts';
import { openNativeEngine } from '../../../electron/engine/native/open.ts';
import { readModelSource } from '../../../electron/formats/open-source.ts';
import { resolveModel } from '../../../models/families/index.ts';
import { bundledModel } from '../../helpers/golden.ts';
import { ratios, type Series } from '../statistics.ts';
import { atLeast, type Row } from './row.ts';

const tokens = 4096;
const chunk = 256;

interface Round {
  readonly read: number;
  readonly save: number;
  readonly restore: number;
  readonly fileBytes: number;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
}

/** In sessions of their own; the file is in the page cache when it is restored, as after a restart of the app. */
async function measureRound(engine: Engine, file: string): Promise<Round> {
  const ids = Int32Array.from({ length: tokens }, (_, i) => (i * 7919) % 40_000);
  const [first, second] = [
    await engine.createSession({ context: tokens }),
    await engine.createSession({ context: tokens }),
  ];
  try {
    const read = await timed(async () => {
      for (let start = 0; start < tokens; start += chunk)
        await first.evaluate({ ids: ids.subarray(start, start + chunk), rows: 'none' });
    });
    const save = await timed(() => first.save(file, [...ids]));
    const restore = await timed(() => second.restore(file));
    return { read, save, restore, fileBytes: (await stat(file)).size };
  } finally {
    first.close();
    second.close();
  }
}

export const cacheRow: Row = {
  name: `restore a cache of ${tokens} tokens, SmolLM2-135M f16`,
  async run({ repeat, threads }) {
    const folder = await mkdtemp(join(tmpdir(), 'retort-bench-'));
    const source = await readModelSource(bundledModel);
    const engine = await openNativeEngine(source, resolveModel(source), { arithmetic: 'fast', threads });
    const rounds: Round[] = [];
    try {
      for (let round = 0; round <= repeat; round++) {
        const file = join(folder, `${round}.safetensors`);
        const measured = await measureRound(engine, file);
        await rm(file);
        // The first warms up.
        if (round > 0) rounds.push(measured);
      }
    } finally {
      await engine.close();
      await rm(folder, { recursive: true, force: true });
    }
    const seconds = (label: string, part: (round: Round) => number): Series => ({
      label,
      unit: 's',
      values: rounds.map(part),
    });
    const faster = ratios(
      rounds.map(({ read }) => read),
      rounds.map(({ restore }) => restore),
    );
    return {
      series: [
        seconds('reading', ({ read }) => read),
        seconds('saving, durable', ({ save }) => save),
        seconds('restoring', ({ restore }) => restore),
        { label: 'reading / restoring', unit: '', values: faster },
      ],
      checks: [atLeast('reading / restoring', faster, 10)],
      notes: [`${((rounds[0]?.fileBytes ?? 0) / 1_048_576).toFixed(0)} MiB`],
    };
  },
};
