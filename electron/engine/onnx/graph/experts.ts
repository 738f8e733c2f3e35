/**
 * Mixtures of experts as operators. Fused: onnxruntime's MoE, which takes float32 weights alone. Routed, where experts are matrices of codes: rows are sorted by the expert that each
 * goes to, every expert multiplies its own, of which there may be none, and what comes out is sorted back. QMoE, which takes codes, needs 40 ms for a row with 4 bits in
 * onnxruntime 1.30 where this takes 7 (8 of 64 experts of 512 × 1024, two cores), and versions differ in whether it rounds activations.
 */
import type { FeedForwardSpec } from '../../../../models/families/model-spec.ts';
import { DataType } from '../../../formats/onnx/protobuf.ts';
import type { GraphWriter } from './graph-writer.ts';

type Experts = Extract<FeedForwardSpec, { kind: 'experts' }>;

interface ExpertsInput {
  /** [S, width]. */
  readonly input: string;
  /** Of the router, [S, count]. */
  readonly logits: string;
}

export interface FusedInput extends ExpertsInput {
  /** [count, 2·size, width], rows of gate and up in turn. */
  readonly inner: string;
  /** [count, width, size]. */
  readonly outer: string;
}

/** [S, width] → [S, width]. */
export function emitFused(
  graph: GraphWriter,
  { input, logits, inner, outer }: FusedInput,
  { used, normalizeChosen }: Experts,
): string {
  // The CPU provider takes the float operator only in this fused form: gate and up interleaved, alpha 1 and beta 0 make swiglu silu(gate)·up.
  return graph.node('MoE', [input, logits, inner, '', outer], {
    k: used,
    activation_type: 'swiglu',
    swiglu_fusion: 1,
    activation_alpha: { float: 1 },
    activation_beta: { float: 0 },
    normalize_routing_weights: normalizeChosen ? 1 : 0,
  });
}

export interface RoutedInput extends ExpertsInput {
  readonly width: number;
}

/** [S, width] → [S, width]. `multiply`: nodes of one expert for its rows [n, width], where n may be 0. */
export function emitRouted(
  graph: GraphWriter,
  { input, logits, width }: RoutedInput,
  experts: Experts,
  multiply: (rows: string, expert: number) => string,
): string {
  const { used, count } = experts;
  const { shares, chosen } = emitChoice(graph, logits, experts);
  const flat = graph.node('Reshape', [chosen, graph.integers([-1])]);
  const order = emitOrder(graph, flat);
  const rows = graph.node('Gather', [input, graph.node('Div', [order, graph.integers([used])])], { axis: 0 });
  const indices = Array.from({ length: count }, (_, expert) => expert);
  const isOf = graph.node('Equal', [
    graph.node('Unsqueeze', [flat, graph.integers([1])]),
    graph.integers(indices),
  ]);
  const ones = graph.node('Cast', [isOf], { to: DataType.INT64 });
  const counts = graph.node('ReduceSum', [ones, graph.integers([0])], { keepdims: 0 });
  const parts = indices.map((expert) => `${rows}.of${expert}`);
  graph.nodes('Split', [rows, counts], { axis: 0 }, parts);
  const multiplied = graph.node('Concat', parts.map(multiply), { axis: 0 });
  const back = graph.node('Gather', [multiplied, emitOrder(graph, order)], { axis: 0 });
  const grouped = graph.node('Reshape', [back, graph.integers([-1, used, width])]);
  const factors = graph.node('Unsqueeze', [shares, graph.integers([1])]);
  return graph.node('Reshape', [graph.node('MatMul', [factors, grouped]), graph.integers([-1, width])]);
}

/** Shares [S, used] of the experts chosen [S, used] for each row. */
function emitChoice(
  graph: GraphWriter,
  logits: string,
  { used, normalizeChosen }: Experts,
): { readonly shares: string; readonly chosen: string } {
  const all = graph.node('Softmax', [logits], { axis: -1 });
  const [shares, chosen] = [`${all}.shares`, `${all}.chosen`];
  graph.nodes('TopK', [all, graph.integers([used])], { axis: -1 }, [shares, chosen]);
  if (!normalizeChosen) return { shares, chosen };
  const sum = graph.node('ReduceSum', [shares, graph.integers([-1])], { keepdims: 1 });
  return { shares: graph.node('Div', [shares, sum]), chosen };
}

/** The places of values [n] from the least to the greatest; of a permutation its inverse. */
function emitOrder(graph: GraphWriter, values: string): string {
  const order = `${values}.order`;
  const size = graph.node('Shape', [values]);
  graph.nodes('TopK', [values, size], { axis: 0, largest: 0 }, [`${values}.sorted`, order]);
  return order;
}
