/** A variant as a folder that onnxruntime runs as it is, beside the pack of the same recipe. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { genaiConfig } from '../../../electron/engine/quantize/genai-config.ts';
import { quantizeModel } from '../../../electron/engine/quantize/quantize-model.ts';
import { WeightFile } from '../../../electron/engine/onnx/graph/weight-file.ts';
import { writeWeights } from '../../../electron/engine/onnx/graph/write-weights.ts';
import { isQuantized, parseRecipe } from '../../../electron/engine/quantize/recipe.ts';
import { roundWeight } from '../../../electron/engine/quantize/round-matrix.ts';
import { readModelSource } from '../../../electron/formats/open-source.ts';
import { resolveModel } from '../../../models/families/index.ts';
import type { WeightRef } from '../../../models/families/model-spec.ts';
import { bundledModel, maximumDifference } from '../../helpers/golden.ts';
import { copyTinyModel, labError, makeFolder } from '../../helpers/model-folder.ts';
import { gguf, tinyGguf } from '../../helpers/gguf-writer.ts';
import { seededRandom } from '../../helpers/seeded-random.ts';
import { expectedOf, greedy, rowsOf, tinyFolder } from '../../helpers/native-engine.ts';
import { quiet } from '../../helpers/packs.ts';
import { openBoth, openFolder, outOf, request } from '../../helpers/variants.ts';

/** Tied and not, learned positions, scaled rows, norms of heads, windows, biases, packed and GGUF sources, groups that end inside a row, mixtures. */
const cases = [
  ['llama', 'q8'],
  ['llama', 'q4-g32-zp'],
  ['llama', 'q8-g256-zp'],
  ['llama/model-q8_0.gguf', 'q4-g128'],
  ['llama3-rope/model-f32.gguf', 'q4-g16'],
  ['gpt2', 'q4-g64'],
  ['opt', 'q4-g32'],
  ['qwen3', 'q2-g32-zp'],
  ['gemma2', 'q4-g256-zp'],
  ['gemma3_text', 'q8-g64'],
  ['mistral', 'q2-g16'],
  ['phi3', 'q4-g32'],
  ['llama-gptq', 'q4-g32'],
  ['mixtral', 'q8'],
  ['mixtral/model-q8_0.gguf', 'q2-g32-zp'],
  ['olmoe', 'q4-g64'],
  ['qwen3_moe', 'q4-g16-zp'],
] as const;

describe('the folder of', () => {
  test.each(cases)('%s by %s answers as the pack does', async (model, recipe) => {
    const outcome = await quantizeModel(request(tinyFolder(model), recipe), quiet);
    const { input_ids: ids } = expectedOf(model.split('/')[0]!);
    const { pack, folder } = await openBoth(outcome);
    const expected = await rowsOf(pack, Int32Array.from(ids));
    const logits = await rowsOf(folder, Int32Array.from(ids));
    expect(maximumDifference(logits, expected)).toBeLessThan(1e-4);
    pack.truncate(0);
    folder.truncate(0);
    // Token by token, with keys and values of what came before.
    expect(await greedy(folder, ids, 24)).toEqual(await greedy(pack, ids, 24));
  });

  test.each([
    ['llama', 'q8', 0.2],
    ['llama', 'q4-g32', 0.2],
    ['llama', 'q2-g32', 0.2],
    // A row may go to another expert.
    ['mixtral', 'q8', 0.4],
  ])('%s by %s in fast arithmetic rounds activations too', async (model, recipe, most) => {
    const fast = request(tinyFolder(model), recipe, { arithmetic: 'fast' });
    const outcome = await quantizeModel(fast, quiet);
    const { input_ids: ids } = expectedOf(model);
    const { pack, folder } = await openBoth(outcome);
    const expected = await rowsOf(pack, Int32Array.from(ids));
    const logits = await rowsOf(folder, Int32Array.from(ids));
    const error = Math.sqrt(
      logits.reduce((sum, value, i) => sum + (value - expected[i]!) ** 2, 0) / logits.length,
    );
    expect(error).toBeGreaterThan(1e-4);
    expect(error).toBeLessThan(most);
  });

  test('a model says what both need, and no more than was predicted', async () => {
    const asked = request(tinyFolder('llama'), 'q4-g32');
    const predicted = await quantizeModel({ ...asked, isEstimate: true }, quiet);
    expect(readdirSync(asked.out)).toEqual([]);
    const outcome = await quantizeModel(asked, quiet);
    expect(outcome.variants.map(({ out }) => basename(out))).toEqual([
      'llama-q4-g32.retortpack',
      'llama-q4-g32',
    ]);
    outcome.variants.forEach(({ bytes, out }, index) => {
      expect(bytes).toBeLessThanOrEqual(predicted.variants[index]!.bytes);
      expect(out).toBe(predicted.variants[index]!.out);
    });
    expect(outcome).toMatchObject({ recipe: 'q4-g32', bitsPerWeight: 4.5, requantized: [] });
    expect(outcome.description).toBe(predicted.description);
    expect(readdirSync(asked.out).sort()).toEqual(['llama-q4-g32', 'llama-q4-g32.retortpack']);
    const source = await readModelSource(outOf(outcome, 'onnx'));
    expect(source).toMatchObject({ format: 'genai', architecture: 'llama' });
    expect(source.special).toEqual((await readModelSource(tinyFolder('llama'))).special);
  });

  test.each([
    ['qwen3', 'qwen3'],
    ['mixtral', 'decoder'],
  ])('%s is called %s, which onnxruntime-genai runs', async (model, type) => {
    const source = await readModelSource(tinyFolder(model));
    expect(genaiConfig(source, resolveModel(source).spec)).toMatchObject({ model: { type } });
  });

  test('a source that is quantized already says of which types its codes were', async () => {
    const path = tinyFolder('llama/model-q8_0.gguf');
    const outcome = await quantizeModel(
      request(path, 'q4-g32', { formats: ['pack'], isEstimate: true }),
      quiet,
    );
    expect(outcome.requantized).toEqual(['Q8_0']);
  });
});

