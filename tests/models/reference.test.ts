/** The specs and name tables are right: a float64 pass over them gives the golden numbers, without any engine. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readGguf } from '../../electron/formats/gguf/read-gguf.ts';
import { resolveModel } from '../../models/families/index.ts';
import { forward64, type Float64Result } from '../helpers/float64-forward.ts';
import {
  bundledModel,
  goldenFolder,
  maximumDifference,
  readGoldenJson,
  readGoldenTensors,
  type GoldenTensor,
  type TinyExpectation,
} from '../helpers/golden.ts';
import { readTiny, tinyFolder } from '../helpers/variant-source.ts';

const tolerance = 1e-4;
const cases = readdirSync(join(goldenFolder, 'tiny'));
const ggufCases = ['llama', 'llama3-rope', 'qwen2', 'qwen3', 'mixtral', 'gemma3_text'];

const inputIds = (name: string) => readGoldenJson<TinyExpectation>('tiny', name, 'expected.json').input_ids;
const expectedOf = (name: string) => readGoldenTensors(join(tinyFolder(name), 'expected.safetensors'));

/** Compares all that both have; returns how many that were. */
function compare(result: Float64Result, expected: ReadonlyMap<string, GoldenTensor>): number {
  let compared = 0;
  for (const [name, { data, shape }] of result) {
    const golden = expected.get(name);
    if (!golden) continue;
    compared++;
    expect(shape, name).toEqual(golden.shape);
    if (data instanceof Int32Array) expect(data, name).toEqual(golden.integers());
    else expect(maximumDifference(data, golden.floats()), name).toBeLessThan(tolerance);
  }
  return compared;
}

describe('a float64 pass over the resolved spec', () => {
  it.each(cases)('gives the golden logits, hidden states and router choices of %s', async (name) => {
    const source = await readTiny(name);
    const model = resolveModel(source);
    const compared = compare(await forward64(source, model, inputIds(name)), await expectedOf(name));
    const routers = model.spec.layers.filter(
      (layer) => layer.kind === 'attention' && layer.feedForward.kind === 'experts',
    );
    const quantized = source.matrices.size > 0;
    const hidden = quantized ? 0 : model.spec.layers.length + 2;
    expect(compared).toBeGreaterThanOrEqual(1 + hidden + 3 * routers.length);
  });

  it.each(ggufCases)('gives the golden logits of the GGUF files of %s', async (name) => {
    const expected = await expectedOf(name);
    for (const type of ['f32', 'q8_0'] as const) {
      const source = await readGguf(join(tinyFolder(name), `model-${type}.gguf`));
      const result = await forward64(source, resolveModel(source), inputIds(name));
      const logits = expected.get(type === 'f32' ? 'logits' : 'q8_0.logits')!;
      expect(maximumDifference(result.get('logits')!.data, logits.floats())).toBeLessThan(tolerance);
    }
  });

  it('gives the golden top ten of the bundled model on the start of a prompt', async () => {
    const source = await readGguf(bundledModel);
    const { prompts } = readGoldenJson<{ prompts: { ids: number[]; top10: [number, number][][] }[] }>(
      'smollm2',
      'logits.json',
    );
    const { ids, top10 } = prompts[0]!;
    const start = ids.slice(0, 4);
    const result = await forward64(source, resolveModel(source), start);
    const { data, shape } = result.get('logits')!;
    start.forEach((_, position) => {
      for (const [id, logit] of top10[position]!) {
        expect(Math.abs(data[position * shape[1]! + id]! - logit)).toBeLessThan(2e-3);
      }
    });
  });
});

describe('the specs of one model in two formats', () => {
  it.each(ggufCases)('of %s differ only in what the formats store differently', async (name) => {
    const fromFolder = resolveModel(await readTiny(name));
    const fromGguf = resolveModel(await readGguf(join(tinyFolder(name), 'model-f32.gguf')));
    const differences = differ(fromFolder.spec, fromGguf.spec, '');
    const style = /^\.ropes\.0\.style: halves pairs$/;
    const offset = /weightOffset: 1 0$/;
    const factors = /^\.ropes\.0\.frequencies\.(inverse\.\d+|factorsWeight): /;
    const declared = {
      llama: [style],
      mixtral: [style],
      'llama3-rope': [style, factors],
      gemma3_text: [offset],
    }[name];
    const other = differences.filter((line) => !declared?.some((pattern) => pattern.test(line)));
    expect(other).toEqual([]);
    expect(differences.length > 0).toBe(declared !== undefined);
    const canonical = [...fromGguf.weights.keys()].filter((key) => key !== 'rope_factors.weight');
    expect(canonical.sort()).toEqual([...fromFolder.weights.keys()].sort());
  });
});

/** Paths of leaves that are not equal, with both values. */
function differ(a: unknown, b: unknown, path: string): string[] {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) {
    return Object.is(a, b) ? [] : [`${path}: ${String(a)} ${String(b)}`];
  }
  const [left, right] = [new Map(Object.entries(a)), new Map(Object.entries(b))];
  return [...new Set([...left.keys(), ...right.keys()])].flatMap((key) =>
    differ(left.get(key), right.get(key), `${path}.${key}`),
  );
}
