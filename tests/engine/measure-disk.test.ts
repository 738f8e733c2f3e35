import { randomBytes } from 'node:crypto';
import { realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { nativeAddon, type NativeDiskPlan } from '../../electron/engine/native/addon.ts';
import { temporaryFolder } from '../helpers/test-host.ts';

const fileBytes = 2 ** 20;

function planFor(changes: Partial<NativeDiskPlan> = {}): NativeDiskPlan {
  const path = join(realpathSync(temporaryFolder()), 'weights');
  writeFileSync(path, randomBytes(fileBytes));
  const sizes = Int32Array.of(4096, 65_536);
  return { path, fileBytes, sizes, depths: Int32Array.of(1, 2, 8), bytesPerPoint: 2 ** 20, ...changes };
}

/** File systems without direct reads say so; there is nothing to measure then. */
async function measured(plan: NativeDiskPlan): Promise<Float64Array | null> {
  try {
    return await nativeAddon().measureDisk(plan);
  } catch (error) {
    expect(error).toMatchObject({ code: 'unsupported-feature' });
    return null;
  }
}

it('a disk is measured at each size and depth', async () => {
  const rates = await measured(planFor());
  if (rates === null) return;
  expect(rates).toHaveLength(6);
  expect(rates.every((rate) => rate > 0 && Number.isFinite(rate))).toBe(true);
});

it('a measurement that is cancelled rejects, before it begins and under way', async () => {
  const plan = planFor({ sizes: new Int32Array(32).fill(4096), bytesPerPoint: 2 ** 32 });
  if ((await measured(planFor())) === null) return;
  const addon = nativeAddon();
  const before = new addon.NativeCancellation();
  before.cancel();
  await expect(addon.measureDisk(plan, before)).rejects.toMatchObject({ code: 'cancelled' });
  const underWay = new addon.NativeCancellation();
  const answer = addon.measureDisk(plan, underWay);
  setTimeout(() => {
    underWay.cancel();
  }, 20);
  // Left alone, it would take half a minute.
  await expect(answer).rejects.toMatchObject({ code: 'cancelled' });
});

it.each<[string, Partial<NativeDiskPlan>, string]>([
  ['no sizes', { sizes: new Int32Array() }, 'bad-request'],
  ['a size below 0', { sizes: Int32Array.of(-4096) }, 'bad-request'],
  ['a size that is no whole page', { sizes: Int32Array.of(5000) }, 'bad-request'],
  ['a depth of 0', { depths: Int32Array.of(0) }, 'bad-request'],
  ['too many bytes', { bytesPerPoint: 2 ** 33 }, 'bad-request'],
  ['another size than the file has', { fileBytes: fileBytes + 4096 }, 'bad-file'],
])('%s: the measurement is refused', async (_, changes, code) => {
  await expect(nativeAddon().measureDisk(planFor(changes))).rejects.toMatchObject({ code });
});

it('a link is not followed', async () => {
  const plan = planFor();
  symlinkSync(plan.path, `${plan.path}-link`);
  const linked = { ...plan, path: `${plan.path}-link` };
  await expect(nativeAddon().measureDisk(linked)).rejects.toMatchObject({ code: 'bad-file' });
});

it('arguments of a wrong type are refused', () => {
  const addon = nativeAddon() as unknown as { measureDisk(...given: unknown[]): unknown };
  const wrong: unknown[][] = [
    [],
    [{}],
    [{ ...planFor(), path: 1 }],
    [{ ...planFor(), sizes: [4096] }],
    [{ ...planFor(), bytesPerPoint: -1 }],
    [planFor(), {}],
    [planFor(), null],
  ];
  for (const given of wrong) {
    expect(() => addon.measureDisk(...given)).toThrow(expect.objectContaining({ code: 'bad-request' }));
  }
});
