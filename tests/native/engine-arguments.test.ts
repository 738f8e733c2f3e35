/** Whatever JavaScript hands to NativeEngine and NativeSession, the answer is a coded error or a result: never a crash, never a hang. */
import { closeSync, mkdtempSync, openSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nativeAddon, type NativeEngine, type NativeModelDescription } from '../../electron/engine/native/addon.ts';
import { describeTinyModel, floatMatrix, tinyRope, vocabulary, width } from '../helpers/native-model.ts';
import { outcome, spoiled, strangers, type Anything, type AnyClass } from '../helpers/strangers.ts';

const addon = nativeAddon();
const AnyEngine = addon.NativeEngine as unknown as AnyClass;
const AnySession = addon.NativeSession as unknown as AnyClass;

const engineOptions = { arithmetic: 'reference', threads: 1, kernels: '' } as const;
const sessionOptions = { context: 32, kvCodec: 'f32', ropes: [tinyRope] };

const evaluateInput = {
  ids: Int32Array.of(1, 2, 3),
  embeddings: null,
  positions: Int32Array.of(0, 1, 2),
  parents: Int32Array.of(-1, 0, 1),
  rows: Int32Array.of(0, 2),
  hidden: true,
};

async function tinyEngine(): Promise<NativeEngine> {
  const engine = new addon.NativeEngine(engineOptions);
  engine.setModel(await describeTinyModel(engine));
  return engine;
}

let engine: NativeEngine;
beforeAll(async () => {
  engine = await tinyEngine();
});
const newSession = () => new AnySession(engine, sessionOptions);

describe('the tiny model', () => {
  it('evaluates, so that what follows is refused for what was changed', async () => {
    const session = newSession();
    const result = (await session['evaluate']!(evaluateInput)) as { logits: Float32Array; hidden: unknown[] };
    expect(result.logits).toHaveLength(2 * vocabulary);
    expect(result.logits.every(Number.isFinite)).toBe(true);
    expect(result.hidden).toHaveLength(4 + 2 + 3);
  });
});

describe('what a cache holds', () => {
  it('is refused for a view with any part spoiled, and told for one that is right', async () => {
    const session = newSession();
    await session['evaluate']!(evaluateInput);
    const views = [{ part: 'keys', head: 1 }, { part: 'values', position: 2 }];
    for (const view of views) {
      expect(await outcome(() => session['cacheNorms']!(view))).toBe('accepted');
      for (const { path, value } of spoiled(view)) {
        // A view without a head is the mean of all; any whole number may be a head.
        const code = await outcome(() => session['cacheNorms']!(value));
        expect(code, path).toMatch(/^(accepted|bad-request)$/);
        if (path.startsWith('part')) expect(code, path).toBe('bad-request');
      }
    }
    for (const attention of [{ position: 99 }, { head: -1 }, 7, { head: 'x' }, { position: 1.5 }]) {
      const input = { ...evaluateInput, attention };
      expect(await outcome(() => newSession()['evaluate']!(input))).toMatch(/^bad-request$/);
    }
    for (const partTokens of [0, -1, 255, 4097, 2 ** 31, 1.5, 'x', {}]) {
      expect(await outcome(() => newSession()['evaluate']!({ ...evaluateInput, partTokens }))).toBe('bad-request');
    }
    const tree = { ...evaluateInput, parents: Int32Array.of(-1, 0, 0), attention: { head: 0 } };
    expect(await outcome(() => newSession()['evaluate']!(tree))).toBe('unsupported-feature');
  });
});

