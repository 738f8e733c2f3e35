/** The files of an unfinished pack: what may lie under their names, one packer at a time, and how the pack gets its own name. */
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import type * as Files from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { lockFile } from '../../electron/engine/native/packer.ts';
import { packModel } from '../../electron/engine/pack/pack-model.ts';
import type * as Reader from '../../electron/formats/pack/read-pack.ts';
import { labError, makeFolder } from '../helpers/model-folder.ts';
import { tinyFolder } from '../helpers/native-engine.ts';
import { packInChild, packInto, quiet } from '../helpers/packs.ts';

const hooks = vi.hoisted(() => ({
  linkFails: '',
  removeFails: false,
  beforeReading: () => undefined,
}));

vi.mock('node:fs/promises', async (original) => {
  const files = await original<typeof Files>();
  const failure = (code: string) => Object.assign(new Error(code), { code });
  return {
    ...files,
    link: (from: string, to: string) =>
      hooks.linkFails === '' ? files.link(from, to) : Promise.reject(failure(hooks.linkFails)),
    rm: (path: string, options?: object) =>
      hooks.removeFails && path.endsWith('.journal')
        ? Promise.reject(failure('EIO'))
        : files.rm(path, options),
  };
});

vi.mock('../../electron/formats/pack/read-pack.ts', async (original) => {
  const reader = await original<typeof Reader>();
  return {
    ...reader,
    readPack(path: string) {
      hooks.beforeReading();
      return reader.readPack(path);
    },
  };
});

afterEach(() => Object.assign(hooks, { linkFails: '', removeFails: false, beforeReading: () => undefined }));

const name = 'model.retortpack';
const partial = `.partial-${name}`;
const journal = `${partial}.journal`;
const llama = tinyFolder('llama');

/** Packs, and calls back once while it is under way. */
function packAnd(folder: string, body: () => void, path = llama) {
  let isDone = false;
  const onProgress = ({ done }: { done: number }) => {
    if (isDone || done < 10_000) return;
    isDone = true;
    body();
  };
  const request = { path, out: join(folder, name), threads: 1 };
  return packModel(request, { ...quiet, onProgress }, { durableBytes: 1 });
}

async function undisturbed(): Promise<Buffer> {
  return readFileSync((await packInto(makeFolder(), llama)).out);
}

describe('two packers of one file', () => {
  test('take turns: what one holds, another neither empties nor writes', async () => {
    const folder = makeFolder();
    await labError(packAnd(folder, () => { throw new Error('stopped'); })); // prettier-ignore
    const before = [partial, journal].map((file) => readFileSync(join(folder, file)));
    const held = openSync(join(folder, partial), 'r+');
    expect(lockFile(held)).toBe(true);
    const error = await labError(packInto(folder, tinyFolder('mixtral')));
    expect(error.code).toBe('bad-request');
    expect(error.message).toContain('Another process is packing model.retortpack now');
    expect([partial, journal].map((file) => readFileSync(join(folder, file)))).toEqual(before);
    closeSync(held);
    const { out, resumedBytes } = await packInto(folder, llama);
    expect(resumedBytes).toBeGreaterThan(0);
    expect(readFileSync(out).equals(await undisturbed())).toBe(true);
  });

  test('in processes of their own make one sound pack, and only one says so', async () => {
    const folder = makeFolder();
    const out = join(folder, name);
    const results = await Promise.all([1, 2, 3].map(() => packInChild([llama, out, 1, 0])));
    expect(results.filter((result) => result!.packed)).toHaveLength(1);
    for (const { error } of results.map((result) => result!)) {
      if (error) expect(error.code).toBe('bad-request');
    }
    expect(readFileSync(out).equals(await undisturbed())).toBe(true);
    expect(readdirSync(folder)).toEqual([name]);
  });

  test('do not publish what another put where the pack was written', async () => {
    const folder = makeFolder();
    const error = await labError(
      packAnd(folder, () => {
        renameSync(join(folder, partial), join(folder, 'away'));
        writeFileSync(join(folder, partial), 'mine');
      }),
    );
    expect(error.code).toBe('bad-file');
    expect(existsSync(join(folder, name))).toBe(false);
    expect(readFileSync(join(folder, partial), 'utf8')).toBe('mine');
  });

  test('nor another whole pack that lies there', async () => {
    const [folder, other] = [makeFolder(), makeFolder()];
    const { out } = await packInto(other, llama);
    hooks.beforeReading = () => {
      hooks.beforeReading = () => undefined;
      renameSync(out, join(folder, partial));
    };
    const error = await labError(packInto(folder, llama));
    expect(error.code).toBe('bad-request');
    expect(error.message).toContain('is another file than the one that was packed');
    expect(existsSync(join(folder, name))).toBe(false);
  });
});

