/** A variant of a model as a pack: its linear layers rounded by a recipe, all else as it lies. */
import { matrixSource, roundedSource } from '../native/matrix-source.ts';
import { packedBytes } from '../native/packed-size.ts';
import type { PackVariant } from '../pack/pack-model.ts';
import { isQuantized, recipeBytes, type Recipe } from './recipe.ts';
import { roundWeight } from './round-matrix.ts';

export function packVariant(recipe: Recipe): PackVariant {
  return {
    recipe: recipe.name,
    bytesOf: (name, ref) =>
      isQuantized(name) ? recipeBytes(recipe, ref.shape[0]!, ref.shape[1]!) : packedBytes(ref),
    matrixOf: async (source, name, ref) =>
      isQuantized(name)
        ? { matrix: roundedSource(await roundWeight(source, name, ref, recipe)), columnOrder: null }
        : matrixSource(source, ref),
  };
}