describe('an engine', () => {
  it('refuses options with any part spoiled', async () => {
    for (const { path, value } of spoiled(engineOptions)) {
      // Any number of threads up to 1024 is right.
      const isRight = path === 'threads.' && (value as typeof engineOptions).threads === (3 as number);
      const code = await outcome(() => new AnyEngine(value));
      if (isRight) expect(code).toBe('accepted');
      else expect(code, path).toMatch(/^(bad-request|unsupported-feature)$/);
    }
    expect(await outcome(() => new AnyEngine())).toBe('bad-request');
  });

  it('refuses matrices with any part spoiled', async () => {
    const blocks = {
      type: 'nbits4',
      rows: 2,
      columns: 32,
      bytes: new Uint8Array(32),
      block: 16,
      zero: 8,
      scales: new Float32Array(4),
      offsets: new Float32Array(4),
    };
    const fresh = new AnyEngine(engineOptions);
    let refused = 0;
    for (const good of [floatMatrix(2, 3, 1), blocks]) {
      expect(await outcome(() => fresh['pack']!(good))).toBe('accepted');
      for (const { path, value } of spoiled(good)) {
        const code = await outcome(() => fresh['pack']!(value));
        if (code !== 'accepted') refused++;
        expect(code, path).toMatch(/^(accepted|bad-request)$/);
      }
    }
    expect(refused).toBeGreaterThan(300);
  });

  it('refuses models with any part spoiled, or computes with what was taken', async () => {
    // Matrices are numbered from 0 in the order they are packed, so that one description fits every engine.
    const description: NativeModelDescription = await describeTinyModel(new addon.NativeEngine(engineOptions));
    let fresh = new addon.NativeEngine(engineOptions);
    await describeTinyModel(fresh);
    let accepted = 0;
    let refused = 0;
    for (const { path, value } of spoiled(description)) {
      const code = await outcome(() => fresh.setModel(value as NativeModelDescription));
      if (code !== 'accepted') {
        expect(code, path).toBe('bad-request');
        refused++;
        continue;
      }
      accepted++;
      const run = async () => {
        const session = new AnySession(fresh, sessionOptions);
        await session['evaluate']!(evaluateInput);
      };
      expect(await outcome(run), path).toMatch(/^(accepted|bad-request|context-full)$/);
      fresh.close();
      fresh = new addon.NativeEngine(engineOptions);
      await describeTinyModel(fresh);
    }
    expect(refused).toBeGreaterThan(5000);
    expect(accepted).toBeGreaterThan(100);
  }, 120_000);

  it('refuses a second model, matrices after it, and everything once it is closed', async () => {
    const own = await tinyEngine();
    const description = await describeTinyModel(new addon.NativeEngine(engineOptions));
    expect(await outcome(() => own.setModel(description))).toBe('bad-request');
    expect(await outcome(() => own.pack(floatMatrix(2, 2, 1)))).toBe('bad-request');
    const empty = new addon.NativeEngine(engineOptions);
    expect(await outcome(() => new AnySession(empty, sessionOptions))).toBe('bad-request');
    const session = new AnySession(own, sessionOptions);
    own.close();
    own.close();
    expect(await outcome(() => session['evaluate']!(evaluateInput))).toBe('bad-request');
    expect(await outcome(() => new AnySession(own, sessionOptions))).toBe('bad-request');
    expect(await outcome(() => own.pack(floatMatrix(2, 2, 1)))).toBe('bad-request');
    expect(await outcome(() => own.setModel(description))).toBe('bad-request');
  });

  it('gives the layout and the groups of packed matrices, and refuses what there is not', async () => {
    const own = new addon.NativeEngine(engineOptions);
    const { number, bytes } = await own.pack(floatMatrix(20, 5, 1));
    const layout = own.matrixLayout(number);
    expect(layout).toEqual({
      name: 'f32×8', codes: 'f32', scales: 'none', zero: 0, pointBase: 0, stepColumns: 1, stepsPerHeader: 1,
      rows: 20, columns: 5, groups: 3, groupBytes: 160,
    }); // prettier-ignore
    const all = own.copyGroups(number, 0, 3);
    expect(all).toHaveLength(bytes);
    expect(own.copyGroups(number, 1, 1)).toEqual(all.slice(160, 320));
    expect(own.copyGroups(number, 3, 0)).toHaveLength(0);
    const any = own as unknown as Anything;
    for (const stranger of strangers.filter((each) => each !== 0)) {
      for (const call of ['matrixLayout', 'release', 'copyGroups'])
        expect(await outcome(() => any[call]!(stranger, 0, 1)), call).toBe('bad-request');
      expect(await outcome(() => any['copyGroups']!(number, stranger, 1))).toBe('bad-request');
      const expected = stranger === 3 ? 'accepted' : 'bad-request';
      expect(await outcome(() => any['copyGroups']!(number, 0, stranger))).toBe(expected);
    }
    expect(await outcome(() => own.copyGroups(number, 2, 2))).toBe('bad-request');
    expect(await outcome(() => any['copyGroups']!())).toBe('bad-request');
    own.close();
    expect(await outcome(() => own.matrixLayout(number))).toBe('bad-request');
    expect(await outcome(() => own.release(number))).toBe('bad-request');
  });

  it('knows a released matrix no longer, and packs others', async () => {
    const own = new addon.NativeEngine(engineOptions);
    const first = await own.pack(floatMatrix(16, 4, 1));
    const second = await own.pack(floatMatrix(16, 4, 2));
    const kept = own.copyGroups(second.number, 0, 2);
    own.release(first.number);
    expect(await outcome(() => own.copyGroups(first.number, 0, 1))).toBe('bad-request');
    expect(await outcome(() => own.release(first.number))).toBe('bad-request');
    expect(own.copyGroups(second.number, 0, 2)).toEqual(kept);
    const onItsWay = own.pack(floatMatrix(16, 4, 3));
    own.release(second.number);
    const third = await onItsWay;
    expect(third.number).toBe(2);
    const values = new Float32Array(floatMatrix(16, 4, 3).bytes!.buffer);
    const groups = new Float32Array(own.copyGroups(third.number, 0, 2).buffer);
    // Column 1 of the second group: rows 8…15.
    expect([...groups.slice(40, 48)]).toEqual([8, 9, 10, 11, 12, 13, 14, 15].map((row) => values[row * 4 + 1]));
    const description = await describeTinyModel(own);
    const withReleased = { ...description, embedding: first.number };
    expect(await outcome(() => own.setModel(withReleased))).toBe('bad-request');
    own.setModel(description);
    expect(await outcome(() => own.copyGroups(third.number, 0, 1))).toBe('bad-request');
  });

  it('refuses matrices still on their way when it is closed', async () => {
    const own = new addon.NativeEngine(engineOptions);
    const packing = [1, 2, 3].map((seed) => outcome(() => own.pack(floatMatrix(64, 64, seed))));
    own.close();
    expect(await Promise.all(packing)).toEqual(['bad-request', 'bad-request', 'bad-request']);
  });
});

