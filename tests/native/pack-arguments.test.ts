/** Weights in a pack, through the addon itself: the bits of the same weights in memory, and a coded error for whatever else it is handed. */
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  nativeAddon,
  toCodedError,
  type NativeEngine,
  type NativePack,
  type NativePlacedMatrix,
} from '../../electron/engine/native/addon.ts';
import { LabError } from '../../electron/contract/errors.ts';
import { expectSame } from '../helpers/native-engine.ts';
import { describeTinyModel, tinyRope } from '../helpers/native-model.ts';
import { writeTinyPack, type TinyPack } from '../helpers/native-pack.ts';
import { outcome, spoiled, strangers } from '../helpers/strangers.ts';

const addon = nativeAddon();
const engineOptions = { arithmetic: 'reference', threads: 2, kernels: '' } as const;
const sessionOptions = { context: 32, kvCodec: 'f32', ropes: [tinyRope] } as const;
const folder = mkdtempSync(join(tmpdir(), 'retort-tiny-pack-'));
afterAll(() => rmSync(folder, { recursive: true }));

let tiny: TinyPack;
let expected: Float32Array[];
beforeAll(async () => {
  tiny = await writeTinyPack(folder);
  const resident = new addon.NativeEngine(engineOptions);
  resident.setModel(await describeTinyModel(resident));
  expected = await evaluateAll(resident);
});

const emptyEngine = () => new addon.NativeEngine(engineOptions);

function placedEngine(pack: NativePack = tiny.pack): NativeEngine {
  const engine = emptyEngine();
  engine.openPack(pack);
  for (const matrix of tiny.matrices) engine.place(matrix);
  engine.setModel(tiny.description);
  return engine;
}

/** Logits of a prompt and of three tokens after it. */
async function evaluateAll(engine: NativeEngine): Promise<Float32Array[]> {
  const session = new addon.NativeSession(engine, sessionOptions);
  const logits: Float32Array[] = [];
  for (const [first, ids] of [[0, [1, 2, 3, 15]], [4, [7]], [5, [0]], [6, [9]]] as const) {
    const positions = Int32Array.from(ids, (_, i) => first + i);
    const rows = Int32Array.from(ids, (_, i) => i);
    const input = { ids: Int32Array.from(ids), embeddings: null, positions, parents: null, rows, hidden: false };
    logits.push((await session.evaluate(input)).logits);
  } // prettier-ignore
  session.close();
  return logits;
}

async function expectSameBits(engine: NativeEngine): Promise<void> {
  (await evaluateAll(engine)).forEach((logits, i) => expectSame(logits, expected[i]!, `call ${i}`));
}

