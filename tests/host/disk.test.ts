/** What the host adds to measuring a disk: one at a time, and nothing is left behind. */
import { mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { DiskCurve } from '../../electron/contract/streaming.ts';
import type { EngineProcess } from '../../electron/host/engines/engine-starter.ts';
import { measureDisk } from '../../electron/host/work/disk.ts';
import type { Services } from '../../electron/host/services.ts';
import { eventually } from '../helpers/eventually.ts';
import { temporaryFolder } from '../helpers/test-host.ts';

const curve: DiskCurve = { sizes: [65_536], depths: [1], bytesPerSecond: [1e9], at: 1 };

/** Engines whose measurements end when the test says so. */
function heldEngines() {
  const held: { path: string; end: () => void }[] = [];
  const start = () => {
    const measure = ({ path }: { path: string }) => {
      const done = new Promise<DiskCurve>((resolve) => held.push({ path, end: () => resolve(curve) }));
      return { chunks: (async function* () {})(), done };
    };
    return { client: { measureDisk: measure }, kill: () => undefined } as unknown as EngineProcess;
  };
  return { held, services: { engines: { start }, caches: { folder: '' } } as unknown as Services };
}

const hooks = (signal = new AbortController().signal) => ({ signal, progress: () => Promise.resolve() });

test('one disk is measured after the other, and a wait can be cancelled', async () => {
  const { held, services } = heldEngines();
  const paths = [temporaryFolder(), temporaryFolder(), temporaryFolder()] as const;
  const stop = new AbortController();
  const first = measureDisk(services, paths[0], hooks());
  const second = measureDisk(services, paths[1], hooks(stop.signal));
  const third = measureDisk(services, paths[2], hooks());
  await eventually(() => expect(held).toHaveLength(1));
  stop.abort();
  await expect(second).rejects.toMatchObject({ code: 'cancelled' });
  expect(held).toHaveLength(1);
  held[0]!.end();
  expect(await first).toEqual(curve);
  await eventually(() => expect(held).toHaveLength(2));
  held[1]!.end();
  await third;
  expect(held.map(({ path }) => path)).toEqual([paths[0], paths[2]]);
});

test('files that killed measurements wrote are removed, those of running ones stay', async () => {
  const { held, services } = heldEngines();
  const folder = mkdtempSync(join(temporaryFolder(), 'models-'));
  // Ids end far below it.
  const [abandoned, used] = [2 ** 30, process.pid].map((pid) => `disk-sample.partial-${pid}-0a1b2c3d`);
  for (const name of [abandoned!, used!, 'disk-sample.partial-notes', 'weights.gguf']) {
    writeFileSync(join(folder, name), 'x');
  }
  const measuring = measureDisk(services, join(folder, 'weights.gguf'), hooks());
  await eventually(() => expect(held).toHaveLength(1));
  expect(readdirSync(folder).sort()).toEqual([used, 'disk-sample.partial-notes', 'weights.gguf'].sort());
  held[0]!.end();
  await measuring;
});
