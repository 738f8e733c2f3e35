/** A pack whose linear layers were rounded by a recipe. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { estimateMemory } from '../../../electron/engine/native/memory-estimate.ts';
import { heldWeights } from '../../../electron/engine/native/packed-size.ts';
import { matrixSource, roundedSource } from '../../../electron/engine/native/matrix-source.ts';
import { MatrixPacker } from '../../../electron/engine/native/packer.ts';
import { inspect } from '../../../electron/engine/handlers/inspect.ts';
import { packOf } from '../../../electron/engine/pack/check-weights.ts';
import { packModel, predictedBytes } from '../../../electron/engine/pack/pack-model.ts';
import { planPack } from '../../../electron/engine/pack/plan.ts';
import { packVariant } from '../../../electron/engine/quantize/pack-variant.ts';
import { isQuantized, parseRecipe, recipeBytes } from '../../../electron/engine/quantize/recipe.ts';
import { roundWeight } from '../../../electron/engine/quantize/round-matrix.ts';
import { modelIdentity, weightsIdentity } from '../../../electron/formats/identity.ts';
import { readModelSource } from '../../../electron/formats/open-source.ts';
import { groupBytes, groupCount } from '../../../electron/formats/pack/layout.ts';
import { resolveModel } from '../../../models/families/index.ts';
import { copyTinyModel, labError, makeFolder } from '../../helpers/model-folder.ts';
import { expectedOf, openModel, rowsOf, tinyFolder } from '../../helpers/native-engine.ts';
import { matrixBytes, packInto, quiet } from '../../helpers/packs.ts';

async function variantOf(model: string, recipe: string, folder = makeFolder()) {
  const request = { path: tinyFolder(model), out: join(folder, 'variant.retortpack'), threads: 2 };
  return packModel(request, quiet, { variant: packVariant(parseRecipe(recipe)) });
}

// Hidden 64, inner 128: a group of 256 columns is a whole row, and 16 fits everywhere.
const cases = [
  ['llama', 'q8'],
  ['qwen2', 'q4-g32'],
  ['llama-gptq-actorder', 'q4-g64-zp'],
  ['gpt2', 'q4-g16'],
  ['mixtral', 'q8-g256-zp'],
  ['mamba2', 'q2-g32'],
] as const;

describe('a variant of', () => {
  test.each(cases)(
    '%s by %s holds rounded linear layers, and all else as it was',
    async (name, recipeName) => {
      const recipe = parseRecipe(recipeName);
      const original = await readModelSource(tinyFolder(name));
      const model = resolveModel(original);
      const { out, bytes } = await variantOf(name, recipeName);
      const whole = readFileSync(out);
      const source = await readModelSource(out);
      const pack = packOf(source, resolveModel(source));
      const packer = new MatrixPacker(2);
      onTestFinished(() => packer.close());
      const held = heldWeights(model, pack);
      let quantized = 0;
      for (const [weight, placed] of pack.matrices) {
        const ref = model.weights.get(weight)!;
        const rounded = isQuantized(weight);
        const matrix = rounded
          ? { matrix: roundedSource(await roundWeight(original, weight, ref, recipe)), columnOrder: null }
          : await matrixSource(original, ref);
        const expected = await packer.hold(weight, matrix);
        const { groups, groupBytes: bytesEach } = expected.layout;
        const stored = matrixBytes(whole, pack, placed, bytesEach);
        expect(stored.equals(packer.groups(expected, 0, groups)), weight).toBe(true);
        packer.release(expected);
        expect(held.find((each) => each.name === weight)!.bytes).toBe(groups * bytesEach);
        if (!rounded) continue;
        expect(groups * bytesEach, weight).toBe(recipeBytes(recipe, placed.rows, placed.columns));
        quantized += 1;
      }
      expect(quantized).toBe([...model.weights.keys()].filter(isQuantized).length);
      expect(quantized).toBeGreaterThan(0);
      expect(bytes).toBeLessThanOrEqual(
        predictedBytes(original, planPack(model, packVariant(recipe).bytesOf)),
      );
    },
  );

  test('a model is no longer that model: it has a name and an identity of its own', async () => {
    const original = await readModelSource(tinyFolder('llama'));
    const plain = await readModelSource((await packInto(makeFolder(), original.path)).out);
    const { out } = await variantOf('llama', 'q4-g32');
    const source = await readModelSource(out);
    expect(source.pack!.origin).toMatchObject({ identity: await modelIdentity(original), recipe: 'q4-g32' });
    expect(source.name).toBe(`${original.name} q4-g32`);
    expect(plain.pack!.origin).not.toHaveProperty('recipe');
    // A session that the model saved would go on with other keys and values.
    expect(await weightsIdentity(plain)).toBe(await weightsIdentity(original));
    expect(await weightsIdentity(source)).toBe(await modelIdentity(source));
    const summary = await inspect(out);
    expect(summary.packOf).toMatchObject({ name: original.name, recipe: 'q4-g32' });
    expect(Object.keys(summary.types).sort()).toEqual(['f32', 'f32×8', 'nbits4×8']);
  });

  test.each([
    ['q2-g32', 2.5, 'nbits2×8'],
    ['q2-g64-zp', 2.375, 'nbits2×8'],
    ['q4-g32', 4.5, 'nbits4×8'],
    ['q8', 8.5, 'blocks8×8'],
  ])('a model by %s has linear layers of %d bits per weight', async (recipe, bits, name) => {
    const { pack } = await readModelSource((await variantOf('llama', recipe)).out);
    for (const [weight, { rows, columns, layout }] of pack!.matrices) {
      if (!isQuantized(weight)) continue;
      expect(layout.name, weight).toBe(name);
      const bytes = groupCount(rows) * groupBytes(layout, columns);
      expect((8 * bytes) / (rows * columns), weight).toBe(bits);
    }
  });

  test('a model takes the memory that its pack says, not that of the model', async () => {
    const source = await readModelSource((await variantOf('llama', 'q4-g32')).out);
    const model = resolveModel(source);
    const options = { context: 32, kvCodec: 'f32', threads: 1, vocabularyTokens: 320 } as const;
    const own = estimateMemory(model, { ...options, pack: source.pack }).weightsBytes;
    const { records } = source.pack!;
    const stored = records.bytes.reduce((sum, bytes) => sum + bytes, 0);
    // Vectors lie 64 bytes apart.
    expect(own).toBeGreaterThan(0.95 * stored);
    expect(own).toBeLessThanOrEqual(stored);
    expect(own).toBeLessThan(estimateMemory(model, options).weightsBytes);
  });

  test.each([
    ['q8', 0.1],
    ['q4-g32', 1],
    ['q4-g32-zp', 1],
    ['q2-g16', 4],
  ])('a model by %s answers as the model does, to its precision', async (recipe, tolerance) => {
    const { input_ids: ids } = expectedOf('llama');
    const logitsOf = async (path: string) => {
      const session = await (await openModel(path)).createSession({ context: ids.length });
      return rowsOf(session, Int32Array.from(ids));
    };
    const before = await logitsOf(tinyFolder('llama'));
    const after = await logitsOf((await variantOf('llama', recipe)).out);
    const error = Math.sqrt(
      after.reduce((sum, value, i) => sum + (value - before[i]!) ** 2, 0) / after.length,
    );
    expect(error).toBeGreaterThan(0);
    expect(error).toBeLessThan(tolerance);
  });
});

test('what one recipe left unfinished, another does not go on with', async () => {
  const folder = makeFolder();
  const controller = new AbortController();
  const onProgress = ({ done }: { done: number }) => void (done > 60_000 && controller.abort());
  const request = { path: tinyFolder('llama'), out: join(folder, 'variant.retortpack'), threads: 2 };
  const hooks = { signal: controller.signal, onProgress };
  const error = await labError(packModel(request, hooks, { variant: packVariant(parseRecipe('q4-g32')) }));
  expect(error.code).toBe('cancelled');
  expect(readdirSync(folder)).not.toContain('variant.retortpack');
  const { out, resumedBytes } = await variantOf('llama', 'q4-g32-zp', folder);
  expect(resumedBytes).toBe(0);
  expect(readFileSync(out).equals(readFileSync((await variantOf('llama', 'q4-g32-zp')).out))).toBe(true);
});

test('the same recipe goes on with it', async () => {
  const folder = makeFolder();
  const controller = new AbortController();
  const onProgress = ({ done }: { done: number }) => void (done > 60_000 && controller.abort());
  const request = { path: tinyFolder('llama'), out: join(folder, 'variant.retortpack'), threads: 2 };
  const hooks = { signal: controller.signal, onProgress };
  await labError(packModel(request, hooks, { variant: packVariant(parseRecipe('q4-g32')) }));
  const { out, resumedBytes } = await variantOf('llama', 'q4-g32', folder);
  expect(resumedBytes).toBeGreaterThan(0);
  expect(readFileSync(out).equals(readFileSync((await variantOf('llama', 'q4-g32')).out))).toBe(true);
});

test('a weight that is no number is named', async () => {
  const folder = copyTinyModel('llama');
  const { tensors } = await readModelSource(folder);
  const { offset } = tensors.get('model.layers.1.mlp.up_proj.weight')!;
  const file = join(folder, 'model.safetensors');
  const bytes = readFileSync(file);
  bytes.writeFloatLE(NaN, offset + 400);
  writeFileSync(file, bytes);
  const request = { path: folder, out: join(makeFolder(), 'variant.retortpack'), threads: 1 };
  const error = await labError(packModel(request, quiet, { variant: packVariant(parseRecipe('q8')) }));
  expect(error).toMatchObject({ code: 'invalid-numbers' });
  expect(error.message).toContain('layers.1.up.weight');
});