describe('crc32c', () => {
  const bytes = new TextEncoder().encode('123456789');
  const call = (...values: unknown[]) => (addon as unknown as Anything)['crc32c']!(...values);

  it('is that of the published examples, whole or in parts', () => {
    expect(addon.crc32c(bytes, 0)).toBe(0xe3069283);
    expect(addon.crc32c(bytes.subarray(4), addon.crc32c(bytes.subarray(0, 4), 0))).toBe(0xe3069283);
    expect(addon.crc32c(new Uint8Array(0), 0xffffffff)).toBe(0xffffffff);
  });

  it('refuses what are no bytes or no seed', async () => {
    for (const stranger of strangers) {
      const areBytes = stranger instanceof Uint8Array;
      expect(await outcome(() => call(stranger, 0))).toBe(areBytes ? 'accepted' : 'bad-request');
      const isSeed = [0, 3, 1e9, 2 ** 31].includes(stranger as number);
      expect(await outcome(() => call(bytes, stranger))).toBe(isSeed ? 'accepted' : 'bad-request');
    }
    expect(await outcome(() => call(bytes, 2 ** 32))).toBe('bad-request');
    expect(await outcome(() => call(new Uint8Array(new SharedArrayBuffer(8)), 0))).toBe('bad-request');
  });
});

describe('lockFile', () => {
  const folder = mkdtempSync(join(tmpdir(), 'retort-lock-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'held');
  const call = (value: unknown) => (addon as unknown as Anything)['lockFile']!(value);

  it('is held by one open file at a time, until that is closed', () => {
    const [first, second] = [openSync(path, 'w'), openSync(path, 'r')];
    expect(addon.lockFile(first)).toBe(true);
    expect(addon.lockFile(first)).toBe(true);
    expect(addon.lockFile(second)).toBe(false);
    closeSync(first);
    expect(addon.lockFile(second)).toBe(true);
    closeSync(second);
  });

  it('refuses what is no open file', async () => {
    for (const stranger of strangers.filter((value) => value !== 0 && value !== 3))
      expect(await outcome(() => call(stranger))).toBe('bad-request');
  });
});

describe('a range of a file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'retort-range-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'weights');
  writeFileSync(path, new Uint8Array(64));
  symlinkSync(path, join(folder, 'link'));
  const good = { path, fileBytes: 64, offset: 16, bytes: 24 };
  const packed = (file: object) => {
    const fresh = new AnyEngine(engineOptions);
    return outcome(() => fresh['pack']!({ type: 'f32', rows: 2, columns: 3, file }));
  };

  it('is read where it is right', async () => {
    expect(await packed(good)).toBe('accepted');
  });

  it.each([
    ['leaves the file', { offset: 48 }, 'bad-request'],
    ['is longer than the file', { bytes: 2 ** 50, offset: 0 }, 'bad-request'],
    ['is shorter than the matrix', { bytes: 23 }, 'bad-request'],
    ['has a negative offset', { offset: -1 }, 'bad-request'],
    ['starts at half a byte', { offset: 0.5 }, 'bad-request'],
    ['lies in a file of another size', { fileBytes: 65 }, 'bad-file'],
    ['lies behind a link', { path: join(folder, 'link') }, 'bad-file'],
    ['lies in a folder', { path: folder }, 'bad-file'],
    ['lies in no file', { path: join(folder, 'none') }, 'file-unreadable'],
    ['has a NUL in its path', { path: `${path}\0.gguf` }, 'bad-request'],
  ])('that %s is refused', async (_what, changes, code) => {
    expect(await packed({ ...good, ...changes })).toBe(code);
  });
});

