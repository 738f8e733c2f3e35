import { copyFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import type { Engine, EvaluateInput, Session } from '../../electron/engine/engine.ts';
import { openNativeEngine, type OpenNativeOptions } from '../../electron/engine/native/open.ts';
import { openModelFile } from '../../electron/formats/model-file.ts';
import { readModelSource } from '../../electron/formats/open-source.ts';
import { readSafetensorsHeader } from '../../electron/formats/safetensors/header.ts';
import { resolveModel } from '../../models/families/index.ts';
import { bundledModel, goldenFolder, maximumDifference, readGoldenTensors } from '../helpers/golden.ts';
import { labError } from '../helpers/model-folder.ts';
import {
  expectedOf,
  expectSame,
  openModel,
  rowsOf,
  tinyCases as cases,
  tinyFolder,
} from '../helpers/native-engine.ts';

const folder = mkdtempSync(join(tmpdir(), 'retort-native-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const stateSpaces = ['mamba', 'mamba2'];

/** Numbers from 0 to 1, the same in every run. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

describe('a row is the same bit for bit', () => {
  it.each(cases)(
    'for %s in any chunks, after rollback, forked, saved and restored, on one thread',
    async (name) => {
      const random = randomNumbers(cases.indexOf(name) + 1);
      const ids = Int32Array.from(expectedOf(name).input_ids);
      const engine = await openModel(tinyFolder(name));
      const width = engine.info.vocabularySize;
      const newSession = () => engine.createSession({ context: 64 });
      const whole = await rowsOf(await newSession(), ids);
      const check = async (session: Session, to: number, what: string) => {
        const from = session.length;
        expectSame(await rowsOf(session, ids, from, to), whole.subarray(from * width, to * width), what);
      };
      for (let round = 0; round < 4; round++) {
        const session = await newSession();
        while (session.length < ids.length) {
          const to = Math.min(ids.length, session.length + 1 + Math.floor(random() * 20));
          const before = session.length;
          await check(session, to, `chunk from ${before} to ${to}`);
          if (random() < 0.3) {
            session.rollback(to - before);
            await check(session, to, `again from ${before}`);
          }
        }
      }
      const session = await newSession();
      await check(session, 19, 'first half');
      const fork = session.fork();
      const file = join(folder, `${name}.session`);
      await session.save(file);
      await check(session, 30, 'after the fork');
      await check(fork, ids.length, 'the fork');
      const restored = await newSession();
      await restored.restore(file);
      expect(restored.length).toBe(19);
      await check(restored, ids.length, 'restored');
      await check(session, ids.length, 'the first one');
      const single = await openModel(tinyFolder(name), { threads: 1 });
      expectSame(await rowsOf(await single.createSession({ context: 64 }), ids), whole, 'one thread');
    },
  );

  it.each(['llama', 'gemma2', 'mistral', 'mixtral', 'gpt2', 'opt'])(
    'for the branches of a tree of %s and the same tokens in a chain',
    async (name) => {
      const engine = await openModel(tinyFolder(name));
      const session = await engine.createSession({ context: 64 });
      const prefix = Int32Array.from(expectedOf(name).input_ids.slice(0, 20));
      await session.evaluate({ ids: prefix, rows: 'none' });
      // 5 → (9 → 3, 4), (7); and 8 beside it
      const tree = {
        ids: Int32Array.of(5, 9, 3, 7, 8, 4),
        parents: Int32Array.of(-1, 0, 1, 0, -1, 1),
        positions: Int32Array.of(20, 21, 22, 21, 20, 22),
        rows: 'all',
      } as const;
      const { logits } = await session.fork().evaluate(tree);
      const width = engine.info.vocabularySize;
      for (const [branch, node] of [
        [[5, 9, 3], 2],
        [[5, 9, 4], 5],
        [[5, 7], 3],
        [[8], 4],
      ] as const) {
        // prettier-ignore
        const ids = Int32Array.from(branch);
        const alone = await session.fork().evaluate({ ids, rows: 'last' });
        expectSame(logits.subarray(node * width, (node + 1) * width), alone.logits, branch.join());
      }
    },
  );

  it.each(['fast', 'reference'] as const)(
    'for the bundled model over several tiles of attention, in %s arithmetic',
    async (arithmetic) => {
      const tensors = await readGoldenTensors(join(goldenFolder, 'smollm2', 'tensors.safetensors'));
      const ids = tensors.get('ppl.token_ids')!.integers().slice(0, 300);
      const last = async (engine: Engine, chunks: readonly number[]) => {
        const session = await engine.createSession({ context: 300 });
        let logits = new Float32Array();
        for (const chunk of chunks) {
          const part = ids.slice(session.length, session.length + chunk);
          logits = (await session.evaluate({ ids: part, rows: 'last' })).logits as Float32Array<ArrayBuffer>;
        }
        session.close();
        return logits;
      };
      const engine = await openModel(bundledModel, { arithmetic });
      const whole = await last(engine, [300]);
      expectSame(await last(engine, [255, 1, 1, 40, 3]), whole, 'chunks');
      const single = await openModel(bundledModel, { arithmetic, threads: 1 });
      expectSame(await last(single, [7, 290, 3]), whole, 'one thread');
    },
  );
});

describe('a session of the native engine', () => {
  it('takes embedding rows in place of ids and returns only the chosen rows, in the order asked for', async () => {
    const engine = await openModel(tinyFolder('opt-post'));
    const ids = Int32Array.from(expectedOf('opt-post').input_ids.slice(0, 8));
    const session = await engine.createSession({ context: 16 });
    const all = await rowsOf(session, ids);
    const width = engine.info.vocabularySize;
    session.truncate(0);
    const chosen = await session.evaluate({ ids, rows: Int32Array.of(6, 2, 6) });
    expect(chosen.rows).toBe(3);
    [6, 2, 6].forEach((row, i) =>
      expectSame(
        chosen.logits.subarray(i * width, (i + 1) * width),
        all.subarray(row * width, (row + 1) * width),
        `row ${row}`,
      ),
    );
    // Llama's own table, as rows.
    const llama = await openModel(tinyFolder('llama'));
    const first = await llama.createSession({ context: 8 });
    const given = await first.evaluate({ ids, rows: 'all', hidden: true });
    const second = await llama.createSession({ context: 8 });
    const embeddings = given.hidden!.get('hidden.embed')!.data as Float32Array;
    const again = await second.evaluate({ embeddings, rows: 'all' });
    expectSame(again.logits, given.logits, 'embedding rows');
  });

  it('rotates by three axes where a rope has sections: equal axes are one', async () => {
    const source = await readModelSource(tinyFolder('llama'));
    const model = resolveModel(source);
    const ropes = model.spec.ropes.map((rope) => ({ ...rope, sections: [4, 2, 2] }));
    const options = { arithmetic: 'reference', threads: 1 } as const;
    const engine = await openNativeEngine(source, { ...model, spec: { ...model.spec, ropes } }, options);
    onTestFinished(() => engine.close());
    const plain = await openModel(tinyFolder('llama'));
    const ids = Int32Array.of(3, 1, 4, 1, 5);
    const run = async (on: Engine, input: Partial<EvaluateInput>) =>
      (await (await on.createSession({ context: 8 })).evaluate({ ids, rows: 'all', ...input })).logits;
    const equal = Int32Array.from({ length: 15 }, (_, i) => i % 5);
    expectSame(await run(engine, { positions: equal }), await run(plain, {}), 'equal axes');
    const moved = equal.map((position, i) => (i >= 10 ? position * 3 : position));
    expect(maximumDifference(await run(engine, { positions: moved }), await run(plain, {}))).toBeGreaterThan(
      1e-3,
    );
  });

  it('counts what it read and how long the parts took', async () => {
    const engine = await openModel(tinyFolder('mixtral'));
    const session = await engine.createSession({ context: 8 });
    const { timeNs, bytesTouched } = await session.evaluate({ ids: Int32Array.of(1), rows: 'last' });
    const parts = timeNs.attention! + timeNs.feedForward! + timeNs.head! + timeNs.other!;
    expect(parts).toBeGreaterThan(0);
    expect(parts).toBeLessThanOrEqual(timeNs.evaluate);
    // One token uses two of four experts.
    expect(bytesTouched).toBeGreaterThan(engine.info.weightsBytes * 0.3);
    expect(bytesTouched).toBeLessThan(engine.info.weightsBytes * 0.9);
    expect(session.kvBytes).toBeGreaterThan(0);
  });

  it('computes two sessions at once as one after another', async () => {
    const engine = await openModel(tinyFolder('llama'));
    const ids = Int32Array.from(expectedOf('llama').input_ids);
    const sessions = await Promise.all([1, 2, 3].map(() => engine.createSession({ context: 48 })));
    const [first, ...others] = await Promise.all(sessions.map((session) => rowsOf(session, ids)));
    for (const other of others) expectSame(other, first!, 'at once');
  });

  it('refuses what does not fit and stays as it was', async () => {
    const engine = await openModel(tinyFolder('llama'));
    const session = await engine.createSession({ context: 4 });
    const ids = Int32Array.of(1, 2);
    await session.evaluate({ ids, rows: 'last' });
    const codeOf = async (input: EvaluateInput) => (await labError(session.evaluate(input))).code;
    const one = Int32Array.of(1);
    expect(await codeOf({ ids: Int32Array.of(1, 2, 3), rows: 'last' })).toBe('context-full');
    expect(await codeOf({ ids: Int32Array.of(320), rows: 'last' })).toBe('bad-request');
    expect(await codeOf({ ids: one, rows: Int32Array.of(1) })).toBe('bad-request');
    expect(await codeOf({ ids: one, parents: Int32Array.of(0), rows: 'last' })).toBe('bad-request');
    expect(await codeOf({ ids: one, positions: Int32Array.of(1, 2), rows: 'last' })).toBe('bad-request');
    expect(await codeOf({ embeddings: new Float32Array(63), rows: 'last' })).toBe('bad-request');
    expect(await codeOf({ rows: 'last' })).toBe('bad-request');
    expect(() => session.rollback(3)).toThrow('Cannot keep');
    expect((await labError(session.evaluate({ ids: one, rows: 'last' }, AbortSignal.abort()))).code).toBe(
      'cancelled',
    );
    expect(session.length).toBe(2);
    await expect(engine.createSession({ context: 0 })).rejects.toMatchObject({ code: 'bad-request' });
  });

  it('refuses a second call while one runs, and any after it is closed', async () => {
    const engine = await openModel(tinyFolder('llama'));
    const session = await engine.createSession({ context: 8 });
    const running = session.evaluate({ ids: Int32Array.of(1, 2), rows: 'last' });
    const second = session.evaluate({ ids: Int32Array.of(3), rows: 'last' });
    expect((await labError(second)).code).toBe('bad-request');
    await running;
    const fork = session.fork();
    session.close();
    expect((await labError(session.evaluate({ ids: Int32Array.of(3), rows: 'last' }))).code).toBe(
      'bad-request',
    );
    await fork.evaluate({ ids: Int32Array.of(3), rows: 'last' });
    await engine.close();
    expect((await labError(fork.evaluate({ ids: Int32Array.of(3), rows: 'last' }))).code).toBe('bad-request');
    await expect(engine.createSession({ context: 8 })).rejects.toMatchObject({ code: 'bad-request' });
  });

  it('is as before the call when it is cancelled in the middle', async () => {
    const engine = await openModel(bundledModel);
    const session = await engine.createSession({ context: 512 });
    const ids = Int32Array.from({ length: 400 }, (_, i) => 100 + i);
    await session.evaluate({ ids: ids.subarray(0, 10), rows: 'none' });
    const next = await session.fork().evaluate({ ids: Int32Array.of(7), rows: 'last' });
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 60);
    const cancelled = session.evaluate({ ids, rows: 'last' }, controller.signal);
    expect((await labError(cancelled)).code).toBe('cancelled');
    expect(session.length).toBe(10);
    const again = await session.evaluate({ ids: Int32Array.of(7), rows: 'last' });
    expectSame(again.logits, next.logits, 'after the cancellation');
  });

  it('names its kernels in a save and goes on from one that other kernels made', async () => {
    const ids = Int32Array.from(expectedOf('llama').input_ids);
    const start = async (kernels?: string) => {
      const engine = await openModel(tinyFolder('llama'), {
        arithmetic: 'fast',
        ...(kernels && { kernels }),
      });
      return engine.createSession({ context: 64 });
    };
    const session = await start('scalar');
    await rowsOf(session, ids, 0, 40);
    const file = join(folder, 'kernels.session');
    await session.save(file);
    const header = await openModelFile(folder, 'kernels.session');
    const { metadata } = await readSafetensorsHeader(header, 0).finally(() => header.close());
    expect(metadata.get('kernels')).toBe('scalar');
    const other = await start();
    await other.restore(file);
    expectSame(await rowsOf(other, ids, 40), await rowsOf(session, ids, 40), 'after the save');
  });

  it('refuses a save of another model, of other settings, and a damaged one', async () => {
    const engine = await openModel(tinyFolder('llama'));
    const session = await engine.createSession({ context: 8 });
    await session.evaluate({ ids: Int32Array.of(1, 2), rows: 'none' });
    const file = join(folder, 'refused.session');
    await session.save(file);
    const others = [
      [await openModel(tinyFolder('qwen2')), 8],
      [await openModel(tinyFolder('llama'), { kvCodec: 'q8' }), 8],
      [await openModel(tinyFolder('llama'), { arithmetic: 'fast' }), 8],
      [engine, 16],
    ] as const;
    for (const [other, context] of others) {
      const target = await other.createSession({ context });
      expect((await labError(target.restore(file))).code).toBe('bad-request');
    }
    const bytes = readFileSync(file);
    const start = bytes.indexOf('SRTERSS1');
    expect(start).toBeGreaterThan(0);
    for (let at = start; at < start + 32; at += 4) {
      const damaged = Buffer.from(bytes);
      damaged.writeUInt32LE(0x7fff_ffff, at);
      writeFileSync(file, damaged);
      expect((await labError(session.restore(file))).code).toBe('bad-file');
    }
    expect(session.length).toBe(2);
  });
});

describe('state-space layers', () => {
  it.each(stateSpaces)(
    'of %s go back to before the last call or to the start, and no further',
    async (name) => {
      const engine = await openModel(tinyFolder(name));
      const ids = Int32Array.from(expectedOf(name).input_ids.slice(0, 12));
      const session = await engine.createSession({ context: 16 });
      const whole = await rowsOf(session, ids);
      const width = engine.info.vocabularySize;
      session.truncate(0);
      await rowsOf(session, ids, 0, 5);
      await rowsOf(session, ids, 5, 9);
      expect(() => session.truncate(7)).toThrow(
        expect.objectContaining({ code: 'unsupported-feature' }) as Error,
      );
      expect(() => session.truncate(3)).toThrow(
        expect.objectContaining({ code: 'unsupported-feature' }) as Error,
      );
      expect(session.length).toBe(9);
      session.rollback(4);
      expectSame(await rowsOf(session, ids, 5), whole.subarray(5 * width), 'after the rollback');
      const tree = { ids: ids.slice(0, 2), parents: Int32Array.of(-1, -1), rows: 'last' } as const;
      expect((await labError(session.evaluate(tree))).code).toBe('unsupported-feature');
      expect(session.length).toBe(12);
    },
  );
});

describe('opening', () => {
  const open = async (path: string, options: Partial<OpenNativeOptions>) => {
    const source = await readModelSource(path);
    const model = resolveModel(source);
    return {
      source,
      start: () => openNativeEngine(source, model, { arithmetic: 'fast', threads: 1, ...options }),
    };
  };

  it('names kernels and layouts, reports progress to the end and holds no more than the file by half', async () => {
    const seen: number[] = [];
    const total = new Set<number>();
    const onProgress = (done: number, of: number) => {
      seen.push(done);
      total.add(of);
    };
    const engine = await openModel(bundledModel, { arithmetic: 'fast', kernels: 'scalar', onProgress });
    expect(engine.info.versions).toMatchObject({ kernels: 'scalar' });
    expect(engine.info.versions['layout']).toMatch(/^q4_1/);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect([seen.at(-1)]).toEqual([...total]);
    expect(engine.info.weightsBytes).toBeGreaterThan(80e6);
    expect(engine.info.weightsBytes).toBeLessThan(120e6);
  });

  it('refuses kernels that are not known and a number of threads that is none', async () => {
    const kernels = await open(tinyFolder('llama'), { kernels: 'abacus' });
    expect((await labError(kernels.start())).code).toBe('unsupported-feature');
    const threads = await open(tinyFolder('llama'), { threads: 0 });
    expect((await labError(threads.start())).code).toBe('bad-request');
  });

  it('refuses a file that changed since its header was read', async () => {
    const path = join(folder, 'changed.gguf');
    copyFileSync(join(tinyFolder('llama'), 'model-q8_0.gguf'), path);
    const { start } = await open(path, {});
    truncateSync(path, 100_000);
    expect((await labError(start())).code).toBe('bad-file');
  });

  it('ends with the signal', async () => {
    const controller = new AbortController();
    const onProgress = () => controller.abort();
    const { start } = await open(tinyFolder('llama'), { signal: controller.signal, onProgress });
    await expect(start()).rejects.toMatchObject({ name: 'AbortError' });
  });
});
