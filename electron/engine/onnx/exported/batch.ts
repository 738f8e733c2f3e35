/** Checks what a caller asks an exported decoder to evaluate: everything it cannot do is refused before anything runs. */
import { LabError } from '../../../contract/errors.ts';
import type { EvaluateInput } from '../../engine.ts';
import { checkedCount, chosenRows } from '../../evaluate-input.ts';
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
  const { tokens, hiddenSize: width, vocabularySize } = inputs;
  const count = checkedCount(input, { ...session, width, vocabularySize });
  if (input.ids && tokens.kind !== 'ids') unsupported('takes embedding rows, not token ids');
  if (input.embeddings && tokens.kind !== 'embeddings') unsupported('takes token ids, not embedding rows');
  if (input.hidden) unsupported('returns no hidden states');
  if (input.parents?.some((parent, i) => parent !== i - 1)) unsupported('evaluates no trees');
  return {
    count,
    ids: input.ids ?? null,
    embeddings: input.embeddings ?? null,
    positions: positionsOf(inputs, input, session.length, count),
    rows: chosenRows(input.rows, count),
  };
}

function unsupported(what: string): never {
  throw new LabError('unsupported-feature', `This exported graph ${what}.`);
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
