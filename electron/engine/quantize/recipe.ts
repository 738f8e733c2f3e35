/** Recipes of quantization as data: how each is called, what it does to which weights, what it comes to. */
import { LabError } from '../../contract/errors.ts';
import { blocksBytes, isMatrixName } from '../native/packed-size.ts';

/** Round-to-nearest: codes of so many bits, a float16 scale for each group of columns, and a zero point where it is not symmetric. */
export interface Recipe {
  /** In full, e.g. q8-g32: two recipes that are the same have the same name. */
  readonly name: string;
  readonly bits: 2 | 4 | 8;
  /** Columns of a row that share a scale. */
  readonly group: number;
  readonly zeroPoints: boolean;
}

const bitsOf = { q2: 2, q4: 4, q8: 8 } as const;
const groups = [16, 32, 64, 128, 256];
const usualGroup = 32;
const form = /^(q[248])(?:-g(\d{1,4}))?(-zp)?$/;

export const recipeGrammar =
  'q2, q4 or q8, then the columns that share a scale (-g16, -g32, -g64, -g128 or -g256; -g32 where none is named), then -zp for zero points: q8, q4-g32, q4-g128-zp';

/** Throws bad-request that says what is allowed. */
export function parseRecipe(text: string): Recipe {
  const [, width, size, points] = form.exec(text) ?? [];
  const group = size === undefined ? usualGroup : Number(size);
  if (width === undefined || !groups.includes(group)) {
    const message = `There is no recipe ${JSON.stringify(text.slice(0, 40))}. A recipe is ${recipeGrammar}.`;
    throw new LabError('bad-request', message, { field: 'recipe' });
  }
  const bits = bitsOf[width as keyof typeof bitsOf];
  return { name: `${width}-g${group}${points ?? ''}`, bits, group, zeroPoints: points !== undefined };
}

/** For a person. */
export function describeRecipe({ bits, group, zeroPoints }: Recipe): string {
  const codes = `codes of ${bits} bits, a float16 scale for each ${group} columns`;
  const centre = zeroPoints ? `, a zero point of ${bits} bits with it` : ', symmetric around zero';
  return `round to nearest: ${codes}${centre}; embeddings, head, routers and norms stay as they are`;
}

const linear = /\.(query|key|value|output|gate|up|down|in|out)\.weight$/;

/** Whether a canonical weight is quantized: the linear layers, experts among them. Embedding, head, routers and small projections are not. */
export const isQuantized = (name: string): boolean =>
  name.startsWith('layers.') && isMatrixName(name) && linear.test(name);

/** Bytes in a pack, padding included. */
export function recipeBytes({ bits, group, zeroPoints }: Recipe, rows: number, columns: number): number {
  return blocksBytes({ rows, columns, bits, block: group, hasPoints: zeroPoints });
}
