/** What tensors' values are, against a plain reference in float64. */
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  histogramBins,
  type TensorOutcome,
  type TensorStatistics,
} from '../../../electron/contract/tensor-statistics.ts';
import type { GgmlType } from '../../../electron/contract/model-source.ts';
import { inspect } from '../../../electron/engine/handlers/inspect.ts';
import {
  tensorStatistics,
  type StatisticsRequest,
} from '../../../electron/engine/statistics/tensor-statistics.ts';
import { readModelSource } from '../../../electron/formats/open-source.ts';
import { readWeight } from '../../../electron/formats/read-weight.ts';
import { writeSafetensors } from '../../../electron/formats/safetensors/write.ts';
import { resolveModel } from '../../../models/families/index.ts';
import { tinyGguf, tinyTensors } from '../../helpers/gguf-writer.ts';
import { goldenFolder, readGoldenJson, readGoldenTensors } from '../../helpers/golden.ts';
import { copyTinyModel, labError, makeFolder } from '../../helpers/model-folder.ts';
import { packInto } from '../../helpers/packs.ts';

interface Told {
  readonly outcomes: ReadonlyMap<string, TensorOutcome>;
  readonly progress: readonly { done: number; total: number }[];
}

async function read(
  request: Partial<StatisticsRequest> & { path: string },
  signal?: AbortSignal,
): Promise<Told> {
  const outcomes = new Map<string, TensorOutcome>();
  const progress: { done: number; total: number }[] = [];
  await tensorStatistics(
    { identity: null, tensors: null, ...request },
    {
      signal: signal ?? new AbortController().signal,
      onProgress: ({ done, total }) => void progress.push({ done, total }),
      tell: (outcome) => Promise.resolve(void outcomes.set(outcome.name, outcome)),
    },
  );
  return { outcomes, progress };
}

/** By the definitions, one value after the other. */
function expected(values: readonly number[]): TensorStatistics {
  const finite = values.filter(Number.isFinite);
  const counts = {
    values: values.length,
    zeros: values.filter((value) => value === 0).length,
    notNumbers: values.filter(Number.isNaN).length,
    infinities: values.filter((value) => Math.abs(value) === Infinity).length,
  };
  if (finite.length === 0) return { ...counts, finite: null };
  const [minimum, maximum] = [Math.min(...finite), Math.max(...finite)];
  const mean = finite.reduce((sum, value) => sum + value, 0) / finite.length;
  const squares = finite.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const histogram = Array.from({ length: histogramBins }, () => 0);
  for (const value of finite) {
    const place = maximum > minimum ? ((value - minimum) / (maximum - minimum)) * histogramBins : 0;
    histogram[Math.min(histogramBins - 1, Math.floor(place))]! += 1;
  }
  return {
    ...counts,
    finite: { minimum, maximum, mean, deviation: Math.sqrt(squares / finite.length), histogram },
  };
}

function expectSame(outcome: TensorOutcome | undefined, values: readonly number[]): void {
  const { finite, ...counts } = expected(values);
  if (outcome?.type !== 'statistics') throw new Error(`no statistics: ${JSON.stringify(outcome)}`);
  const { finite: told, ...toldCounts } = outcome.statistics;
  expect(toldCounts).toEqual(counts);
  if (!finite || !told) {
    expect(told).toBe(finite);
    return;
  }
  const scale = Math.max(Math.abs(finite.minimum), Math.abs(finite.maximum), Number.MIN_VALUE);
  expect(told.minimum).toBe(finite.minimum);
  expect(told.maximum).toBe(finite.maximum);
  expect(Math.abs(told.mean - finite.mean)).toBeLessThanOrEqual(1e-12 * scale);
  expect(Math.abs(told.deviation - finite.deviation)).toBeLessThanOrEqual(1e-12 * scale);
  // A value on the border of two bins may fall to either.
  const moved = told.histogram.reduce((sum, count, bin) => sum + Math.abs(count - finite.histogram[bin]!), 0);
  expect(moved).toBeLessThanOrEqual(values.length / 50);
  expect(told.histogram.reduce((sum, count) => sum + count, 0)).toBe(
    counts.values - counts.notNumbers - counts.infinities,
  );
}