describe('a session', () => {
  it('refuses options with any part spoiled', async () => {
    let refused = 0;
    for (const { path, value } of spoiled(sessionOptions)) {
      const code = await outcome(() => new AnySession(engine, value));
      expect(code, path).toMatch(/^(accepted|bad-request|out-of-memory)$/);
      if (code !== 'accepted') refused++;
    }
    expect(refused).toBeGreaterThan(150);
    for (const stranger of strangers) {
      expect(await outcome(() => new AnySession(stranger, sessionOptions))).toBe('bad-request');
      expect(await outcome(() => new AnySession(stranger))).toBe('bad-request');
    }
  });

  it('refuses input with any part spoiled, or computes with what was taken', async () => {
    let refused = 0;
    for (const { path, value } of spoiled(evaluateInput)) {
      const session = newSession();
      const code = await outcome(() => session['evaluate']!(value));
      expect(code, path).toMatch(/^(accepted|bad-request|context-full|unsupported-feature)$/);
      if (code === 'accepted') continue;
      refused++;
      expect(session['length'], path).toBe(0);
    }
    expect(refused).toBeGreaterThan(150);
    expect(await outcome(() => newSession()['evaluate']!())).toBe('bad-request');
  });

  it('returns numbers that are none where it was given such, and goes on', async () => {
    const embeddings = new Float32Array(2 * width).fill(NaN);
    const input = { ...evaluateInput, ids: null, embeddings, positions: Int32Array.of(0, 1), parents: null };
    const session = newSession();
    const rows = Int32Array.of(1);
    const result = (await session['evaluate']!({ ...input, rows })) as { logits: Float32Array };
    expect(result.logits).toHaveLength(vocabulary);
    session['truncate']!(0);
    await session['evaluate']!(evaluateInput);
  });

  it('refuses lengths and saved bytes that are none', async () => {
    const session = newSession();
    await session['evaluate']!(evaluateInput);
    for (const stranger of strangers.filter((each) => each !== 0 && each !== 3)) {
      expect(await outcome(() => session['truncate']!(stranger))).toBe('bad-request');
    }
    const saved = session['save']!() as Uint8Array;
    for (const stranger of strangers) {
      expect(await outcome(() => session['restore']!(stranger))).toMatch(/^bad-(request|file)$/);
    }
    for (let length = 0; length < saved.length; length += 7) {
      expect(await outcome(() => session['restore']!(saved.slice(0, length)))).toBe('bad-file');
    }
    expect(session['length']).toBe(3);
    session['restore']!(saved);
  });

  it('takes saved bytes with any byte changed, or refuses them, and can go on', async () => {
    const session = newSession();
    await session['evaluate']!(evaluateInput);
    const saved = session['save']!() as Uint8Array;
    const next = { ...evaluateInput, positions: Int32Array.of(3, 4, 5) };
    for (let at = 0; at < saved.length; at++) {
      const changed = saved.slice();
      changed[at]! ^= 0xff;
      const target = newSession();
      const code = await outcome(() => target['restore']!(changed));
      expect(code).toMatch(/^(accepted|bad-request|bad-file|context-full|unsupported-format)$/);
      expect(await outcome(() => target['evaluate']!(next))).toBe('accepted');
    }
  });

  it('refuses every call but cancel and close while it computes, and every call once closed', async () => {
    const session = newSession();
    const running = session['evaluate']!(evaluateInput) as Promise<unknown>;
    const calls = {
      evaluate: () => session['evaluate']!(evaluateInput),
      truncate: () => session['truncate']!(0),
      save: () => session['save']!(),
      restore: () => session['restore']!(new Uint8Array(8)),
      length: () => session['length'],
      kvBytes: () => session['kvBytes'],
      fork: () => new AnySession(session),
    };
    for (const [name, call] of Object.entries(calls)) {
      expect(await outcome(call), name).toBe('bad-request');
    }
    await running;
    session['cancel']!();
    expect(await outcome(calls.evaluate)).toBe('accepted');
    session['close']!();
    session['close']!();
    session['cancel']!();
    for (const [name, call] of Object.entries(calls)) expect(await outcome(call), name).toBe('bad-request');
  });

  it('closed while it computes ends the call as cancelled or done', async () => {
    const session = newSession();
    const running = outcome(() => session['evaluate']!(evaluateInput));
    session['close']!();
    expect(await running).toMatch(/^(cancelled|accepted)$/);
  });

  it('whose logits find no memory, or no array, is refused and goes on', async () => {
    const session = newSession();
    const makers: [string, new () => unknown][] = [
      ['out-of-memory', class { constructor() { throw new RangeError('Array buffer allocation failed'); } }],
      ['internal', Float64Array],
      ['bad-request', class extends Float32Array { constructor() { super(3); } }],
    ]; // prettier-ignore
    for (const [code, maker] of makers) {
      const ours = globalThis.Float32Array;
      globalThis.Float32Array = maker as Float32ArrayConstructor;
      const refused = outcome(() => session['evaluate']!(evaluateInput));
      globalThis.Float32Array = ours;
      expect(await refused).toBe(code);
    }
    expect(await outcome(() => session['evaluate']!(evaluateInput))).toBe('accepted');
  });

  it('closed by a getter of its own input is refused', async () => {
    const session = newSession();
    const input = Object.defineProperty({ ...evaluateInput }, 'rows', {
      get: () => {
        session['close']!();
        return Int32Array.of(0);
      },
    });
    expect(await outcome(() => session['evaluate']!(input))).toBe('bad-request');
  });

  it('that a getter of its own input sets to work is refused', async () => {
    const session = newSession();
    const inner: Promise<string>[] = [];
    const input = Object.defineProperty({ ...evaluateInput }, 'rows', {
      get: () => {
        inner.push(outcome(() => session['evaluate']!(evaluateInput)));
        return Int32Array.of(0);
      },
    });
    expect(await outcome(() => session['evaluate']!(input))).toBe('bad-request');
    expect(await Promise.all(inner)).toEqual(['accepted']);
  });

  it('does not run on another object', () => {
    const session = newSession();
    for (const receiver of [{}, null, engine, Object.create(AnySession.prototype as object)]) {
      expect(() => session['save']!.call(receiver)).toThrow(TypeError);
      expect(() => (engine as unknown as Anything)['close']!.call(session)).toThrow(TypeError);
    }
    expect(() => (AnySession as unknown as () => void)()).toThrow(TypeError);
  });
});