describe('stopped', () => {
  const stoppedAt = (phase: string) => {
    const controller = new AbortController();
    const onProgress = (progress: { phase: string; done: number }) => {
      if (progress.phase === phase && progress.done > 0) controller.abort();
    };
    return { signal: controller.signal, onProgress };
  };

  test('while the folder grows, it leaves the pack and nothing of the folder; the same call goes on', async () => {
    const asked = request(tinyFolder('llama'), 'q4-g32');
    const error = await labError(quantizeModel(asked, stoppedAt('write the ONNX folder')));
    expect(error.code).toBe('cancelled');
    expect(error.message).toMatch(/Nothing is left of the folder llama-q4-g32; the same command/);
    expect(readdirSync(asked.out)).toEqual(['llama-q4-g32.retortpack']);
    const before = readFileSync(join(asked.out, 'llama-q4-g32.retortpack'));
    const [pack, folder] = (await quantizeModel(asked, quiet)).variants;
    expect(pack!.resumedBytes).toBe(before.length);
    expect(existsSync(join(folder!.out, 'model.onnx'))).toBe(true);
  });

  test('while the pack grows, it leaves an unfinished one that the same call goes on with', async () => {
    const asked = request(tinyFolder('llama'), 'q4-g32');
    expect((await labError(quantizeModel(asked, stoppedAt('pack')))).code).toBe('cancelled');
    expect(readdirSync(asked.out).every((name) => name.startsWith('.partial-'))).toBe(true);
    await quantizeModel(asked, quiet);
    expect(readdirSync(asked.out).sort()).toEqual(['llama-q4-g32', 'llama-q4-g32.retortpack']);
  });

  test('by a kill, what is left of the folder is no folder of that name, and makes room for the next', async () => {
    const asked = request(tinyFolder('llama'), 'q4-g32', { formats: ['onnx'] });
    const partial = join(asked.out, '.partial-llama-q4-g32');
    mkdirSync(partial);
    writeFileSync(join(partial, 'model.onnx.data'), 'torn');
    const outcome = await quantizeModel(asked, quiet);
    expect(readdirSync(asked.out)).toEqual(['llama-q4-g32']);
    expect((await openFolder(outOf(outcome, 'onnx'))).info.engine).toBe('onnx');
  });
});

describe('a folder that is there already', () => {
  const asked = () => request(tinyFolder('llama'), 'q4-g32', { formats: ['onnx'] });

  test('and was made by the same call is taken as it is', async () => {
    const first = asked();
    const [made] = (await quantizeModel(first, quiet)).variants;
    const [again] = (await quantizeModel(first, quiet)).variants;
    expect(again).toEqual({ ...made, resumedBytes: made!.bytes });
  });

  test.each([
    [
      'in another arithmetic',
      (name: string) => ({ path: tinyFolder('llama'), arithmetic: 'fast' as const, name }),
    ],
    ['of another model', (name: string) => ({ path: copyTinyModel('qwen2'), name })],
  ])('and was made %s is refused', async (_, more) => {
    const first = asked();
    await quantizeModel(first, quiet);
    const error = await labError(quantizeModel({ ...first, ...more('llama') }, quiet));
    expect(error).toMatchObject({ code: 'bad-request' });
    expect(error.message).toMatch(/llama-q4-g32 is there already: remove it/);
  });

  test('and says nothing of where it is from is refused', async () => {
    const first = asked();
    const [made] = (await quantizeModel(first, quiet)).variants;
    writeFileSync(join(made!.out, 'retort.json'), '{"version":1,"recipe":"q4-g32"}');
    expect(await labError(quantizeModel(first, quiet))).toMatchObject({ code: 'bad-request' });
  });
});