describe('a pack gets its name', () => {
  test.each(['', 'EPERM'])(
    'never in place of what has it by then (hard links: %j); what is packed is kept',
    async (linkFails) => {
      const folder = makeFolder();
      hooks.linkFails = linkFails;
      const error = await labError(packAnd(folder, () => writeFileSync(join(folder, name), 'mine')));
      expect(error.code).toBe('bad-request');
      expect(error.message).toContain('Something else got the name');
      expect(error.message).toContain(`is kept in ${partial}`);
      expect(readFileSync(join(folder, name), 'utf8')).toBe('mine');
      rmSync(join(folder, name));
      const { resumedBytes, out } = await packInto(folder, llama);
      expect(resumedBytes).toBeGreaterThan(10_000);
      expect(readFileSync(out).equals(await undisturbed())).toBe(true);
      expect(readdirSync(folder)).toEqual([name]);
    },
  );

  test('where files have one name only', async () => {
    const folder = makeFolder();
    hooks.linkFails = 'ENOTSUP';
    const { out } = await packInto(folder, llama);
    expect(readFileSync(out).equals(await undisturbed())).toBe(true);
    expect(readdirSync(folder)).toEqual([name]);
  });

  test('also where its journal cannot be removed', async () => {
    const folder = makeFolder();
    hooks.removeFails = true;
    const { out, bytes } = await packInto(folder, llama);
    expect(readFileSync(out)).toHaveLength(bytes);
    expect(readdirSync(folder).sort()).toEqual([journal, name].sort());
  });

  test('and the temporary one of a run that was killed in between goes away', async () => {
    const folder = makeFolder();
    const { out } = await packInto(folder, llama);
    linkSync(out, join(folder, partial));
    writeFileSync(join(folder, journal), 'x');
    expect((await labError(packInto(folder, llama))).message).toContain('is there already');
    expect(readdirSync(folder)).toEqual([name]);
  });

  test('only if the model is still the one that was packed', async () => {
    const folder = makeFolder();
    const path = join(folder, 'model.gguf');
    const bytes = readFileSync(join(llama, 'model-f32.gguf'));
    writeFileSync(path, bytes);
    // After the last weight was read.
    hooks.beforeReading = () => {
      bytes[bytes.length - 1]! ^= 1;
      writeFileSync(path, bytes);
    };
    const error = await labError(packAnd(folder, () => undefined, path));
    expect(error.code).toBe('bad-file');
    expect(error.message).toContain('changed while it was packed: pack it again.');
    expect(error.message).not.toContain('kept');
    expect(readdirSync(folder)).toEqual(['model.gguf']);
  });
});