describe('worker threads', () => {
  const path = createRequire(import.meta.url).resolve('../../build/native/retort.node');
  const program = `
    const { parentPort, workerData } = require('node:worker_threads');
    const addon = require(workerData.path);
    const engine = new addon.NativeEngine({ arithmetic: 'reference', threads: 2, kernels: '' });
    const codes = [];
    const attempt = async (call) => { try { await call(); } catch (error) { codes.push(error.code ?? error.name); } };
    (async () => {
      await attempt(() => engine.pack({}));
      await attempt(() => engine.setModel({}));
      await attempt(() => new addon.NativeSession(engine, {}));
      const rows = 512, columns = 512;
      const bytes = new Uint8Array(rows * columns * 4);
      const busy = () => { for (let i = 0; i < 50; i++) engine.pack({ type: 'f32', rows, columns, bytes }); };
      busy();
      parentPort.postMessage(codes);
    })();`;

  it('refuse the same, and may end while work is on its way', async () => {
    for (let round = 0; round < 5; round++) {
      const worker = new Worker(program, { eval: true, workerData: { path } });
      const codes = await new Promise((resolve, reject) => {
        worker.on('message', resolve);
        worker.on('error', reject);
      });
      expect(codes).toEqual(['bad-request', 'bad-request', 'bad-request']);
      await worker.terminate();
    }
    expect(await outcome(() => newSession()['evaluate']!(evaluateInput))).toBe('accepted');
  });
});