test('a model that changes while its folder is written is refused, and nothing is left', async () => {
  const path = copyTinyModel('llama');
  const asked = request(path, 'q4-g32', { formats: ['onnx'] });
  const weights = join(path, 'model.safetensors');
  const onProgress = ({ done }: { done: number }) => {
    if (done === 0) return;
    const bytes = readFileSync(weights);
    bytes[bytes.length - 1]! ^= 1;
    writeFileSync(weights, bytes);
  };
  const error = await labError(quantizeModel(asked, { ...quiet, onProgress }));
  expect(error).toMatchObject({ code: 'bad-file' });
  expect(error.message).toMatch(/changed while it was quantized: quantize it again/);
  expect(readdirSync(asked.out)).toEqual([]);
});

test('a matrix is on disk before the next one is read', async () => {
  const source = await readModelSource(tinyFolder('llama'));
  const file = await WeightFile.create(join(makeFolder(), 'weights'));
  const recipe = parseRecipe('q4-g32');
  let [due, matrices] = [0, 0];
  const rounded = async (name: string, ref: WeightRef) => {
    expect(file.bytes).toBeGreaterThanOrEqual(due);
    if (!isQuantized(name)) return null;
    const matrix = await roundWeight(source, name, ref, recipe);
    // Two codes to a byte.
    due = file.bytes + matrix.codes.length / 2;
    matrices += 1;
    return matrix;
  };
  await writeWeights(source, resolveModel(source), file, 'reference', {}, { rounded });
  await file.finish();
  expect(matrices).toBe(3 * 7);
});

test('a pack of another model that bears the name is not taken for the variant', async () => {
  const asked = request(copyTinyModel('qwen2'), 'q4-g32', { name: 'model', formats: ['pack'] });
  await quantizeModel(asked, quiet);
  const other = { ...asked, path: tinyFolder('llama') };
  expect((await labError(quantizeModel(other, quiet))).message).toMatch(/is there already/);
});

/** A layer of random weights over a table of 2-bit codes, of which the head is made too. */
function narrowTable(): Buffer {
  const random = seededRandom(1);
  const floats = (name: string, ...dimensions: number[]) => {
    const size = dimensions.reduce((product, each) => product * each, 1);
    const values = Float32Array.from({ length: size }, () => (dimensions.length === 1 ? 1 : random() / 8 - 1 / 16));
    return { name, dimensions, type: 0, data: new Uint8Array(values.buffer) };
  };
  const table = Uint8Array.from({ length: 8 * 84 }, () => Math.floor(random() * 256));
  // The scales at the end of each block of 256: 0.0078 as float16.
  for (let row = 0; row < 8; row++) table.set([0, 0x20, 0, 0x20], row * 84 + 80);
  const layer = ['attn_q', 'attn_output', 'ffn_gate', 'ffn_up', 'ffn_down'];
  const changes = {
    'llama.embedding_length': gguf.u32(256),
    'llama.feed_forward_length': gguf.u32(256),
    'tokenizer.ggml.pre': gguf.string('gpt-2'),
  };
  return tinyGguf(changes, {
    tensors: [
      { name: 'token_embd.weight', dimensions: [256, 8], type: 10, data: table },
      ...layer.map((name) => floats(`blk.0.${name}.weight`, 256, 256)),
      ...['attn_k', 'attn_v'].map((name) => floats(`blk.0.${name}.weight`, 256, 128)),
      ...['attn_norm', 'ffn_norm'].map((name) => floats(`blk.0.${name}.weight`, 256)),
      floats('output_norm.weight', 256),
    ],
  });
} // prettier-ignore

test.each(['reference', 'fast'] as const)('token rows of 2-bit codes are looked up in %s arithmetic', async (arithmetic) => {
  const path = join(makeFolder({ 'narrow.gguf': narrowTable() }), 'narrow.gguf');
  const outcome = await quantizeModel(request(path, 'q8', { arithmetic }), quiet);
  const { pack, folder } = await openBoth(outcome);
  const ids = Int32Array.of(0, 2, 3, 4, 5, 6, 7);
  const expected = await rowsOf(pack, ids);
  const limit = { reference: 1e-4, fast: 0.2 }[arithmetic];
  expect(maximumDifference(await rowsOf(folder, ids), expected)).toBeLessThan(limit);
  expect(Math.max(...expected.map(Math.abs))).toBeGreaterThan(10 * limit);
}); // prettier-ignore

test('the bundled model as a folder follows its pack', async () => {
  const outcome = await quantizeModel(request(bundledModel, 'q4-g32'), quiet);
  expect(outcome.requantized).toEqual(['Q4_1']);
  const ids = [504, 3575, 282, 4649, 314];
  const { pack, folder } = await openBoth(outcome);
  const expected = await rowsOf(pack, Int32Array.from(ids));
  expect(maximumDifference(await rowsOf(folder, Int32Array.from(ids)), expected)).toBeLessThan(2e-3);
  pack.truncate(0);
  folder.truncate(0);
  expect(await greedy(folder, ids, 16)).toEqual(await greedy(pack, ids, 16));
}, 120_000);
