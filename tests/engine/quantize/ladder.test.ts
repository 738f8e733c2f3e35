/** The bundled model by three recipes, against the golden ladder: perplexity and divergence of 4 windows of 512 tokens. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Engine } from '../../../electron/engine/engine.ts';
import { scoreRows } from '../../../electron/engine/native/sampler.ts';
import { packModel } from '../../../electron/engine/pack/pack-model.ts';
import { packVariant } from '../../../electron/engine/quantize/pack-variant.ts';
import { parseRecipe } from '../../../electron/engine/quantize/recipe.ts';
import { bundledModel, goldenFolder, readGoldenJson, readGoldenTensors } from '../../helpers/golden.ts';
import { makeFolder } from '../../helpers/model-folder.ts';
import { openModel, rowsOf } from '../../helpers/native-engine.ts';
import { quiet } from '../../helpers/packs.ts';

interface Ladder {
  readonly ladder: readonly { readonly scheme: string; readonly ppl: number; readonly mean_kl: number }[];
}

const schemes = [
  ['q8', 'MatMulNBits int8 block 32 symmetric, linears'],
  ['q4-g32', 'MatMulNBits int4 block 32 symmetric, linears'],
  ['q4-g128', 'MatMulNBits int4 block 128 symmetric, linears'],
] as const;
const windowTokens = 512;

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

async function variantEngine(folder: string, recipe: string): Promise<Engine> {
  const out = join(folder, `${recipe}.retortpack`);
  await packModel({ path: bundledModel, out, threads: 2 }, quiet, {
    variant: packVariant(parseRecipe(recipe)),
  });
  return openModel(out);
}

test('perplexity and KL of q8, q4-g32 and q4-g128 are within 1 % of the golden ladder', async () => {
  const tensors = await readGoldenTensors(join(goldenFolder, 'smollm2', 'tensors.safetensors'));
  const ids = tensors.get('ppl.token_ids')!.integers();
  const { ladder } = readGoldenJson<Ladder>('smollm2', 'ppl.json');
  const reference = await openModel(bundledModel);
  const width = reference.info.vocabularySize;
  const folder = makeFolder();
  const logitsOf = async (engine: Engine, window: Int32Array) => {
    const session = await engine.createSession({ context: windowTokens });
    const logits = await rowsOf(session, window);
    session.close();
    return logits.subarray(0, (window.length - 1) * width);
  };
  const measured = [];
  for (const [recipe, scheme] of schemes) {
    const engine = await variantEngine(folder, recipe);
    measured.push({ engine, scheme, losses: [] as number[], divergences: [] as number[] });
  }
  for (let start = 0; start < ids.length; start += windowTokens) {
    const window = ids.slice(start, start + windowTokens);
    const logits = [await logitsOf(reference, window)];
    for (const { engine } of measured) logits.push(await logitsOf(engine, window));
    for (const [index, scores] of scoreRows(logits, width, window.subarray(1), 2).slice(1).entries()) {
      measured[index]!.losses.push(...scores.negativeLogProbability);
      measured[index]!.divergences.push(...scores.divergence!);
    }
  }
  for (const { scheme, losses, divergences } of measured) {
    const golden = ladder.find((each) => each.scheme === scheme)!;
    expect(Math.abs(Math.exp(mean(losses)) / golden.ppl - 1), `${scheme}: perplexity`).toBeLessThan(0.01);
    expect(Math.abs(mean(divergences) / golden.mean_kl - 1), `${scheme}: KL`).toBeLessThan(0.01);
  }
}, 600_000);