const blocks = await readGoldenTensors(join(goldenFolder, 'quant/gguf_blocks.safetensors'));
const facts = readGoldenJson<{ types: Record<string, { id: number }> }>('quant', 'gguf_blocks.json').types;

function writeModel(content: Uint8Array, name = 'model.gguf'): string {
  const path = join(makeFolder(), name);
  writeFileSync(path, content);
  return path;
}

describe('statistics', () => {
  test('of every block type are those of the golden values', async () => {
    const types = Object.keys(facts) as GgmlType[];
    const tensors = types.map((type) => ({
      name: type,
      dimensions: [blocks.get(`${type}.f32`)!.floats().length],
      type: facts[type]!.id,
      data: blocks.get(`${type}.bytes`)!.bytes,
    }));
    const path = writeModel(tinyGguf({}, { tensors: [...tinyTensors, ...tensors] }));
    const { outcomes } = await read({ path, tensors: types });
    for (const type of types) expectSame(outcomes.get(type), [...blocks.get(`${type}.f32`)!.floats()]);
    expect([...outcomes.keys()]).toEqual(types);
  });

  test('count what is no number and leave it out, of nothing are none, of equal values have no width', async () => {
    const folder = copyTinyModel('llama');
    const all = {
      mixed: [0, -0, NaN, 1, -3, Infinity, -Infinity, 2.5],
      nothing: [NaN, Infinity],
      equal: [2, 2, 2],
      empty: [],
    };
    await writeSafetensors(
      join(folder, 'model.safetensors'),
      Object.entries(all).map(([name, values]) => ({
        ...{ name, type: 'F32' as const, shape: [values.length] },
        data: Float32Array.from(values),
      })),
    );
    const { outcomes } = await read({ path: folder });
    for (const [name, values] of Object.entries(all)) expectSame(outcomes.get(name), values);
    expect(outcomes.get('equal')).toMatchObject({ statistics: { finite: { deviation: 0 } } });
  });

  test('of more values than are held at once are read in chunks, with progress, and stop between two', async () => {
    const folder = copyTinyModel('llama');
    const data = Uint8Array.from({ length: 9_000_000 }, (_, i) => (i * 31) & 0xff);
    await writeSafetensors(join(folder, 'model.safetensors'), [
      { name: 'w', type: 'I8', shape: [3, 3_000_000], data },
    ]);
    const { outcomes, progress } = await read({ path: folder, tensors: ['w'] });
    expect(outcomes.get('w')).toMatchObject({
      statistics: { values: 9_000_000, finite: { minimum: -128, maximum: 127 } },
    });
    const { statistics } = outcomes.get('w') as TensorOutcome & { type: 'statistics' };
    const values = new Int8Array(data.buffer);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
    expect(statistics.finite!.mean).toBeCloseTo(mean, 9);
    expect(statistics.finite!.deviation).toBeCloseTo(Math.sqrt(squares / values.length), 9);
    expect(progress).toHaveLength(6);
    expect(progress.at(-1)).toEqual({ done: 9_000_000, total: 9_000_000 });
    await expect(read({ path: folder, tensors: ['w'] }, AbortSignal.abort())).rejects.toMatchObject({
      name: 'AbortError',
    });
  });

  test('of codes with scales of their own are those of the matrix, and their parts belong to it', async () => {
    const path = join(goldenFolder, 'exports', 'llama-genai-int4');
    const source = await readModelSource(path);
    const { outcomes } = await read({ path });
    const { tensors } = await inspect(path);
    expect(source.matrices.size).toBeGreaterThan(10);
    for (const matrix of source.matrices.values()) {
      const { rows, columns, codes, scales, zeroPoints } = matrix;
      const values = await readWeight(source, {
        ...{ source: { kind: 'matrix', matrix }, shape: [rows, columns], transposed: false, rows: null },
      });
      expectSame(outcomes.get(codes.name), [...values]);
      const listed = new Map(tensors.map((tensor) => [tensor.name, tensor]));
      const bytes = codes.bytes + scales.bytes + (zeroPoints?.bytes ?? 0);
      expect(listed.get(codes.name)!.weights).toEqual({ count: rows * columns, bytes });
      expect(listed.get(scales.name)!.partOf).toBe(codes.name);
      expect(outcomes.get(scales.name)!.type).toBe('statistics');
      if (!zeroPoints) continue;
      expect(outcomes.get(zeroPoints.name)).toMatchObject({
        type: 'refused',
        reason: expect.stringContaining(codes.name) as string,
      });
    }
  });

  test('of a pack are those of the weights it was made of', async () => {
    const folder = makeFolder();
    const path = join(goldenFolder, 'tiny', 'llama', 'model-q8_0.gguf');
    await packInto(folder, path);
    const pack = join(folder, 'model.retortpack');
    const source = await readModelSource(path);
    const { weights } = resolveModel(source);
    const { outcomes } = await read({ path: pack });
    const { tensors } = await inspect(pack);
    expect([...outcomes.keys()]).toEqual(tensors.map(({ name }) => name));
    const matrices = tensors.filter(({ shape }) => shape.length === 2);
    expect(matrices.length).toBeGreaterThan(20);
    for (const { name, shape, type, bytes } of matrices) {
      const weight = weights.get(name)!;
      expect(shape).toEqual(weight.shape);
      expect(type).toMatch(/×8$/);
      expect(bytes).toBeGreaterThan(0);
      expectSame(outcomes.get(name), [...(await readWeight(source, weight))]);
    }
  });

  test('of a damaged record of a pack are refused with its name', async () => {
    const folder = makeFolder();
    await packInto(folder, join(goldenFolder, 'tiny', 'llama', 'model-q8_0.gguf'));
    const path = join(folder, 'model.retortpack');
    const { tensors } = await inspect(path);
    const bytes = readFileSync(path);
    const matrix = tensors.find(({ shape }) => shape.length === 2)!;
    bytes[matrix.offset + 5]! ^= 1;
    writeFileSync(path, bytes);
    const error = await labError(read({ path, tensors: [matrix.name] }));
    expect(error).toMatchObject({ code: 'bad-file', message: expect.stringContaining('damaged') as string });
  });
});

