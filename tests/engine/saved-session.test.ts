/** Sessions on disk that were cut, changed, or are of something else: refused with what and where, or the same as saved. */
import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { LabError } from '../../electron/contract/errors.ts';
import type { Engine, Session } from '../../electron/engine/engine.ts';
import { openBuiltDecoder } from '../../electron/engine/onnx/open.ts';
import { readModelSource } from '../../electron/formats/open-source.ts';
import { resolveModel } from '../../models/families/index.ts';
import { openCase } from '../helpers/exported.ts';
import { goldenFolder } from '../helpers/golden.ts';
import { labError, makeFolder } from '../helpers/model-folder.ts';
import { expectedOf, expectSame, openModel, tinyFolder } from '../helpers/native-engine.ts';
import { seededRandom } from '../helpers/seeded-random.ts';
import { mayMount, SmallDisk } from '../helpers/small-disk.ts';

const context = 64;
const next = Int32Array.of(5, 6, 7);

async function built(name: string): Promise<Engine> {
  const source = await readModelSource(tinyFolder(name));
  const options = { arithmetic: 'reference', device: 'cpu', threads: 1, cacheFolder: makeFolder() } as const;
  return openBuiltDecoder(source, resolveModel(source), options);
}

async function exported(name: string): Promise<Engine> {
  return openCase(join(goldenFolder, 'exports', name));
}

const engines: Record<string, () => Promise<Engine>> = {
  'the native engine, f16': () => openModel(tinyFolder('llama'), { kvCodec: 'f16' }),
  'the native engine, q8': () => openModel(tinyFolder('llama'), { kvCodec: 'q8' }),
  'the native engine with state-space layers': () => openModel(tinyFolder('mamba2')),
  'a built graph': () => built('llama'),
  'an exported graph': () => exported('llama-genai-f16'),
  'an exported graph without a cache': () => exported('llama-plain-no-past'),
};

interface Saved {
  readonly engine: Engine;
  readonly file: string;
  readonly bytes: Buffer;
  /** What comes after it. */
  readonly expected: Float32Array;
}

/** A session that was saved with its ids. */
async function saved(
  open: () => Promise<Engine>,
  file = join(makeFolder(), 'session.safetensors'),
): Promise<Saved> {
  const engine = await open();
  onTestFinished(() => engine.close());
  const ids = expectedOf('llama').input_ids;
  const session = await opened(engine);
  await session.evaluate({ ids: Int32Array.from(ids), rows: 'none' });
  await session.save(file, ids);
  const { logits } = await session.evaluate({ ids: next, rows: 'all' });
  return { engine, file, bytes: readFileSync(file), expected: logits };
}

async function opened(engine: Engine): Promise<Session> {
  const session = await engine.createSession({ context });
  onTestFinished(() => session.close());
  return session;
}

describe.each(Object.entries(engines))('a session of %s', (_name, open) => {
  test('is refused, or goes on with the same bits, where any bit of its file is another', async () => {
    const { engine, file, bytes, expected } = await saved(open);
    const random = seededRandom(7);
    const header = 8 + Number(bytes.readBigUInt64LE());
    const places = [
      ...Array.from({ length: 60 }, () => Math.floor(random() * header)),
      ...Array.from({ length: 60 }, () => header + Math.floor(random() * (bytes.length - header))),
      bytes.length - 1,
    ];
    let refusals = 0;
    for (const place of places) {
      const changed = Buffer.from(bytes);
      changed[place]! ^= 1 << Math.floor(random() * 8);
      writeFileSync(file, changed);
      const session = await opened(engine);
      const error = await session.restore(file).then(
        () => null,
        (thrown: unknown) => thrown as LabError,
      );
      if (error === null) {
        expectSame((await session.evaluate({ ids: next, rows: 'all' })).logits, expected, `bit at ${place}`);
        continue;
      }
      refusals += 1;
      expect(error, `bit at ${place}`).toBeInstanceOf(LabError);
      expect(error.code).toMatch(/^(bad-file|bad-request|unsupported-type)$/);
      expect(error.message).toContain('session.safetensors');
      expect(error.message).not.toContain(file);
      // What follows the header is all data.
      if (place >= header)
        expect(error).toMatchObject({ code: 'bad-file', detail: { field: expect.any(String) as string } });
    }
    // All of the data, and all of the header but words for people.
    expect(refusals).toBeGreaterThan(90);
  });

  test('is refused with its file where it was cut', async () => {
    const { engine, file, bytes } = await saved(open);
    for (const kept of [bytes.length - 1, Math.floor(bytes.length / 2), 200, 7, 0]) {
      writeFileSync(file, bytes);
      truncateSync(file, kept);
      const error = await labError((await opened(engine)).restore(file));
      expect(error.code).toBe('bad-file');
      expect(error.message).toContain('session.safetensors');
    }
  });

  test('is refused with its file by another model', async () => {
    const { file } = await saved(open);
    const other = await openModel(tinyFolder('qwen2'));
    const error = await labError((await opened(other)).restore(file));
    expect(error).toMatchObject({ code: 'bad-request', detail: { file: 'session.safetensors' } });
    expect(error.message).toMatch(/was saved by another model or with other settings/);
  });
});

// What a graph without a cache saves is less than the smallest disk.
const larger = Object.entries(engines).filter(([name]) => !name.endsWith('without a cache'));

test.runIf(mayMount).each(larger)(
  'a session of %s leaves nothing on a disk that takes only a part of it',
  async (_name, open) => {
    const disk = new SmallDisk(8192);
    const error = await labError(saved(open, join(disk.folder, 'session.safetensors')));
    expect(error).toMatchObject({ code: 'disk-full', detail: { file: 'session.safetensors' } });
    expect(readdirSync(disk.folder)).toEqual([]);
  },
);

test('a session of another codec is refused with its file, and its own goes on', async () => {
  const f16 = await saved(engines['the native engine, f16']!);
  const q8 = await saved(engines['the native engine, q8']!);
  const error = await labError((await opened(q8.engine)).restore(f16.file));
  expect(error).toMatchObject({ code: 'bad-request', detail: { file: 'session.safetensors' } });
  const session = await opened(q8.engine);
  await session.restore(q8.file);
  expectSame((await session.evaluate({ ids: next, rows: 'all' })).logits, q8.expected, 'q8');
});
