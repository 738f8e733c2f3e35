/**
 * The inputs of a graph that stands alone: token ids and a mask as exporters name them, from which nodes make what a decoder graph is fed with otherwise:
 * embedding rows, lengths, positions. Rope tables lie in the weight file. One sequence at a time.
 */
import { DataType } from '../../../formats/onnx/protobuf.ts';
import type { ModelSpec } from '../../../../models/families/model-spec.ts';
import type { GraphWriter } from './graph-writer.ts';
import type { LinearEmitter } from './linear.ts';
import type { WrittenWeights } from './write-weights.ts';

const { INT32, INT64 } = DataType;

/** Makes the values `embeddings`, `last_index`, `total_length` and, where positions are learned, `positions`. */
export function emitExportedInputs(
  graph: GraphWriter,
  linear: LinearEmitter,
  { embedding }: ModelSpec,
  weights: WrittenWeights,
): void {
  graph.input('input_ids', INT64, [1, 'S']);
  graph.input('attention_mask', INT64, [1, 'T']);
  const ids = graph.node('Reshape', ['input_ids', graph.integers([-1])]);
  const table = weights.linears.get('embedding.weight');
  if (!table) throw new Error('no matrix embedding.weight');
  const rows = linear.rows(ids, table);
  if (embedding.scale === 1) graph.node('Identity', [rows], {}, 'embeddings');
  else graph.node('Mul', [rows, graph.scalar(embedding.scale)], {}, 'embeddings');
  const total = graph.node('Shape', ['attention_mask'], { start: 1, end: 2 });
  graph.node('Cast', [total], { to: INT32 }, 'total_length');
  const seen = graph.node('ReduceSum', ['attention_mask', graph.integers([1])], { keepdims: 0 });
  const last = graph.node('Sub', [seen, graph.integers([1])]);
  graph.node('Cast', [last], { to: INT32 }, 'last_index');
  if (!embedding.learnedPositions) return;
  const length = graph.node('Shape', ['input_ids'], { start: 1, end: 2 });
  const first = graph.node('Sub', [total, length]);
  const scalar = (value: string) => graph.node('Squeeze', [value]);
  const [from, to, step] = [scalar(first), scalar(total), scalar(graph.integers([1]))];
  graph.node('Range', [from, to, step], {}, 'positions');
}
