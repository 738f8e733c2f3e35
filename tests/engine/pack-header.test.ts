/** What a pack cannot hold is found before anything is packed. */
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { checkDescription } from '../../electron/engine/pack/pack-header.ts';
import { packModel } from '../../electron/engine/pack/pack-model.ts';
import { planPack } from '../../electron/engine/pack/plan.ts';
import { readModelSource } from '../../electron/formats/open-source.ts';
import { readPack } from '../../electron/formats/pack/read-pack.ts';
import { largestRecord } from '../../electron/formats/pack/schema.ts';
import { resolveModel } from '../../models/families/index.ts';
import { copyTinyModel, labError, makeFolder } from '../helpers/model-folder.ts';
import { tinyFolder } from '../helpers/native-engine.ts';
import { packInto, quiet } from '../helpers/packs.ts';

const name = 'model.retortpack';
const llama = tinyFolder('llama');

describe('before anything is packed', () => {
  /** The model with a tensor that no weight needs. */
  function withTensor(tensorName: string, shape: readonly number[]): string {
    const path = copyTinyModel('llama');
    const file = join(path, 'model.safetensors');
    const bytes = readFileSync(file);
    const start = 8 + Number(bytes.readBigUInt64LE(0));
    const header = JSON.parse(bytes.toString('utf8', 8, start)) as Record<string, object>;
    const end = bytes.length - start;
    header[tensorName] = { dtype: 'U8', shape, data_offsets: [end, end + 1] };
    const json = Buffer.from(JSON.stringify(header));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(json.length));
    writeFileSync(file, Buffer.concat([length, json, bytes.subarray(start), Buffer.of(1)]));
    return path;
  }

  test.each([
    ['a tensor of nine axes', 'extra', Array<number>(9).fill(1)],
    ['a tensor with a long name', 'x'.repeat(1025), [1]],
  ])('a model with %s, which no header of a pack holds, is refused', async (_, tensorName, shape) => {
    const folder = makeFolder();
    const phases: string[] = [];
    const request = { path: withTensor(tensorName, shape), out: join(folder, name), threads: 1 };
    const own = { ...quiet, onProgress: ({ phase }: { phase: string }) => void phases.push(phase) };
    const error = await labError(packModel(request, own));
    expect(error.code).toBe('unsupported-feature');
    expect(error.message).toContain('cannot be packed: ');
    expect(error.message).toContain('header.tensors');
    expect(phases).toEqual([]);
    expect(readdirSync(folder)).toEqual([]);
  });

  test('a model whose header would be too large with the places of its weights is refused', async () => {
    const source = await readModelSource(llama);
    const model = resolveModel(source);
    const plan = planPack(model);
    expect(() => checkDescription(source, model, plan)).not.toThrow();
    const many = [...plan, { kind: 'matrix' as const, names: ['m'], bytes: 2 ** 42 }];
    expect(() => checkDescription(source, model, many)).toThrow('its header would take about');
  });

  test('a model that needs a record larger than any is refused', async () => {
    const model = resolveModel(await readModelSource(tinyFolder('mixtral')));
    const grown = (weight: string, shape: readonly number[]) => {
      const ref = model.weights.get(weight)!;
      return { ...model, weights: new Map([...model.weights, [weight, { ...ref, shape }]]) };
    };
    const columns = largestRecord / 32;
    const query = 'layers.0.query.weight';
    expect(() => planPack(grown(query, [8000, columns]))).not.toThrow();
    expect(() => planPack(grown(query, [8, columns + 1]))).toThrow(query);
    const expert = 'layers.0.experts.1.gate.weight';
    expect(() => planPack(grown(expert, [80, columns / 10]))).toThrow(expert);
    const norm = 'final_norm.weight';
    expect(() => planPack(grown(norm, [largestRecord / 4 + 1]))).toThrow(norm);
  });
});

test("a model's name that a pack does not keep is shortened and cleaned in it", async () => {
  const folder = makeFolder();
  const path = join(folder, `two\nlines \u202e${'x'.repeat(230)}`);
  renameSync(copyTinyModel('llama'), path);
  const { out } = await packInto(folder, path);
  const { name: kept } = await readPack(out);
  expect(kept).toBe(`two lines  ${'x'.repeat(200 - 11)}`);
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
});
