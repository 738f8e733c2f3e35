/** Measures the disk that a file or folder lies on. */
import { randomBytes } from 'node:crypto';
import { open, realpath, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { diskSampleName } from '../../contract/cache-layout.ts';
import type { Progress } from '../../contract/progress.ts';
import type { DiskCurve } from '../../contract/streaming.ts';
import { LabError, toLabError } from '../../contract/errors.ts';
import { nativeAddon, toCodedError, type NativeDiskPlan } from './addon.ts';
import { fileSystemOf, storeDiskCurve, storedDiskCurve } from './disk-curve.ts';

const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;
/** Those of records, and smaller ones that experts of small models have. */
const sizes = [64 * kibibyte, 256 * kibibyte, mebibyte, 4 * mebibyte];
const depths = [1, 2, 4, 8, 16];
/** Enough for several times as many reads as are in flight, in each of three rounds. */
const bytesPerPoint = (size: number) => Math.max(64 * mebibyte, 48 * size);
/** A file that is smaller may lie in the memory of the disk itself: one of this size is written beside it. */
const sampleBytes = 256 * mebibyte;
const writtenAtOnce = 8 * mebibyte;

export interface MeasureDiskHooks {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: Progress) => void;
}

export interface MeasureDiskOptions {
  /** Of a file that is written where there is none that is large enough; default 256 MiB. */
  readonly sampleBytes?: number;
  readonly measure?: typeof measureWithAddon;
}

/**
 * The curve of the disk that `path` lies on: the one that is kept, else measured by reading up to 2 GB, which takes seconds. Reads the file
 * at `path` where it is large enough; else a file that is written beside it for this, or in the folder, and removed. Throws what writing
 * throws, unsupported-feature where the file system has no reads around the page cache, and cancelled.
 */
export async function measureDisk(
  path: string,
  cacheFolder: string,
  hooks: MeasureDiskHooks,
  options: MeasureDiskOptions = {},
): Promise<DiskCurve> {
  const stored = await storedDiskCurve(cacheFolder, path).catch((error: unknown) => {
    throw told(error, path);
  });
  if (stored) return stored;
  const place = await realpath(path);
  const curve = await withSample(place, options.sampleBytes ?? sampleBytes, hooks, (sample) =>
    measureFile(sample, hooks, options.measure ?? measureWithAddon),
  );
  await storeDiskCurve(cacheFolder, await fileSystemOf(place), curve);
  return curve;
}

function told(error: unknown, path: string): LabError {
  const { code, message } = toLabError(error);
  const text = code === 'not-found' ? `${path} does not exist.` : message;
  return new LabError(code, text, { file: basename(path) }, { cause: error });
}

interface Sample {
  readonly path: string;
  readonly fileBytes: number;
}

async function withSample(
  place: string,
  bytes: number,
  { signal, onProgress }: MeasureDiskHooks,
  use: (sample: Sample) => Promise<DiskCurve>,
): Promise<DiskCurve> {
  const found = await stat(place);
  if (found.isFile() && found.size >= bytes) return use({ path: place, fileBytes: found.size });
  const folder = found.isDirectory() ? place : dirname(place);
  const path = join(folder, `${diskSampleName}.partial-${process.pid}-${randomBytes(4).toString('hex')}`);
  try {
    await writeSample(path, bytes, signal, (done) =>
      onProgress({ phase: 'write a file to read', done, total: bytes }),
    );
    return await use({ path, fileBytes: bytes });
  } catch (error) {
    throw toLabError(error);
  } finally {
    await rm(path, { force: true });
  }
}

/**
 * Bytes that no file system compresses, on the disk when it returns. Made durable piece by piece: a system that has much to write makes every
 * other program wait.
 */
async function writeSample(
  path: string,
  bytes: number,
  signal: AbortSignal,
  onWritten: (bytes: number) => void,
): Promise<void> {
  const file = await open(path, 'wx');
  try {
    const noise = randomBytes(Math.min(bytes, writtenAtOnce));
    for (let written = 0; written < bytes; written += noise.length) {
      signal.throwIfAborted();
      noise.writeUInt32LE(written / kibibyte, 0);
      await file.write(noise, 0, Math.min(noise.length, bytes - written));
      await file.datasync();
      onWritten(written);
    }
    await file.sync();
  } finally {
    await file.close();
  }
}

async function measureFile(
  { path, fileBytes }: Sample,
  { signal, onProgress }: MeasureDiskHooks,
  measure: typeof measureWithAddon,
): Promise<DiskCurve> {
  const measurable = sizes.filter((size) => size <= fileBytes);
  const bytesPerSecond: number[] = [];
  for (const [index, size] of measurable.entries()) {
    onProgress({ phase: 'measure the disk', done: index, total: measurable.length });
    const plan = {
      path,
      fileBytes,
      sizes: Int32Array.of(size),
      depths: Int32Array.from(depths),
      bytesPerPoint: bytesPerPoint(size),
    };
    bytesPerSecond.push(...(await measure(plan, signal)));
  }
  return { sizes: measurable, depths: [...depths], bytesPerSecond, at: Date.now() };
}

async function measureWithAddon(plan: NativeDiskPlan, signal: AbortSignal): Promise<Float64Array> {
  const addon = nativeAddon();
  const cancellation = new addon.NativeCancellation();
  const cancel = () => cancellation.cancel();
  signal.addEventListener('abort', cancel);
  if (signal.aborted) cancel();
  try {
    return await addon.measureDisk(plan, cancellation);
  } catch (error) {
    throw toCodedError(error);
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}
