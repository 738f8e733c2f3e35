/**
 * How fast a disk gives bytes around the page cache, by the size of reads and by how many are in flight: measured once per file system
 * (measure-disk.ts) and kept in the cache folder.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { diskName } from '../../contract/cache-layout.ts';
import { DiskCurve } from '../../contract/streaming.ts';

/** More file systems than a person's machine has at a time; the latest are kept. */
const mostDisks = 32;

const Stored = z.strictObject({
  version: z.literal(1),
  /** The latest last. */
  disks: z.array(z.strictObject({ fileSystem: z.string(), curve: DiskCurve })),
});
type Stored = z.infer<typeof Stored>;

/**
 * What tells file systems apart: the device's number, which another may have after a restart, with the kind of file system. Not its size,
 * which changes with what is written where several share a pool. Throws what looking at the path throws.
 */
export async function fileSystemOf(path: string): Promise<string> {
  const [{ dev }, { type }] = await Promise.all([stat(path), statfs(path)]);
  return [dev, type].map((number) => number.toString(16)).join('-');
}

/** Null: it was not measured yet. Throws what looking at the path throws. */
export async function storedDiskCurve(cacheFolder: string, path: string): Promise<DiskCurve | null> {
  const fileSystem = await fileSystemOf(path);
  const { disks } = await readStored(cacheFolder);
  return disks.find((disk) => disk.fileSystem === fileSystem)?.curve ?? null;
}

/** Another process may store at this moment: each renames a whole file into place, and what is lost is measured again. */
export async function storeDiskCurve(
  cacheFolder: string,
  fileSystem: string,
  curve: DiskCurve,
): Promise<void> {
  const { disks } = await readStored(cacheFolder);
  const others = disks.filter((disk) => disk.fileSystem !== fileSystem).slice(1 - mostDisks);
  const file = join(cacheFolder, diskName);
  const unfinished = `${file}.partial-${process.pid}-${randomBytes(4).toString('hex')}`;
  try {
    await mkdir(cacheFolder, { recursive: true });
    const stored: Stored = { version: 1, disks: [...others, { fileSystem, curve }] };
    await writeFile(unfinished, `${JSON.stringify(stored, null, 2)}\n`);
    await rename(unfinished, file);
  } catch {
    // Nothing depends on it: it is measured again.
    await rm(unfinished, { force: true }).catch(() => undefined);
  }
}

/** Whatever is wrong with the file, another is made. */
async function readStored(cacheFolder: string): Promise<Stored> {
  try {
    return Stored.parse(JSON.parse(await readFile(join(cacheFolder, diskName), 'utf8')));
  } catch {
    return { version: 1, disks: [] };
  }
}

/** Bytes per second of reads of `bytes`, `depth` in flight: between two sizes in proportion to their logarithms, at the nearest lower depth. */
export function diskRate({ sizes, depths, bytesPerSecond }: DiskCurve, bytes: number, depth: number): number {
  const column = Math.max(
    0,
    depths.findLastIndex((each) => each <= depth),
  );
  const rateOf = (row: number) => bytesPerSecond[row * depths.length + column]!;
  const above = sizes.findIndex((size) => size >= bytes);
  if (above === -1) return rateOf(sizes.length - 1);
  if (above === 0) return rateOf(0);
  const [left, right] = [sizes[above - 1]!, sizes[above]!];
  const share = Math.log(bytes / left) / Math.log(right / left);
  return rateOf(above - 1) * (1 - share) + rateOf(above) * share;
}

/** Of the best rate, what is as good: more reads in flight are more memory, and more to wait for at a cancellation. */
const nearlyBest = 0.95;

/** The fewest reads of `bytes` in flight that are nearly as fast as any number of them. */
export function bestDepth(curve: DiskCurve, bytes: number): number {
  const rates = curve.depths.map((depth) => diskRate(curve, bytes, depth));
  const best = Math.max(...rates);
  return curve.depths[rates.findIndex((rate) => rate >= nearlyBest * best)]!;
}