describe('a model in a pack', () => {
  it.each(['uring', 'threads', 'automatic'] as const)('gives the same bits at every budget, by %s', async (reader) => {
    const engine = placedEngine({ ...tiny.pack, reader });
    const { minimumBytes, totalBytes, slots } = engine.flashState()!;
    expect(slots).toBe(0);
    for (let part = 0; part <= 4; part++) {
      const budget = minimumBytes + Math.floor(((totalBytes - minimumBytes) * part) / 4);
      expect(await engine.setWeightBudget(budget)).toBe(0);
      await expectSameBits(engine);
      const state = engine.flashState()!;
      const held = state.pinnedBytes + state.ringBytes + state.lookupBytes + state.slots * state.slotBytes;
      expect(held).toBeLessThanOrEqual(budget);
      expect(state.budgetBytes).toBe(budget);
      expect(state.resident).toHaveLength(4 * 3);
    }
    engine.close();
  });

  it('tells what was read, by layer, and where experts are', async () => {
    const engine = placedEngine();
    const { minimumBytes, totalBytes } = engine.flashState()!;
    await engine.setWeightBudget(totalBytes);
    const session = new addon.NativeSession(engine, sessionOptions);
    const input = { ids: Int32Array.of(3), embeddings: null, parents: null, rows: Int32Array.of(0), hidden: false };
    const all = (await session.evaluate({ ...input, positions: Int32Array.of(0) })).flash!;
    expect([...all.bytes, ...all.misses, ...all.stallNs].every((value) => value === 0)).toBe(true);
    expect([...all.hits].every((value) => value > 0)).toBe(true);
    expect(all.hits).toHaveLength(5);
    expect([...engine.flashState()!.resident]).toEqual([0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0]);
    await engine.setWeightBudget(minimumBytes);
    const least = (await session.evaluate({ ...input, positions: Int32Array.of(1) })).flash!;
    expect(least.misses[1]).toBe(2);
    expect(least.bytes[1]).toBeGreaterThan(0);
    const { uses, resident, reads, bytesRead, direct, reader } = engine.flashState()!;
    expect(uses.reduce((sum, value) => sum + value)).toBeCloseTo(2 + 2 * 2 ** (-1 / 128), 10);
    expect(resident.reduce((sum, value) => sum + value)).toBe(2);
    expect(reads).toBeGreaterThan(0);
    expect(bytesRead).toBeGreaterThanOrEqual(totalBytes);
    expect(typeof direct).toBe('boolean');
    expect(['io_uring', 'threads', 'overlapped']).toContain(reader);
    expect(new addon.NativeEngine(engineOptions).flashState()).toBe(null);
  });

  it('refuses a budget below the minimum with the minimum, and computes before one was set not at all', async () => {
    const engine = placedEngine();
    expect(await outcome(() => evaluateAll(engine))).toBe('bad-request');
    const { minimumBytes } = engine.flashState()!;
    const refused: unknown = await engine.setWeightBudget(minimumBytes - 1).catch(toCodedError);
    expect(refused).toBeInstanceOf(LabError);
    expect((refused as LabError).detail).toEqual({ minimumBytes });
    await engine.setWeightBudget(minimumBytes);
    await expectSameBits(engine);
  });

  it('reads what stays in memory part by part', async () => {
    const engine = placedEngine();
    const { totalBytes } = engine.flashState()!;
    let left = totalBytes;
    while (left > 0) {
      const now = await engine.setWeightBudget(totalBytes, 4096);
      expect(now).toBeLessThan(left);
      left = now;
    }
    expect(engine.flashState()!.bytesRead).toBe(totalBytes);
  });

  it('fails with a code where a read fails, and goes on', async () => {
    for (const failRead of [1, 2, 3, 5, 8, 13, 21]) {
      const engine = placedEngine({ ...tiny.pack, failRead });
      const { minimumBytes } = engine.flashState()!;
      const codes = [await outcome(() => engine.setWeightBudget(minimumBytes))];
      for (let i = 0; i < 10; i++) codes.push(await outcome(() => evaluateAll(engine)));
      expect(codes.filter((code) => code !== 'accepted')).toEqual(['file-unreadable']);
      await expectSameBits(engine);
    }
  });

  it('notes its reads where it is asked to, and they can be made again', async () => {
    const engine = placedEngine({ ...tiny.pack, recordReads: true });
    await engine.setWeightBudget(engine.flashState()!.minimumBytes);
    await engine.takeReads();
    const before = engine.flashState()!;
    await evaluateAll(engine);
    const after = engine.flashState()!;
    const noted = await engine.takeReads();
    const sum = (values: Float64Array) => values.reduce((total, value) => total + value, 0);
    // What is read ahead for the next evaluation has begun and does not count yet.
    expect(noted.offsets.length).toBe(after.reads + after.pendingReads - before.reads - before.pendingReads);
    expect(sum(noted.bytes)).toBeGreaterThanOrEqual(after.bytesRead - before.bytesRead);
    expect(noted.pending.some((pending) => pending > 0)).toBe(true);
    const { path, fileBytes } = tiny.pack;
    expect(await addon.replayReads({ path, fileBytes, depth: 4, ...noted })).toBeGreaterThan(0);
    expect((await engine.takeReads()).offsets).toHaveLength(0);
    const silent = placedEngine();
    await silent.setWeightBudget(silent.flashState()!.minimumBytes);
    await evaluateAll(silent);
    expect((await silent.takeReads()).offsets).toHaveLength(0);
    expect(await outcome(() => emptyEngine().takeReads())).toBe('bad-request');
  });

  it('gives records as they lie', async () => {
    const engine = placedEngine();
    const record = await engine.readRecord(5);
    expect(addon.crc32c(record, 0)).toBe(tiny.pack.checksums[5]);
    for (const stranger of strangers.filter((each) => each !== 0 && each !== 3)) {
      expect(await outcome(() => engine.readRecord(stranger as number))).toBe('bad-request');
    }
  });
});

