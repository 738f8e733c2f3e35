/** Checks what a caller asks an exported decoder to evaluate: everything it cannot do is refused before anything runs. */
import { LabError } from '../../../contract/errors.ts';
import type { EvaluateInput } from '../../engine.ts';
import type { DecoderInputs } from './decoder-inputs.ts';

export interface Batch {
  readonly count: number;
  readonly ids: Int32Array | null;
  readonly embeddings: Float32Array | null;
  /** Axis-major, as many axes as the graph takes. */
  readonly positions: Int32Array;
  /** Chosen rows of the batch. */
  readonly rows: Int32Array;
}

/** `session` tells what is held and what fits. Throws bad-request, context-full or unsupported-feature. */
export function checkInput(
  inputs: DecoderInputs,
  input: EvaluateInput,
  session: { readonly length: number; readonly context: number },
): Batch {
  const count = countOf(inputs, input);
  if (session.length + count > session.context) {
    const used = `${session.length} of ${session.context} positions are used`;
    throw new LabError('context-full', `${count} tokens do not fit: ${used}.`);
  }
  if (input.hidden) unsupported('returns no hidden states');
  if (input.parents?.some((parent, i) => parent !== i - 1)) unsupported('evaluates no trees');
  return {
    count,
    ids: input.ids ?? null,
    embeddings: input.embeddings ?? null,
    positions: positionsOf(inputs, input, session.length, count),
    rows: rowsOf(input.rows, count),
  };
}

function unsupported(what: string): never {
  throw new LabError('unsupported-feature', `This exported graph ${what}.`);
}

function countOf({ tokens, hiddenSize, vocabularySize }: DecoderInputs, input: EvaluateInput): number {
  const { ids, embeddings } = input;
  const count = embeddings ? embeddings.length / hiddenSize : (ids?.length ?? 0);
  if ((ids === undefined) === (embeddings === undefined) || count === 0 || !Number.isInteger(count)) {
    throw new LabError('bad-request', 'Give token ids or whole embedding rows, at least one.');
  }
  if (ids && tokens.kind !== 'ids') unsupported('takes embedding rows, not token ids');
  if (embeddings && tokens.kind !== 'embeddings') unsupported('takes token ids, not embedding rows');
  const bad = ids?.find((id) => id < 0 || id >= vocabularySize);
  if (bad !== undefined) {
    throw new LabError('bad-request', `There is no token ${bad}: the vocabulary has ${vocabularySize}.`);
  }
  return count;
}

function positionsOf(
  { positions, past }: DecoderInputs,
  input: EvaluateInput,
  length: number,
  count: number,
): Int32Array {
  const axes = positions?.axes ?? 1;
  const given = input.positions;
  if (!given) return Int32Array.from({ length: axes * count }, (_, i) => length + (i % count));
  if (given.length !== count && given.length !== 3 * count) {
    throw new LabError('bad-request', 'Positions must have one or three axes.');
  }
  const isDefault = given.every((position, i) => position === length + (i % count));
  // Without a cache the positions of earlier calls would have to be kept and given again.
  if (!isDefault && (!positions || past.length === 0)) unsupported('counts positions itself');
  if (given.length === axes * count) return given;
  if (given.length > count && !isDefault) unsupported('has one axis of positions');
  return Int32Array.from({ length: axes * count }, (_, i) => given[i % count]!);
}

function rowsOf(rows: EvaluateInput['rows'], count: number): Int32Array {
  if (rows === 'all') return Int32Array.from({ length: count }, (_, i) => i);
  if (rows === 'last') return Int32Array.of(count - 1);
  if (rows === 'none') return new Int32Array(0);
  if (rows.some((row) => row < 0 || row >= count)) {
    throw new LabError('bad-request', 'A chosen row is not in the batch.');
  }
  return rows;
}
