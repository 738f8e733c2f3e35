import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { open, stat, statfs, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { type Progress } from '../../electron/contract/progress.ts';
import { DiskCurve } from '../../electron/contract/streaming.ts';
import type { NativeDiskPlan } from '../../electron/engine/native/addon.ts';
import {
  bestDepth,
  diskRate,
  fileSystemOf,
  storedDiskCurve,
  storeDiskCurve,
} from '../../electron/engine/native/disk-curve.ts';
import { measureDisk } from '../../electron/engine/native/measure-disk.ts';
import { labError } from '../helpers/model-folder.ts';
import { temporaryFolder } from '../helpers/test-host.ts';

const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;
const curve: DiskCurve = {
  sizes: [64 * kibibyte, mebibyte],
  depths: [1, 4, 16],
  bytesPerSecond: [100, 300, 400, 1000, 1980, 2000],
  at: 5,
};

describe('a curve', () => {
  test.each([
    ['a measured point', 64 * kibibyte, 4, 300],
    ['smaller reads than any', 4096, 1, 100],
    ['larger reads than any', 8 * mebibyte, 16, 2000],
    ['more reads in flight than any', mebibyte, 64, 2000],
    ['a number of reads between two: the lower', 64 * kibibyte, 8, 300],
    ['a size halfway by its logarithm', 256 * kibibyte, 1, 550],
  ])('tells the rate of %s', (_, bytes, depth, expected) => {
    expect(diskRate(curve, bytes, depth)).toBeCloseTo(expected, 6);
  });

  test('tells the fewest reads in flight that are nearly as fast as any', () => {
    expect(bestDepth(curve, mebibyte)).toBe(4);
    expect(bestDepth(curve, 64 * kibibyte)).toBe(16);
  });

  test('has a rate for each size and depth, all of them more than nothing', () => {
    expect(DiskCurve.safeParse(curve).success).toBe(true);
    for (const bytesPerSecond of [[], [1, 2, 3], [1, 2, 3, 4, 5, 0]]) {
      expect(DiskCurve.safeParse({ ...curve, bytesPerSecond }).success).toBe(false);
    }
  });
});

describe('what is kept of disks', () => {
  test('is found by the file system that a path lies on, and replaced by what is measured later', async () => {
    const folder = join(temporaryFolder(), 'new');
    const path = temporaryFolder();
    expect(await storedDiskCurve(folder, path)).toBe(null);
    await storeDiskCurve(folder, await fileSystemOf(path), curve);
    await storeDiskCurve(folder, 'another', { ...curve, at: 6 });
    expect(await storedDiskCurve(folder, path)).toEqual(curve);
    await storeDiskCurve(folder, await fileSystemOf(path), { ...curve, at: 7 });
    expect(await storedDiskCurve(folder, path)).toEqual({ ...curve, at: 7 });
    const { disks } = JSON.parse(readFileSync(join(folder, 'disk.json'), 'utf8')) as { disks: unknown[] };
    expect(disks).toHaveLength(2);
    expect(readdirSync(folder)).toEqual(['disk.json']);
  });

  test('is of a device and a kind of file system, whatever its size is at the moment', async () => {
    const path = temporaryFolder();
    const parts = [(await stat(path)).dev, (await statfs(path)).type];
    expect(await fileSystemOf(path)).toBe(parts.map((part) => part.toString(16)).join('-'));
  });

  test('is the latest of 32 disks', async () => {
    const folder = temporaryFolder();
    for (let i = 0; i < 40; i++) await storeDiskCurve(folder, `disk-${i}`, curve);
    const { disks } = JSON.parse(readFileSync(join(folder, 'disk.json'), 'utf8')) as {
      disks: { fileSystem: string }[];
    };
    expect([disks.length, disks[0]?.fileSystem, disks[31]?.fileSystem]).toEqual([32, 'disk-8', 'disk-39']);
  });

  test.each([
    ['damaged', '{"version": 1, "disks": [{'],
    ['of a later Retort', '{"version": 2, "disks": []}'],
    [
      'of wrong rates',
      '{"version": 1, "disks": [{"fileSystem": "x", "curve": {"sizes": [1], "depths": [1]}}]}',
    ],
  ])('is measured again where the file is %s', async (_, text) => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'disk.json'), text);
    expect(await storedDiskCurve(folder, folder)).toBe(null);
    await storeDiskCurve(folder, await fileSystemOf(folder), curve);
    expect(await storedDiskCurve(folder, folder)).toEqual(curve);
  });

  test('is not told of a path that is gone, and no failure where it cannot be written', async () => {
    const folder = temporaryFolder();
    await expect(storedDiskCurve(folder, join(folder, 'gone'))).rejects.toMatchObject({ code: 'ENOENT' });
    writeFileSync(join(folder, 'file'), '');
    await storeDiskCurve(join(folder, 'file', 'below'), 'x', curve);
  });
});

