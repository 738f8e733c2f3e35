/** Packs of real models hold, byte for byte, what the engine holds when it packs the same model. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { matrixSource } from '../../electron/engine/native/matrix-source.ts';
import { MatrixPacker } from '../../electron/engine/native/packer.ts';
import { isMatrixName } from '../../electron/engine/native/packed-size.ts';
import { openModel as openByRequest } from '../../electron/engine/open-engine.ts';
import { packOf } from '../../electron/engine/pack/check-weights.ts';
import { packModel, predictedBytes } from '../../electron/engine/pack/pack-model.ts';
import { planPack, tilesOf } from '../../electron/engine/pack/plan.ts';
import { verifyPack } from '../../electron/engine/pack/verify.ts';
import { modelIdentity, weightsIdentity } from '../../electron/formats/identity.ts';
import { readModelSource } from '../../electron/formats/open-source.ts';
import { crc32c } from '../../electron/formats/pack/crc32c.ts';
import { readWeight } from '../../electron/formats/read-weight.ts';
import type { ModelSource } from '../../electron/contract/model-source.ts';
import { resolveModel } from '../../models/families/index.ts';
import { bundledModel, goldenFolder } from '../helpers/golden.ts';
import { labError, makeFolder } from '../helpers/model-folder.ts';
import { tinyCases, tinyFolder } from '../helpers/native-engine.ts';
import { matrixBytes, packInChild, packInto, quiet } from '../helpers/packs.ts';
import { writeRandomGguf } from '../bench/models/random-gguf.ts';

const exported = join(goldenFolder, 'exports', 'qwen3-transformersjs-q4');
const ggufs = tinyCases.flatMap((name) =>
  ['model-f32.gguf', 'model-q8_0.gguf'].map((file) => join(tinyFolder(name), file)).filter(existsSync),
);
const models = [...tinyCases.map(tinyFolder), ...ggufs, exported, bundledModel];
const short = (path: string) => path.split('/').slice(-2).join('/');

async function packed(path: string): Promise<{ whole: Buffer; source: ModelSource; path: string }> {
  const { out } = await packInto(makeFolder(), path);
  return { whole: readFileSync(out), source: await readModelSource(out), path: out };
}

describe('a pack of', () => {
  test.each(models.map((path) => [short(path), path]))('%s holds what the engine holds', async (_, path) => {
    const original = await readModelSource(path);
    const model = resolveModel(original);
    const { whole, source } = await packed(path);
    const pack = packOf(source, resolveModel(source));
    const packer = new MatrixPacker(2);
    onTestFinished(() => packer.close());
    let [matrices, vectors] = [0, 0];
    const numbers = (name: string, type: 'f32' | 'i32') => {
      const vector = pack.vectors.get(name)!;
      expect(vector.type).toBe(type);
      const start = pack.records.offsets[vector.record]! + vector.offset;
      return new Uint8Array(whole.subarray(start, start + 4 * vector.count)).buffer;
    };
    for (const [name, ref] of model.weights) {
      if (!isMatrixName(name)) {
        expect(new Float32Array(numbers(name, 'f32')), name).toEqual(await readWeight(original, ref));
        vectors += 1;
        continue;
      }
      const held = await packer.pack(original, name, ref);
      const { groups, groupBytes, rows, columns, ...layout } = held.layout;
      const stored = pack.matrices.get(name)!;
      expect(stored).toMatchObject({ rows, columns, layout });
      const bytes = matrixBytes(whole, pack, stored, groupBytes);
      expect(bytes.equals(packer.groups(held, 0, groups)), name).toBe(true);
      const order = stored.columnOrder === null ? null : new Int32Array(numbers(stored.columnOrder, 'i32'));
      expect(order, name).toEqual(held.columnOrder);
      packer.release(held);
      matrices += 1;
    }
    expect(pack.matrices.size).toBe(matrices);
    expect(vectors).toBeGreaterThan(0);
    pack.records.checksums.forEach((checksum, record) => {
      const start = pack.records.offsets[record]!;
      expect(crc32c(whole.subarray(start, start + pack.records.bytes[record]!))).toBe(checksum);
    });
    expect(pack.origin).toEqual({
      identity: await modelIdentity(original),
      name: original.name,
      format: original.format,
    });
    expect(await weightsIdentity(source)).toBe(await weightsIdentity(original));
    expect(whole.length % 4096).toBe(0);
    expect(whole.length).toBeLessThanOrEqual(predictedBytes(original, planPack(model)));
  });

  test('GPTQ weights in act-order keeps the order of their columns', async () => {
    const { source } = await packed(tinyFolder('llama-gptq-actorder'));
    const ordered = [...source.pack!.matrices].filter(([, { columnOrder }]) => columnOrder !== null);
    expect(ordered.length).toBeGreaterThan(0);
    const { matrix } = await matrixSource(
      source,
      resolveModel(source).weights.get('embedding.weight')!,
    ).catch(() => ({ matrix: null }));
    // What a pack describes cannot be read from it as if it were the model's own file.
    expect(matrix).toBeNull();
  });

  test('the same model is the same, byte for byte', async () => {
    const path = tinyFolder('mixtral');
    expect((await packed(path)).whole.equals((await packed(path)).whole)).toBe(true);
  });
});

describe('the records of', () => {
  test('experts hold gate, up and down, and lie behind all that every token reads', async () => {
    const { source } = await packed(tinyFolder('mixtral'));
    const { records, matrices, vectors } = source.pack!;
    const at = (name: string) => {
      const [tile] = matrices.get(name)!.tiles;
      return records.offsets[tile!.record]! + tile!.offset;
    };
    for (const layer of [0, 1, 2]) {
      for (const expert of [0, 1, 2, 3]) {
        const names = ['gate', 'up', 'down'].map(
          (part) => `layers.${layer}.experts.${expert}.${part}.weight`,
        );
        const own = names.map((name) => matrices.get(name)!.tiles);
        expect(own.map((tiles) => tiles.length)).toEqual([1, 1, 1]);
        expect(new Set(own.map(([tile]) => tile!.record)).size).toBe(1);
        expect(own.map(([tile]) => tile!.offset % 64)).toEqual([0, 0, 0]);
        expect(names.map(at)).toEqual(names.map(at).sort((left, right) => left - right));
      }
    }
    const order = [
      ...[0, 1, 2].flatMap((layer) =>
        ['query', 'key', 'value', 'output', 'router'].map((stem) => `layers.${layer}.${stem}.weight`),
      ),
      'head.weight',
      'embedding.weight',
      ...[0, 1, 2].flatMap((layer) =>
        [0, 1, 2, 3].map((expert) => `layers.${layer}.experts.${expert}.gate.weight`),
      ),
    ];
    expect(order.map(at)).toEqual(order.map(at).sort((left, right) => left - right));
    const lastVector = Math.max(...[...vectors.values()].map(({ record }) => records.offsets[record]!));
    expect(lastVector).toBeLessThan(at('layers.0.query.weight'));
    expect(matrices.size).toBe(order.length + 2 * 12);
  });

  test('large matrices are tiles of 1 to 4 MiB at whole pages; a tied table lies where the head is read', async () => {
    const { source } = await packed(bundledModel);
    const { records, matrices } = source.pack!;
    const table = matrices.get('embedding.weight')!;
    expect(table.tiles.length).toBeGreaterThan(10);
    for (const { record, offset } of table.tiles) {
      expect(offset).toBe(0);
      expect(records.offsets[record]! % 4096).toBe(0);
      expect(records.bytes[record]).toBeGreaterThanOrEqual(2 ** 20);
      expect(records.bytes[record]).toBeLessThanOrEqual(2 ** 22);
    }
    expect(table.tiles.at(-1)!.record).toBe(records.offsets.length - 1);
    const others = [...matrices].filter(([name]) => name !== 'embedding.weight');
    expect(others.every(([, { tiles }]) => tiles.length === 1)).toBe(true);
  });

  test.each([
    [1, 100],
    [512, 8192],
    [513, 8192],
    [6144, 4896],
    [700, 8192],
    [3, 3 * 2 ** 20],
    [7, 5 * 2 ** 20],
    [1_000_000, 2176],
  ])('%i groups of %i bytes are cut into tiles of 1 to 4 MiB', (groups, groupBytes) => {
    const tiles = tilesOf(groups, groupBytes);
    expect(tiles.reduce((sum, count) => sum + count, 0)).toBe(groups);
    if (tiles.length === 1) return expect(groups === 1 || groups * groupBytes <= 4 * 2 ** 20).toBe(true);
    for (const count of tiles) {
      expect(count * groupBytes).toBeGreaterThanOrEqual(2 ** 20);
      if (count > 1) expect(count * groupBytes).toBeLessThanOrEqual(4 * 2 ** 20);
    }
  });
});

describe('a pack is not made', () => {
  const llama = tinyFolder('llama');
  test('in place of a file, or in no folder', async () => {
    const folder = makeFolder({ taken: 'mine' });
    expect(await labError(packInto(folder, llama, 'taken'))).toMatchObject({ code: 'bad-request' });
    expect(readFileSync(join(folder, 'taken'), 'utf8')).toBe('mine');
    expect(await labError(packInto(join(folder, 'none'), llama))).toMatchObject({ code: 'not-found' });
    expect(await labError(packInto(join(folder, 'taken'), llama))).toMatchObject({ code: 'bad-request' });
    expect(readdirSync(folder)).toEqual(['taken']);
  });

  test('of a pack, or of a graph whose weights have no names', async () => {
    const { path } = await packed(llama);
    const folder = makeFolder();
    expect(await labError(packInto(folder, path))).toMatchObject({ code: 'bad-request' });
    const graph = join(goldenFolder, 'exports', 'llama-plain');
    expect(await labError(packInto(folder, graph))).toMatchObject({ code: 'unsupported-feature' });
    expect(readdirSync(folder)).toEqual([]);
  });
});

test('the onnx engine says that it cannot read a pack', async () => {
  const { path } = await packed(tinyFolder('llama'));
  const request = {
    path,
    engine: 'onnx',
    arithmetic: null,
    device: 'cpu',
    threads: 1,
    kvCodec: null,
    memoryBudget: null,
    cacheFolder: makeFolder(),
  } as const;
  const error = await labError(openByRequest(request, quiet));
  expect(error.code).toBe('unsupported-feature');
  expect(error.message).toContain('is a pack');
});

describe('a pack that lacks', () => {
  let source: ModelSource;
  beforeAll(async () => {
    source = await readModelSource(tinyFolder('llama'));
  });
  const without = (name: string, change: object | null) => (pack: NonNullable<ModelSource['pack']>) => {
    const [matrices, vectors] = [new Map(pack.matrices), new Map(pack.vectors)];
    const table = (matrices.has(name) ? matrices : vectors) as Map<string, object>;
    if (change === null) table.delete(name);
    else table.set(name, { ...table.get(name)!, ...change });
    return { ...pack, matrices, vectors };
  };

  test.each([
    ['a matrix', 'layers.1.up.weight', null],
    ['a vector', 'final_norm.weight', null],
    ['rows of a matrix', 'layers.0.query.weight', { rows: 8 }],
    ['columns of a matrix', 'layers.0.query.weight', { columns: 8 }],
    ['numbers of a vector', 'final_norm.weight', { count: 3 }],
    ['floats in a vector', 'final_norm.weight', { type: 'i32' }],
  ])('%s is refused by name', async (_, name, change) => {
    const { source: sound } = await packed(source.path);
    const model = resolveModel(sound);
    expect(packOf(sound, model)).toBe(sound.pack);
    const spoiled = { ...sound, pack: without(name, change)(sound.pack!) };
    expect(() => packOf(spoiled, model)).toThrow(name);
    expect(() => packOf(source, resolveModel(source))).toThrow('not a pack');
  });
});

describe('verifying', () => {
  test('a sound pack reads every record once', async () => {
    const { path, source } = await packed(tinyFolder('mamba2'));
    const reports: number[] = [];
    const hooks = { ...quiet, onProgress: ({ done }: { done: number }) => void reports.push(done) };
    const verified = await verifyPack(path, hooks);
    const { bytes } = source.pack!.records;
    const total = bytes.reduce((sum, size) => sum + size, 0);
    expect(verified).toEqual({ records: bytes.length, bytes: total });
    expect(reports).toHaveLength(bytes.length);
    expect(reports.at(-1)).toBe(total);
  });

  test('names the first damaged record by what lies in it and where', async () => {
    const { path, whole, source } = await packed(tinyFolder('mixtral'));
    const { matrices, records } = source.pack!;
    for (const name of ['layers.2.experts.3.gate.weight', 'layers.1.key.weight']) {
      const offset = records.offsets[matrices.get(name)!.tiles[0]!.record]!;
      whole[offset + 100]! ^= 4;
      writeFileSync(path, whole);
      const error = await labError(verifyPack(path, quiet));
      expect(error).toMatchObject({
        code: 'bad-file',
        detail: { file: 'model.retortpack', field: name, offset },
      });
    }
  });

  test('what is no pack is refused, and ends when it is cancelled', async () => {
    expect(await labError(verifyPack(tinyFolder('llama'), quiet))).toMatchObject({ code: 'bad-request' });
    const { path } = await packed(tinyFolder('llama'));
    const controller = new AbortController();
    const hooks = { signal: controller.signal, onProgress: () => controller.abort() };
    await expect(verifyPack(path, hooks)).rejects.toMatchObject({ name: 'AbortError' });
  });
});

test('a source that changes while it is packed is refused', async () => {
  const folder = makeFolder();
  const path = join(folder, 'model.gguf');
  const bytes = readFileSync(join(tinyFolder('llama'), 'model-f32.gguf'));
  writeFileSync(path, bytes);
  let changed = false;
  const onProgress = ({ done }: { done: number }) => {
    if (done === 0 || changed) return;
    changed = true;
    bytes[bytes.length - 1]! ^= 1;
    writeFileSync(path, bytes);
  };
  const out = join(folder, 'pack');
  const error = await labError(packModel({ path, out, threads: 1 }, { ...quiet, onProgress }));
  expect(error).toMatchObject({ code: 'bad-file' });
  expect(error.message).toContain('changed while it was packed');
  expect(existsSync(out)).toBe(false);
});

test('packing takes no more memory than the largest matrix and some tiles', async () => {
  const folder = makeFolder();
  const path = join(folder, 'model.gguf');
  const shape = {
    name: 'many matrices',
    hidden: 512,
    layers: 56,
    heads: 8,
    keyValueHeads: 8,
    headDimension: 64,
    feedForward: 2048,
    contextLength: 512,
  };
  await writeRandomGguf(path, shape, 'Q8_0', bundledModel);
  const result = await packInChild([path, join(folder, 'pack'), 2 ** 26, 0]);
  const largest = (49_152 * 512 * 34) / 32;
  // Records on their way to the disk, 16 MiB, and what a process grows by whatever it packs.
  const others = 56 * 2 ** 20;
  const { packed, grownBytes } = result!;
  expect(packed!.bytes).toBeGreaterThan(2 * (largest + others));
  expect(grownBytes).toBeLessThan(largest + others);
}, 120_000);
