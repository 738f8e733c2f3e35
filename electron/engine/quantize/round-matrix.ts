/** One weight rounded to codes by a recipe. */
import { setImmediate } from 'node:timers/promises';
import type { ModelSource } from '../../contract/model-source.ts';
import { readWeight } from '../../formats/read-weight.ts';
import type { WeightRef } from '../../../models/families/model-spec.ts';
import { roundRows } from '../native/round-rows.ts';
import type { RoundedMatrix } from '../packed-blocks.ts';
import type { Recipe } from './recipe.ts';

/** Rounded at a time, so that a cancellation is heard. */
const stripElements = 4_194_304;

/** Reads the weight as float32 and rounds it. Throws what reading throws, and invalid-numbers that names the weight. */
export async function roundWeight(
  source: ModelSource,
  name: string,
  ref: WeightRef,
  recipe: Recipe,
): Promise<RoundedMatrix> {
  const [rows = 1, columns = 1] = ref.shape;
  const { bits, group: block, zeroPoints: hasPoints } = recipe;
  const values = await readWeight(source, ref);
  const blocks = Math.ceil(columns / block);
  const codes = new Uint8Array(values.length);
  const scales = new Float32Array(rows * blocks);
  const zeroPoints = hasPoints ? new Uint8Array(rows * blocks) : null;
  const strip = Math.max(1, Math.floor(stripElements / columns));
  for (let row = 0; row < rows; row += strip) {
    const own = values.subarray(row * columns, (row + strip) * columns);
    const rounded = named(name, () => roundRows(own, columns, { bits, block, hasPoints }));
    codes.set(rounded.codes, row * columns);
    scales.set(rounded.scales, row * blocks);
    if (rounded.zeroPoints) zeroPoints?.set(rounded.zeroPoints, row * blocks);
    await setImmediate();
  }
  return { rows, columns, bits, block, codes, scales, zeroPoints };
}

function named<T>(name: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    if (error instanceof Error) error.message = `${name}: ${error.message}`;
    throw error;
  }
}
