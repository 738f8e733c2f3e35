/** How large a written folder will be at most: its weights, and its graph as readers of ONNX files count it. */
import type { Arithmetic } from '../../engine.ts';
import { maximumMessages } from '../../../formats/onnx/wire.ts';
import type { RoundedMatrix } from '../../packed-blocks.ts';
import { storageBits } from './linear.ts';
import type { ResolvedModel, WeightRef } from '../../../../models/families/model-spec.ts';

/** Nodes, attributes and constants around the matrices of a layer, routing included. */
const layerMessages = 96;
/** Of inputs, head and what stands once. */
const otherMessages = 600;
/** A weight that stays as it is: the tensor, where it lies, its node. */
const weightMessages = 12;
/** Names are most of it. */
const messageBytes = 64;

export interface GraphSize {
  /** Nodes, attributes, tensors and entries, which protobuf calls messages. */
  readonly messages: number;
  readonly bytes: number;
  /** More than Retort's own reader takes. */
  readonly isTooLarge: boolean;
}

/** `ofRounded`: messages of a weight that is rounded on the way; null: it stays as it is. */
export function graphSize(
  { spec, weights }: ResolvedModel,
  ofRounded: (name: string, ref: WeightRef) => number | null,
): GraphSize {
  let messages = otherMessages + layerMessages * spec.layers.length;
  for (const [name, ref] of weights) messages += ofRounded(name, ref) ?? weightMessages;
  return { messages, bytes: messages * messageBytes, isTooLarge: messages > maximumMessages };
}

/** Bytes of a rounded matrix in the weight file, alignment aside. */
export function roundedBytes(
  matrix: Pick<RoundedMatrix, 'rows' | 'columns' | 'bits' | 'block'> & { readonly hasPoints: boolean },
  arithmetic: Arithmetic,
): number {
  const { rows, columns, bits, block, hasPoints } = matrix;
  const blocks = Math.ceil(columns / block);
  const widths = partWidths(bits, arithmetic);
  const points = hasPoints ? widths.length : widths.length - 1;
  const codeBytes = widths.reduce((sum, width) => sum + (blocks * block * width) / 8, 0);
  const pointBytes = points * Math.ceil((blocks * widths[0]!) / 8);
  return rows * (codeBytes + widths.length * blocks * 4 + pointBytes);
}

/** Messages of it in the graph: nodes with their attributes, the activation's among them, and tensors with their places. */
export function roundedMessages(
  { bits, hasPoints }: Pick<RoundedMatrix, 'bits'> & { readonly hasPoints: boolean },
  arithmetic: Arithmetic,
): number {
  const [node, tensor, others] = [6, 4, 4];
  const { length } = partWidths(bits, arithmetic);
  return length * (node + 2 * tensor) + (hasPoints ? length : length - 1) * tensor + others;
}

/** Bits of the codes of each part that a rounded matrix is stored as. */
function partWidths(bits: number, arithmetic: Arithmetic): readonly number[] {
  const stored = storageBits(bits, arithmetic);
  return stored === 8 && arithmetic === 'reference' ? [4, 4] : [stored];
}