/** Measures by counting: what was read of which file. */
function counting() {
  const plans: NativeDiskPlan[] = [];
  const measure = (plan: NativeDiskPlan) => {
    plans.push(plan);
    return Promise.resolve(Float64Array.from(plan.depths, (depth) => depth * plan.sizes[0]!));
  };
  return { plans, measure };
}

const quiet = { signal: new AbortController().signal, onProgress: () => undefined };

describe('measuring a disk', () => {
  test('reads a file that is large enough, once, and tells its progress', async () => {
    const [folder, cache] = [temporaryFolder(), temporaryFolder()];
    const path = join(folder, 'weights');
    writeFileSync(path, randomBytes(mebibyte));
    const { plans, measure } = counting();
    const reports: Progress[] = [];
    const hooks = { ...quiet, onProgress: (progress: Progress) => reports.push(progress) };
    const measured = await measureDisk(path, cache, hooks, { sampleBytes: mebibyte, measure });
    // No reads of 4 MiB of a file of 1.
    expect(measured.sizes).toEqual([64 * kibibyte, 256 * kibibyte, mebibyte]);
    expect(measured.depths).toEqual([1, 2, 4, 8, 16]);
    expect(measured.bytesPerSecond[6]).toBe(2 * 256 * kibibyte);
    expect(plans.map((plan) => plan.path)).toEqual([path, path, path]);
    expect(reports.map(({ done, total }) => [done, total])).toEqual([
      [0, 3],
      [1, 3],
      [2, 3],
    ]);
    const again = await measureDisk(folder, cache, quiet, { measure });
    expect(again).toEqual(measured);
    expect(plans).toHaveLength(3);
  });

  test('writes a file beside a small one or in a folder, and removes it', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'small');
    writeFileSync(path, 'small');
    const { plans, measure } = counting();
    await measureDisk(path, temporaryFolder(), quiet, { sampleBytes: 4 * mebibyte, measure });
    await measureDisk(folder, temporaryFolder(), quiet, { sampleBytes: 4 * mebibyte, measure });
    expect(plans.every((plan) => plan.path.startsWith(join(folder, 'disk-sample.partial-')))).toBe(true);
    expect(plans.every(({ fileBytes }) => fileBytes === 4 * mebibyte)).toBe(true);
    expect(readdirSync(folder)).toEqual(['small']);
  });

  test('writes the file in pieces that are on the disk before the next', async () => {
    const folder = temporaryFolder();
    const file = await open(join(folder, 'any'), 'w');
    const handles = Object.getPrototypeOf(file) as FileHandle;
    await file.close();
    const written: string[] = [];
    const write = vi.spyOn(handles, 'write').mockImplementation((buffer) => {
      written.push('write');
      return Promise.resolve({ bytesWritten: 0, buffer });
    });
    const sync = vi.spyOn(handles, 'datasync').mockImplementation(() => {
      written.push('sync');
      return Promise.resolve();
    });
    onTestFinished(() => {
      write.mockRestore();
      sync.mockRestore();
    });
    const { measure } = counting();
    await measureDisk(folder, temporaryFolder(), quiet, { sampleBytes: 20 * mebibyte, measure });
    expect(written).toEqual(['write', 'sync', 'write', 'sync', 'write', 'sync']);
  });

  test('that fails or is cancelled leaves no file and keeps nothing', async () => {
    const [folder, cache] = [temporaryFolder(), temporaryFolder()];
    const failing = () => Promise.reject(new Error('broken'));
    const options = { sampleBytes: 16 * mebibyte, measure: failing };
    expect((await labError(measureDisk(folder, cache, quiet, options))).message).toBe('broken');
    const cancel = new AbortController();
    const hooks = { signal: cancel.signal, onProgress: () => cancel.abort() };
    expect((await labError(measureDisk(folder, cache, hooks, { sampleBytes: 16 * mebibyte }))).code).toBe(
      'cancelled',
    );
    expect([readdirSync(folder), readdirSync(cache)]).toEqual([[], []]);
  });

  test('of what is not there says so', async () => {
    const { code, message } = await labError(measureDisk('/no/such/model', temporaryFolder(), quiet));
    expect([code, message]).toEqual(['not-found', '/no/such/model does not exist.']);
  });

  test('by the engine’s own reads gives rates, where the file system has such reads', async () => {
    const folder = join(temporaryFolder(), 'here');
    mkdirSync(folder);
    const measuring = measureDisk(folder, temporaryFolder(), quiet, { sampleBytes: 4 * mebibyte });
    const measured = await measuring.catch((error: unknown) => {
      expect(error).toMatchObject({ code: 'unsupported-feature' });
      return null;
    });
    expect(readdirSync(folder)).toEqual([]);
    if (measured) expect(DiskCurve.parse(measured)).toEqual(measured);
  });
});