describe('where the unfinished pack would lie', () => {
  const places: [string, (path: string) => void, string][] = [
    ['a FIFO', (path) => void execFileSync('mkfifo', [path]), 'no regular file'],
    ['a folder', (path) => mkdirSync(path), 'a folder'],
    ['a link', (path) => symlinkSync('elsewhere', path), 'a link'],
    ['a file with two names', (path) => { writeFileSync(path, ''); linkSync(path, join(path, '..', 'second')); }, 'another name'],
  ]; // prettier-ignore
  const cases = places.flatMap(([what, make, text]) =>
    [partial, journal].map((file) => ({ what, make, text, file })),
  );
  test.each(cases)('$what is refused by name ($file)', { timeout: 10_000 }, async ({ make, text, file }) => {
    const folder = makeFolder({ elsewhere: 'mine' });
    make(join(folder, file));
    const before = readdirSync(folder);
    const error = await labError(packInto(folder, llama));
    expect(error).toMatchObject({ code: 'bad-request', detail: { file } });
    expect(error.message).toContain(`${file} is `);
    expect(error.message).toContain(text);
    expect(readdirSync(folder)).toEqual(before);
    expect(readFileSync(join(folder, 'elsewhere'), 'utf8')).toBe('mine');
  });

  test.each(['mine', 'x'.repeat(10_000)])("somebody's file is not emptied", async (text) => {
    const folder = makeFolder({ [partial]: text });
    const error = await labError(packInto(folder, llama));
    expect(error).toMatchObject({ code: 'bad-request', detail: { file: partial } });
    expect(error.message).toContain('is no unfinished pack: remove it, or pack to another name');
    expect(readFileSync(join(folder, partial), 'utf8')).toBe(text);
    expect(readdirSync(folder)).toEqual([partial]);
  });

  test('a journal of gigabytes is not read', async () => {
    const folder = makeFolder({ [journal]: 'x' });
    truncateSync(join(folder, journal), 3 * 2 ** 30);
    const { out, resumedBytes } = await packInto(folder, llama);
    expect(resumedBytes).toBe(0);
    expect(readFileSync(out).equals(await undisturbed())).toBe(true);
  });
});

describe('a failure', () => {
  test('of any kind names the unfinished file that it leaves', async () => {
    const folder = makeFolder();
    const error = await labError(packAnd(folder, () => { throw new Error('what went wrong'); })); // prettier-ignore
    expect(error.code).toBe('internal');
    expect(error.message).toBe(
      `what went wrong. What is packed so far is kept in ${partial}: the same command goes on from there, or remove it.`,
    );
    expect(readdirSync(folder).sort()).toEqual([partial, journal].sort());
  });

  test('before anything is packed leaves no file', async () => {
    const folder = makeFolder();
    const request = { path: llama, out: join(folder, name), threads: 1 };
    const error = await labError(packModel(request, { ...quiet, signal: AbortSignal.abort() }));
    expect(error.message).toBe('Cancelled.');
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('before anything is packed', () => {
  test.each(['a\\b', 'a%2Fb', 'C:x', 'x'.repeat(240), '😀'.repeat(60)])(
    'the name %j is refused',
    async (bad) => {
      const folder = makeFolder();
      const error = await labError(packInto(folder, llama, bad));
      expect(error.code).toBe('bad-request');
      expect(error.message).toContain('A pack cannot be named');
      expect(readdirSync(folder)).toEqual([]);
    },
  );

  test('a name that is just not too long is taken', async () => {
    const folder = makeFolder();
    const long = 'x'.repeat(255 - '.partial-.journal'.length);
    await packInto(folder, llama, long);
    expect(readdirSync(folder)).toEqual([long]);
  });

  test('a path that is too long is refused', async () => {
    const folder = makeFolder();
    const deep = join(folder, ...Array<string>(17).fill('x'.repeat(230)));
    mkdirSync(deep, { recursive: true });
    const error = await labError(packInto(deep, llama, 'y'.repeat(200)));
    expect(error.code).toBe('bad-request');
    expect(error.message).toContain('is too long for a pack');
  });

  test('a folder, or a link that leads nowhere, is refused', async () => {
    const folder = makeFolder();
    mkdirSync(join(folder, name));
    const error = await labError(packInto(folder, llama));
    expect(error.code).toBe('bad-request');
    expect(error.message).toContain(`is a folder: name a file in it, for example`);
    symlinkSync('nowhere', join(folder, 'dangling'));
    expect((await labError(packInto(folder, llama, 'dangling'))).message).toContain('is there already');
    expect(readdirSync(folder)).toEqual(['dangling', name]);
  });
});
