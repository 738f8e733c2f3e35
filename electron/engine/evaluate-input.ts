/** Checks that every engine makes of an EvaluateInput before anything runs. */
import { LabError } from '../contract/errors.ts';
import type { ModelSpec } from '../../models/families/model-spec.ts';
import type { EvaluateInput } from './engine.ts';

export interface EvaluateLimits {
  readonly vocabularySize: number;
  /** Width of an embedding row. */
  readonly width: number;
  /** Positions held and positions there are. */
  readonly length: number;
  readonly context: number;
}

/** How many tokens the input holds. Throws bad-request for none, halves of rows or unknown ids, context-full where they do not fit. */
export function checkedCount(input: EvaluateInput, limits: EvaluateLimits): number {
  const { ids, embeddings } = input;
  const count = embeddings ? embeddings.length / limits.width : (ids?.length ?? 0);
  if ((ids === undefined) === (embeddings === undefined) || count === 0 || !Number.isInteger(count)) {
    throw new LabError('bad-request', 'Give token ids or whole embedding rows, at least one.');
  }
  const { vocabularySize, length, context } = limits;
  const bad = ids?.find((id) => id < 0 || id >= vocabularySize);
  if (bad !== undefined) {
    throw new LabError('bad-request', `There is no token ${bad}: the vocabulary has ${vocabularySize}.`);
  }
  if (length + count > context) {
    const used = `${length} of ${context} positions are used`;
    throw new LabError('context-full', `${count} tokens do not fit: ${used}.`);
  }
  return count;
}

/** Indices of the chosen rows among `count` new tokens, in the order asked for. Throws bad-request. */
export function chosenRows(rows: EvaluateInput['rows'], count: number): Int32Array {
  if (rows === 'all') return Int32Array.from({ length: count }, (_, i) => i);
  if (rows === 'last') return Int32Array.of(count - 1);
  if (rows === 'none') return new Int32Array(0);
  if (rows.some((row) => row < 0 || row >= count)) {
    throw new LabError('bad-request', 'A chosen row is not in the batch.');
  }
  return rows;
}

/** Axis-major positions of `count` new tokens: given, or from `length` on. Throws bad-request, and context-full for a position the model has no row for. */
export function checkedPositions(
  { positions: given }: EvaluateInput,
  count: number,
  length: number,
  { learnedPositions: learned }: ModelSpec['embedding'],
): Int32Array {
  const positions = given ?? Int32Array.from({ length: count }, (_, i) => length + i);
  if (positions.length !== count && positions.length !== 3 * count) {
    throw new LabError('bad-request', 'Positions must have one or three axes.');
  }
  const limit = learned ? learned.rows - learned.offset : Infinity;
  const bad = positions.find((position) => position < 0 || position >= limit);
  if (bad !== undefined)
    throw new LabError('context-full', `The model has no position ${bad}: it ends at ${limit - 1}.`);
  return positions;
}

/** Throws bad-request. */
export function checkedParents(parents: Int32Array, count: number): Int32Array {
  if (parents.length !== count || parents.some((parent, i) => parent < -1 || parent >= i)) {
    throw new LabError('bad-request', 'Each token needs one parent: an earlier token of the batch, or −1.');
  }
  return parents;
}
