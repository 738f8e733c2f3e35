/** Packing that is killed, cancelled, or out of room goes on where it was, and the pack is the one that was never interrupted, byte for byte. */
import {
  existsSync,
  linkSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { packModel } from '../../../electron/engine/pack/pack-model.ts';
import { readModelSource } from '../../../electron/formats/open-source.ts';
import { crc32c } from '../../../electron/formats/pack/crc32c.ts';
import { bundledModel } from '../../helpers/golden.ts';
import { labError, makeFolder } from '../../helpers/model-folder.ts';
import { tinyFolder } from '../../helpers/native-engine.ts';
import { packInChild, packInto, quiet } from '../../helpers/packs.ts';
import { seededRandom } from '../../helpers/seeded-random.ts';
import { mayMount, SmallDisk } from '../../helpers/small-disk.ts';

const name = 'model.retortpack';
const partial = `.partial-${name}`;
const journal = `${partial}.journal`;
const tiny = tinyFolder('mixtral');

/** The pack as it is when nothing happens. */
async function undisturbed(path: string): Promise<Buffer> {
  return readFileSync((await packInto(makeFolder(), path)).out);
}

/** Packs in this process, so much made durable at a time; `onDone` gets the bytes done and may throw or cancel. */
function packHere(
  folder: string,
  path: string,
  durableBytes: number,
  onDone: (done: number, cancel: () => void) => void = () => undefined,
) {
  const controller = new AbortController();
  const onProgress = ({ phase, done }: { phase: string; done: number }) =>
    phase === 'pack' && onDone(done, () => controller.abort());
  const hooks = { signal: controller.signal, onProgress };
  return packModel({ path, out: join(folder, name), threads: 2 }, hooks, { durableBytes });
}

/** An unfinished pack of which about so many bytes are kept. */
async function leaveUnfinished(folder: string, path: string, keptBytes: number): Promise<void> {
  const error = await labError(
    packHere(folder, path, 1, (done, cancel) => void (done >= keptBytes && cancel())),
  );
  expect(error.code).toBe('cancelled');
}

describe('killed', () => {
  test.each([1, 2, 3, 4, 5, 6])(
    'again and again at random records (seed %i), it is in the end the pack that was never killed',
    async (seed) => {
      const random = seededRandom(seed);
      const folder = makeFolder();
      const out = join(folder, name);
      const durable = 1 + Math.floor(random() * 60_000);
      let kills = 0;
      for (;;) {
        // The first rounds die soon, later ones come further.
        const killAt = kills < 6 ? 1 + Math.floor(random() * 12 * (kills + 1)) : 0;
        const result = await packInChild([tiny, out, durable, killAt]);
        if (result !== null) {
          expect(result.error).toBeUndefined();
          break;
        }
        kills += 1;
        expect(existsSync(out)).toBe(false);
      }
      expect(kills).toBeGreaterThan(0);
      expect(readFileSync(out).equals(await undisturbed(tiny))).toBe(true);
      expect(readdirSync(folder)).toEqual([name]);
    },
    120_000,
  );

  test.each([7, 8])('a model of many megabytes (seed %i) does not begin again', async (seed) => {
    const random = seededRandom(seed);
    const folder = makeFolder();
    const out = join(folder, name);
    // Of some 225 records.
    const killAt = 60 + Math.floor(random() * 160);
    expect(await packInChild([bundledModel, out, 4 * 2 ** 20, killAt])).toBeNull();
    const result = await packInChild([bundledModel, out, 64 * 2 ** 20, 0]);
    expect(result!.packed!.resumedBytes).toBeGreaterThan(4 * 2 ** 20);
    expect(readFileSync(out).equals(await undisturbed(bundledModel))).toBe(true);
  });
});

describe('cancelled', () => {
  test('it keeps what it has, says so, and goes on with it', async () => {
    const folder = makeFolder();
    const error = await labError(
      packHere(folder, tiny, 2 ** 30, (done, cancel) => void (done > 200_000 && cancel())),
    );
    expect(error).toMatchObject({ code: 'cancelled', detail: { file: name } });
    expect(error.message).toContain(`is kept in ${partial}; the same command goes on from there`);
    expect(readdirSync(folder).sort()).toEqual([partial, journal].sort());
    let first = -1;
    const again = await packHere(folder, tiny, 2 ** 30, (done) => void (first < 0 && (first = done)));
    // Nothing was durable before it was cancelled: what was complete is made so then.
    expect(again.resumedBytes).toBeGreaterThan(150_000);
    expect(first).toBeGreaterThan(150_000);
    expect(readFileSync(again.out).equals(await undisturbed(tiny))).toBe(true);
    expect(readdirSync(folder)).toEqual([name]);
  });

  test('before it began, it leaves nothing that could mislead', async () => {
    const folder = makeFolder();
    const hooks = { ...quiet, signal: AbortSignal.abort() };
    const error = await labError(packModel({ path: tiny, out: join(folder, name), threads: 1 }, hooks));
    expect(error.code).toBe('cancelled');
    expect((await packHere(folder, tiny, 1)).resumedBytes).toBe(0);
  });
});

describe('an unfinished pack', () => {
  /** What of it is taken over after something was done to its files; the pack is right in any case. */
  async function resumedAfter(spoil: (folder: string) => void, path = tiny): Promise<number> {
    const folder = makeFolder();
    await leaveUnfinished(folder, path, 300_000);
    spoil(folder);
    const { resumedBytes, out } = await packHere(folder, path, 2 ** 20);
    expect(readFileSync(out).equals(await undisturbed(path))).toBe(true);
    expect(readdirSync(folder)).toEqual([name]);
    return resumedBytes;
  }

  const edit = (folder: string, file: string, change: (bytes: Buffer) => Buffer | void) => {
    const path = join(folder, file);
    const bytes = readFileSync(path);
    writeFileSync(path, change(bytes) ?? bytes);
  };
  const lines = (folder: string) => readFileSync(join(folder, journal), 'latin1').split('\n');

  test('is gone on with as a whole where nothing happened to it', async () => {
    expect(await resumedAfter(() => undefined)).toBeGreaterThan(290_000);
  });

  test('is gone on with from before the first record that is damaged', async () => {
    const resumed = await resumedAfter((folder) =>
      edit(folder, partial, (bytes) => void (bytes[150_000]! ^= 1)),
    );
    expect(resumed).toBeGreaterThan(50_000);
    expect(resumed).toBeLessThan(150_000);
  });

  test('is gone on with from where its file was cut', async () => {
    const resumed = await resumedAfter((folder) => truncateSync(join(folder, partial), 100_000));
    expect(resumed).toBeGreaterThan(30_000);
    expect(resumed).toBeLessThan(100_000);
  });

  test('is gone on with as far as the journal is whole', async () => {
    const all = await resumedAfter(() => undefined);
    const torn = await resumedAfter((folder) =>
      edit(folder, journal, (bytes) => bytes.subarray(0, bytes.length - 20)),
    );
    expect(torn).toBeGreaterThan(0);
    expect(torn).toBeLessThan(all);
    const flipped = await resumedAfter((folder) => {
      const [head = '', second = ''] = lines(folder);
      edit(folder, journal, (bytes) => void (bytes[head.length + second.length + 20]! ^= 1));
    });
    expect(flipped).toBeLessThan(torn);
    const noLast = await resumedAfter((folder) => {
      const kept = lines(folder);
      kept.splice(3, 1);
      edit(folder, journal, () => Buffer.from(kept.join('\n'), 'latin1'));
    });
    expect(noLast).toBeLessThan(torn);
  });

  test('is gone on with as far as its journal is JSON, whatever its checksums say', async () => {
    const resumed = await resumedAfter((folder) => {
      const kept = lines(folder);
      const text = '{"unit":';
      kept.splice(3, 0, `${crc32c(Buffer.from(text)).toString(16).padStart(8, '0')} ${text}`);
      edit(folder, journal, () => Buffer.from(kept.join('\n'), 'latin1'));
    });
    expect(resumed).toBeGreaterThan(0);
    expect(resumed).toBeLessThan(150_000);
  });

  test.each<[string, (folder: string) => void]>([
    ['its journal is gone', (folder) => rmSync(join(folder, journal))],
    ['its journal is empty', (folder) => truncateSync(join(folder, journal), 0)],
    ['its journal is noise', (folder) => writeFileSync(join(folder, journal), Buffer.alloc(5000, 0xa7))],
    ['its file is gone', (folder) => rmSync(join(folder, partial))],
  ])('starts over where %s', async (_, spoil) => {
    expect(await resumedAfter(spoil)).toBe(0);
  });

  test('of another model is not gone on with', async () => {
    const folder = makeFolder();
    await leaveUnfinished(folder, tinyFolder('llama'), 100_000);
    const { resumedBytes, out } = await packHere(folder, tiny, 2 ** 20);
    expect(resumedBytes).toBe(0);
    expect(readFileSync(out).equals(await undisturbed(tiny))).toBe(true);
  });

  test('that was killed between its last byte and its name is only named', async () => {
    const folder = makeFolder();
    const kept = join(folder, 'kept');
    // The journal's second name outlives the first, so that both files can be put back as such a kill leaves them.
    const keep = () => existsSync(kept) || linkSync(join(folder, journal), kept);
    const { out, bytes } = await packHere(folder, tiny, 1, keep);
    renameSync(out, join(folder, partial));
    renameSync(kept, join(folder, journal));
    const { records } = (await readModelSource(join(folder, partial))).pack!;
    const again = await packHere(folder, tiny, 1);
    expect(again.resumedBytes).toBe(records.bytes.reduce((sum, size) => sum + size, 0));
    expect(again.bytes).toBe(bytes);
    expect(readFileSync(out).equals(await undisturbed(tiny))).toBe(true);
    expect(readdirSync(folder)).toEqual([name]);
  });
});

describe('where a file may not grow', () => {
  const hasLimits = existsSync('/usr/bin/prlimit');

  test.skipIf(!hasLimits)('it says so, keeps what it has, and goes on when it may', async () => {
    const folder = makeFolder();
    const out = join(folder, name);
    const limit = ['/usr/bin/prlimit', '--fsize=250000'];
    const result = await packInChild([tiny, out, 50_000, 0], limit);
    expect(result!.error).toMatchObject({ code: 'disk-full' });
    expect(result!.error!.message).toContain(
      `is kept in ${partial}; make room, and the same command goes on`,
    );
    expect(statSync(join(folder, partial)).size).toBeLessThanOrEqual(250_000);
    const again = await packInChild([tiny, out, 50_000, 0]);
    expect(again!.packed!.resumedBytes).toBeGreaterThan(100_000);
    expect(readFileSync(out).equals(await undisturbed(tiny))).toBe(true);
  });

  test.skipIf(!hasLimits)('what is complete before the write that failed is kept too', async () => {
    const folder = makeFolder();
    const out = join(folder, name);
    const limit = ['/usr/bin/prlimit', '--fsize=250000'];
    // Nothing would be made durable before the end.
    const result = await packInChild([tiny, out, 2 ** 30, 0], limit);
    expect(result!.error).toMatchObject({ code: 'disk-full' });
    const again = await packInChild([tiny, out, 2 ** 30, 0]);
    expect(again!.packed!.resumedBytes).toBeGreaterThan(150_000);
    expect(readFileSync(out).equals(await undisturbed(tiny))).toBe(true);
  });
});

describe.runIf(mayMount)('on a small disk', () => {
  test('it is refused before anything is written, with the bytes that are missing', async () => {
    const { folder } = new SmallDisk(400 * 1024);
    const error = await labError(packHere(folder, tiny, 1));
    expect(error.code).toBe('disk-full');
    const { missingBytes } = error.detail;
    const size = (await undisturbed(tiny)).length;
    expect(missingBytes).toBeGreaterThanOrEqual(size - 400 * 1024);
    expect(missingBytes).toBeLessThan(4 * size);
    expect(error.message).toContain(`${Number(missingBytes).toLocaleString('en')} are missing`);
    expect(readdirSync(folder)).toEqual([]);
  });

  test('that has no room for the rest, the refusal names what is there', async () => {
    const disk = new SmallDisk(8 * 2 ** 20);
    const { folder } = disk;
    await leaveUnfinished(folder, tiny, 300_000);
    disk.fill();
    const error = await labError(packHere(folder, tiny, 1));
    expect(error.code).toBe('disk-full');
    expect(error.message).toMatch(
      / are missing\. What is packed so far is kept in \.partial-model\.retortpack\.$/,
    );
  });

  test('that fills up meanwhile it keeps what it has, and goes on when there is room', async () => {
    const disk = new SmallDisk(8 * 2 ** 20);
    const { folder } = disk;
    let isFilled = false;
    const fillAfter = (done: number) => {
      if (isFilled || done <= 250_000) return;
      isFilled = true;
      disk.fill();
    };
    const error = await labError(packHere(folder, tiny, 30_000, fillAfter));
    expect(error.code).toBe('disk-full');
    expect(error.message).toContain('make room, and the same command goes on');
    disk.makeRoom();
    const { resumedBytes, out } = await packHere(folder, tiny, 30_000);
    expect(resumedBytes).toBeGreaterThan(200_000);
    expect(readFileSync(out).equals(await undisturbed(tiny))).toBe(true);
    expect(readdirSync(folder)).toEqual([name]);
  });
});