describe('tensors that have none', () => {
  test('are told with the reason, and the others are read', async () => {
    const folder = copyTinyModel('llama');
    await writeSafetensors(join(folder, 'model.safetensors'), [
      { name: 'odd', type: 'F8_E4M3', shape: [4], data: Uint8Array.of(1, 2, 3, 4) },
      { name: 'plain', type: 'F32', shape: [1], data: Float32Array.of(7) },
    ]);
    const { outcomes } = await read({ path: folder });
    expect(outcomes.get('odd')).toMatchObject({
      type: 'refused',
      reason: expect.stringContaining('F8_E4M3') as string,
    });
    expectSame(outcomes.get('plain'), [7]);
  });

  test('are an error where the name is not there, or the model is another', async () => {
    const path = join(goldenFolder, 'tiny', 'llama', 'model-q8_0.gguf');
    expect(await labError(read({ path, tensors: ['token_embd.weight', '__proto__'] }))).toMatchObject({
      code: 'not-found',
    });
    expect(await labError(read({ path, identity: '0'.repeat(64) }))).toMatchObject({
      code: 'bad-request',
      detail: { field: 'identity' },
    });
  });

  test('are an error where the file ends early', async () => {
    const path = writeModel(tinyGguf());
    truncateSync(path, 1000);
    expect(await labError(read({ path }))).toMatchObject({ code: 'bad-file' });
  });

  test.each([
    ['multiply beyond all numbers', [2n ** 62n, 2n ** 62n]],
    ['multiply to nothing by wrapping', [2n ** 32n, 2n ** 32n]],
    ['hold more than the file', [1024, 1024]],
    ['are zero beside enormous ones', [0, 2n ** 62n]],
  ])('are an error, at once, where sizes %s', async (_, dimensions) => {
    const path = writeModel(
      tinyGguf({}, { tensors: [...tinyTensors, { name: 'w', dimensions, type: 0, bytes: 0 }] }),
    );
    expect(await labError(read({ path, tensors: ['w'] }))).toMatchObject({ code: 'bad-file' });
  });
});