describe('the description of a pack', () => {
  it('is refused with any part spoiled, or computed with as far as it is right', async () => {
    let refused = 0;
    for (const { path, value } of spoiled(tiny.pack)) {
      const code = await outcome(() => placedEngine(value as NativePack));
      expect(code, path).toMatch(/^(accepted|bad-request|bad-file|file-unreadable)$/);
      if (code !== 'accepted') refused++;
    }
    expect(refused).toBeGreaterThan(150);
  });

  const places = (change: (values: Float64Array) => void) => {
    const copy = tiny.pack.offsets.slice();
    change(copy);
    return copy;
  };
  it.each([
    ['an offset is no number', () => ({ offsets: places((all) => all.fill(NaN, 2, 3)) }), 'bad-request'],
    ['an offset is negative', () => ({ offsets: places((all) => all.fill(-64, 2, 3)) }), 'bad-request'],
    ['an offset is no whole number', () => ({ offsets: places((all) => all.fill(4096.5, 2, 3)) }), 'bad-request'],
    ['an offset is beyond the file', () => ({ offsets: places((all) => all.fill(2 ** 52, 2, 3)) }), 'bad-file'],
    ['an offset is between borders', () => ({ offsets: places((all) => all.fill(4097, 2, 3)) }), 'bad-file'],
    ['a record has no bytes', () => ({ bytes: new Float64Array(tiny.pack.bytes.length) }), 'bad-file'],
    ['records have fewer sizes than places', () => ({ bytes: tiny.pack.bytes.slice(1) }), 'bad-request'],
    ['records have more checksums than places', () => ({ checksums: new Uint32Array(1000) }), 'bad-request'],
    ['the file has another size', () => ({ fileBytes: tiny.pack.fileBytes + 4096 }), 'bad-file'],
    ['the file is a link', () => ({ path: join(folder, 'link') }), 'bad-file'],
    ['there is no such file', () => ({ path: join(folder, 'none') }), 'file-unreadable'],
    ['too many reads are to be in flight', () => ({ depth: 65 }), 'bad-request'],
    ['no read may be in flight', () => ({ depth: 0 }), 'bad-request'],
  ])('is refused where %s', async (_what, changes, code) => {
    if (code === 'bad-file') rmSync(join(folder, 'link'), { force: true });
    if (code === 'bad-file') symlinkSync(tiny.pack.path, join(folder, 'link'));
    expect(await outcome(() => emptyEngine().openPack({ ...tiny.pack, ...changes() }))).toBe(code);
  });

  it('finds damage when the damaged weights are used', async () => {
    for (let record = 0; record < tiny.pack.checksums.length; record += 5) {
      const checksums = tiny.pack.checksums.slice();
      checksums[record]! ^= 1;
      const engine = placedEngine({ ...tiny.pack, checksums });
      const { totalBytes } = engine.flashState()!;
      const message = await engine.setWeightBudget(totalBytes).catch((error: unknown) => (error as Error).message);
      expect(message).toContain(`tiny.pack: record ${record} `);
    }
  });
});

describe('a matrix in a pack', () => {
  it('is refused with any part spoiled, before anything is read', async () => {
    const engine = emptyEngine();
    engine.openPack(tiny.pack);
    let refused = 0;
    for (const matrix of [tiny.matrices[0]!, tiny.matrices.find(({ tiles }) => tiles[0]!.offset > 0)!]) {
      for (const { path, value } of spoiled(matrix)) {
        const code = await outcome(() => engine.place(value as NativePlacedMatrix));
        expect(code, path).toMatch(/^(accepted|bad-request|bad-file)$/);
        if (code !== 'accepted') refused++;
      }
    }
    expect(refused).toBeGreaterThan(500);
    expect(engine.flashState()!.reads).toBe(0);
  });

  it('is refused without a pack, after the model, twice in a model, and where an expert is not one record', async () => {
    const first = tiny.matrices[0]!;
    expect(await outcome(() => emptyEngine().place(first))).toBe('bad-request');
    expect(await outcome(() => placedEngine().place(first))).toBe('bad-request');
    expect(await outcome(() => placedEngine().openPack(tiny.pack))).toBe('bad-request');
    const swapped = tiny.matrices.map((matrix, number) => (number === 5 ? tiny.matrices[4]! : matrix));
    for (const matrices of [swapped, partedExpert()]) {
      const engine = emptyEngine();
      engine.openPack(tiny.pack);
      for (const matrix of matrices) engine.place(matrix);
      expect(await outcome(() => engine.setModel(tiny.description))).toMatch(/^bad-(file|request)$/);
    }
  });

  /** One expert's gate lies in the record of another's. */
  function partedExpert(): NativePlacedMatrix[] {
    const experts = tiny.description.layers.flatMap((layer) =>
      layer.kind === 'attention' && 'experts' in layer.feedForward ? layer.feedForward.experts : [],
    );
    const [one, two] = experts as [(typeof experts)[0], (typeof experts)[0]];
    return tiny.matrices.map((matrix, number) => (number === one.gate.matrix ? tiny.matrices[two.gate.matrix]! : matrix));
  }

  it('needs budgets that are whole numbers', async () => {
    const engine = placedEngine();
    for (const stranger of strangers) {
      const code = await outcome(() => engine.setWeightBudget(stranger as number));
      expect(code).toMatch(/^(accepted|bad-request)$/);
      if (typeof stranger !== 'number') expect(code).toBe('bad-request');
    }
    await expectSameBits(engine);
    engine.close();
    expect(await outcome(() => engine.setWeightBudget(1e9))).toBe('bad-request');
    expect(await outcome(() => engine.flashState())).toBe('bad-request');
  });
});
