/**
 * Emits the decoder of any ModelSpec as an ONNX graph. Inputs: embedding rows [S, E] (the caller looks tokens up), the past's keys and
 * values [1, kvHeads, P, D] per layer, lengths, rope tables [C, dimensions/2], and the rows whose logits are wanted. Rope tables are
 * indexed by storage slot, so any positions (one axis or three) are rows the caller wrote. Variants over the same weights: `hidden` also returns the residual stream and router logits; `tree` takes an
 * additive mask [1, 1, S, P+S] in place of the causal rule; `exported` stands alone: ids and mask in, logits of all rows out, under the names that exporters give them.
 */
import { DataType } from '../../../formats/onnx/protobuf.ts';
import type { Arithmetic } from '../../engine.ts';
import type {
  Activation,
  AttentionLayerSpec,
  AttentionSpec,
  FeedForwardSpec,
  ModelSpec,
  NormSpec,
} from '../../../../models/families/model-spec.ts';
import { emitExportedInputs } from './exported-inputs.ts';
import { emitFused, emitRouted } from './experts.ts';
import { GraphWriter } from './graph-writer.ts';
import { LinearEmitter } from './linear.ts';
import type { WrittenWeights } from './write-weights.ts';

export interface GraphVariant {
  readonly hidden: boolean;
  readonly tree: boolean;
  readonly exported?: boolean;
}

const { FLOAT, INT32, INT64 } = DataType;
type DenseSpec = Extract<FeedForwardSpec, { kind: 'dense' }>;
type ExpertsSpec = Extract<FeedForwardSpec, { kind: 'experts' }>;

export function decoderGraph(
  spec: ModelSpec,
  weights: WrittenWeights,
  arithmetic: Arithmetic,
  variant: GraphVariant,
): Uint8Array {
  return new DecoderGraph(spec, weights, arithmetic, variant).build();
}

class DecoderGraph {
  readonly #spec: ModelSpec;
  readonly #weights: WrittenWeights;
  readonly #variant: GraphVariant;
  readonly #graph = new GraphWriter();
  readonly #linear: LinearEmitter;

  constructor(spec: ModelSpec, weights: WrittenWeights, arithmetic: Arithmetic, variant: GraphVariant) {
    this.#spec = spec;
    this.#weights = weights;
    this.#variant = variant;
    this.#linear = new LinearEmitter(this.#graph, arithmetic);
  }

  build(): Uint8Array {
    const spec = this.#spec;
    this.#declareInputs();
    let stream = this.#embed();
    this.#hiddenOutput('hidden.embed', stream, spec.hiddenSize);
    spec.layers.forEach((layer, index) => {
      if (layer.kind !== 'attention') throw new Error('state-space layers have no ONNX graph');
      stream = this.#layer(stream, layer, index);
      this.#hiddenOutput(`hidden.layer${index}`, stream, spec.hiddenSize);
    });
    this.#head(stream);
    for (const tensor of this.#weights.tensors.values()) this.#graph.initializer(tensor);
    return this.#graph.encode();
  }

  #declareInputs(): void {
    if (this.#variant.exported) emitExportedInputs(this.#graph, this.#linear, this.#spec, this.#weights);
    else this.#declareFed();
    this.#spec.layers.forEach((layer, index) => {
      if (layer.kind !== 'attention') return;
      const shape = [1, layer.attention.keyValueHeads, 'P', layer.attention.headDimension];
      for (const part of ['key', 'value'] as const) {
        this.#graph.input(this.#past(index, part), FLOAT, shape);
        this.#graph.output(`present.${index}.${part}`, FLOAT, shape.with(2, 'Q'));
      }
    });
  }

  #past(layer: number, part: 'key' | 'value'): string {
    return `${this.#variant.exported ? 'past_key_values' : 'past'}.${layer}.${part}`;
  }

  #declareFed(): void {
    const graph = this.#graph;
    const spec = this.#spec;
    graph.input('embeddings', FLOAT, ['S', spec.embedding.size]);
    if (spec.embedding.learnedPositions) graph.input('positions', INT64, ['S']);
    graph.input('rows', INT64, ['R']);
    graph.input('last_index', INT32, [1]);
    graph.input('total_length', INT32, [1]);
    spec.ropes.forEach((rope, index) => {
      graph.input(`rope${index}.cos`, FLOAT, ['C', rope.dimensions / 2]);
      graph.input(`rope${index}.sin`, FLOAT, ['C', rope.dimensions / 2]);
    });
    if (this.#variant.tree) {
      const masks = new Set(spec.layers.map((layer) => maskName(layer as AttentionLayerSpec)));
      for (const mask of masks) graph.input(mask, FLOAT, [1, 1, 'S', 'T']);
    }
  }

  #embed(): string {
    const { embedding } = this.#spec;
    let rows = 'embeddings';
    if (this.#weights.linears.has('embedding_in.weight')) rows = this.#multiply(rows, 'embedding_in');
    if (!embedding.learnedPositions) return this.#graph.node('Identity', [rows]);
    const table = this.#vector('position_embedding.weight');
    const offset = this.#graph.integers([embedding.learnedPositions.offset]);
    const index = this.#graph.node('Add', ['positions', offset]);
    return this.#graph.node('Add', [rows, this.#graph.node('Gather', [table, index], { axis: 0 })]);
  }

  #layer(stream: string, layer: AttentionLayerSpec, index: number): string {
    const { norms } = layer;
    const prefix = `layers.${index}`;
    const attended = this.#attention(
      this.#norm(stream, norms.attentionInput, `${prefix}.attention_input_norm`),
      layer,
      index,
    );
    stream = this.#graph.node('Add', [
      stream,
      this.#norm(attended, norms.attentionOutput, `${prefix}.attention_output_norm`),
    ]);
    stream = this.#norm(stream, norms.attentionResidual, `${prefix}.attention_residual_norm`);
    const fed = this.#feedForward(
      this.#norm(stream, norms.feedForwardInput, `${prefix}.feed_forward_input_norm`),
      layer.feedForward,
      index,
    );
    stream = this.#graph.node('Add', [
      stream,
      this.#norm(fed, norms.feedForwardOutput, `${prefix}.feed_forward_output_norm`),
    ]);
    return this.#norm(stream, norms.feedForwardResidual, `${prefix}.feed_forward_residual_norm`);
  }

  #attention(input: string, layer: AttentionLayerSpec, index: number): string {
    const { attention } = layer;
    const graph = this.#graph;
    const prefix = `layers.${index}`;
    const output = `${prefix}.attention`;
    const rope =
      attention.rope === null ? ['', ''] : [`rope${attention.rope}.cos`, `rope${attention.rope}.sin`];
    const style = attention.rope === null ? null : this.#spec.ropes[attention.rope]!.style;
    const tree = this.#variant.tree ? ['', maskName(layer)] : [];
    const past = [this.#past(index, 'key'), this.#past(index, 'value')];
    graph.nodes(
      'GroupQueryAttention',
      [...this.#queryKeyValue(input, layer, prefix), ...past, 'last_index', 'total_length', ...rope, ...tree],
      {
        num_heads: attention.heads,
        kv_num_heads: attention.keyValueHeads,
        scale: { float: attention.scale },
        do_rotary: style === null ? 0 : 1,
        rotary_interleaved: style === 'pairs' ? 1 : 0,
        local_window_size: this.#variant.tree || attention.window === null ? -1 : attention.window,
        ...(attention.softcap === null ? {} : { softcap: { float: attention.softcap } }),
      },
      [output, `present.${index}.key`, `present.${index}.value`],
    );
    const rows = graph.node('Reshape', [
      output,
      graph.integers([-1, attention.heads * attention.headDimension]),
    ]);
    return this.#multiply(rows, `${prefix}.output`);
  }

  /** Inputs of the attention operator, [1, S, width]: one packed tensor where the three matrices are stored as one. */
  #queryKeyValue(input: string, layer: AttentionLayerSpec, prefix: string): string[] {
    const { heads, keyValueHeads, headDimension, clip } = layer.attention;
    const batch = (rows: string, count: number) =>
      this.#graph.node('Reshape', [rows, this.#graph.integers([1, -1, count * headDimension])]);
    if (this.#weights.linears.has(`${prefix}.query_key_value.weight`)) {
      return [batch(this.#multiply(input, `${prefix}.query_key_value`), heads + 2 * keyValueHeads), '', ''];
    }
    const value = this.#clip(this.#multiply(input, `${prefix}.value`), clip);
    return [
      batch(this.#heads(input, layer, prefix, 'query'), heads),
      batch(this.#heads(input, layer, prefix, 'key'), keyValueHeads),
      batch(value, keyValueHeads),
    ];
  }

  /** Projection, norm and clip of queries or keys: everything before rope. */
  #heads(input: string, layer: AttentionLayerSpec, prefix: string, part: 'query' | 'key'): string {
    const { attention } = layer;
    const projected = this.#multiply(input, `${prefix}.${part}`);
    const heads = part === 'query' ? attention.heads : attention.keyValueHeads;
    return this.#clip(
      this.#normedHeads(projected, attention, `${prefix}.${part}_norm`, heads),
      attention.clip,
    );
  }

  #clip(input: string, limit: number | null): string {
    if (limit === null) return input;
    return this.#graph.node('Clip', [input, this.#graph.scalar(-limit), this.#graph.scalar(limit)]);
  }

  #normedHeads(input: string, attention: AttentionSpec, name: string, heads: number): string {
    const { queryKeyNorm, headDimension } = attention;
    if (!queryKeyNorm) return input;
    if (queryKeyNorm.over === 'projection') return this.#norm(input, queryKeyNorm.norm, name);
    const graph = this.#graph;
    const split = graph.node('Reshape', [input, graph.integers([-1, heads, headDimension])]);
    const normed = this.#norm(split, queryKeyNorm.norm, name);
    return graph.node('Reshape', [normed, graph.integers([-1, heads * headDimension])]);
  }

  #feedForward(input: string, feedForward: FeedForwardSpec, index: number): string {
    if (feedForward.kind === 'experts') return this.#experts(input, feedForward, index);
    return this.#dense(input, feedForward, `layers.${index}`);
  }

  #dense(input: string, { gated, activation, size }: DenseSpec, prefix: string): string {
    let inner: string;
    if (gated) {
      const [gate, up] = this.#gateAndUp(input, prefix, size);
      inner = this.#graph.node('Mul', [this.#activate(gate, activation), up]);
    } else {
      inner = this.#activate(this.#multiply(input, `${prefix}.up`), activation);
    }
    return this.#multiply(inner, `${prefix}.down`);
  }

  #gateAndUp(input: string, prefix: string, size: number): [string, string] {
    if (!this.#weights.linears.has(`${prefix}.gate_up.weight`)) {
      return [this.#multiply(input, `${prefix}.gate`), this.#multiply(input, `${prefix}.up`)];
    }
    const both = this.#multiply(input, `${prefix}.gate_up`);
    const halves: [string, string] = [`${prefix}.gate_rows`, `${prefix}.up_rows`];
    this.#graph.nodes('Split', [both, this.#graph.integers([size, size])], { axis: 1 }, halves);
    return halves;
  }

  #experts(input: string, experts: ExpertsSpec, index: number): string {
    const prefix = `layers.${index}`;
    const logits = this.#multiply(input, `${prefix}.router`);
    if (this.#variant.exported) {
      const dense = { ...experts, kind: 'dense' as const, gated: true };
      return emitRouted(
        this.#graph,
        { input, logits, width: this.#spec.hiddenSize },
        experts,
        (rows, expert) => this.#dense(rows, dense, `${prefix}.experts.${expert}`),
      );
    }
    this.#hiddenOutput(`router.${index}.logits`, logits, experts.count);
    const stacked = {
      inner: this.#vector(`${prefix}.experts.in`),
      outer: this.#vector(`${prefix}.experts.out`),
    };
    return emitFused(this.#graph, { input, logits, ...stacked }, experts);
  }

  #activate(input: string, activation: Activation): string {
    switch (activation) {
      case 'silu':
        return this.#graph.node('QuickGelu', [input], { alpha: { float: 1 } });
      case 'gelu-tanh':
        return this.#graph.node('Gelu', [input], { approximate: 'tanh' });
      case 'gelu':
        return this.#graph.node('Gelu', [input], { approximate: 'none' });
      case 'relu':
        return this.#graph.node('Relu', [input]);
    }
  }

  #head(stream: string): void {
    const graph = this.#graph;
    const { head, finalNorm, vocabularySize } = this.#spec;
    const { exported } = this.#variant;
    // Hidden states are asked of every row, so only then the final norm runs on all of them.
    const chosen = (rows: string) => (exported ? rows : graph.node('Gather', [rows, 'rows'], { axis: 0 }));
    let rows = this.#variant.hidden ? stream : chosen(stream);
    rows = this.#norm(rows, finalNorm, 'final_norm');
    if (this.#weights.linears.has('embedding_out.weight')) rows = this.#multiply(rows, 'embedding_out');
    this.#hiddenOutput('hidden.head_input', rows, this.#spec.embedding.size);
    if (this.#variant.hidden) rows = chosen(rows);
    let logits = this.#multiply(rows, head.tied ? 'embedding' : 'head', 'head');
    if (head.scale !== 1) logits = graph.node('Mul', [logits, graph.scalar(head.scale)]);
    if (head.softcap !== null) {
      const cap = graph.scalar(head.softcap);
      logits = graph.node('Mul', [graph.node('Tanh', [graph.node('Div', [logits, cap])]), cap]);
    }
    if (exported) graph.node('Reshape', [logits, graph.integers([1, -1, vocabularySize])], {}, 'logits');
    else graph.node('Identity', [logits], {}, 'logits');
    graph.output('logits', FLOAT, exported ? [1, 'S', vocabularySize] : ['R', vocabularySize]);
  }

  #hiddenOutput(name: string, value: string, width: number): void {
    if (!this.#variant.hidden) return;
    this.#graph.node('Identity', [value], {}, name);
    this.#graph.output(name, FLOAT, ['S', width]);
  }

  #multiply(input: string, name: string, biasOf: string = name): string {
    const linear = this.#weights.linears.get(`${name}.weight`);
    if (!linear) throw new Error(`no matrix ${name}.weight`);
    return this.#linear.emit(input, linear, this.#weights.vectors.get(`${biasOf}.bias`) ?? null);
  }

  #norm(input: string, norm: NormSpec | null, name: string): string {
    if (!norm) return input;
    const weight = this.#vector(`${name}.weight`);
    const attributes = { axis: -1, epsilon: { float: norm.epsilon } };
    if (norm.kind === 'rms')
      return this.#graph.node('SimplifiedLayerNormalization', [input, weight], attributes);
    const bias = this.#weights.vectors.get(`${name}.bias`);
    return this.#graph.node(
      'LayerNormalization',
      [input, weight, ...(bias === undefined ? [] : [bias])],
      attributes,
    );
  }

  #vector(name: string): string {
    const vector = this.#weights.vectors.get(name);
    if (vector === undefined) throw new Error(`no tensor ${name}`);
    return vector;
  }
}

/** The tree variant's mask input of a layer: one per window size, since a window also hides what lies too far back. */
export function maskName(layer: AttentionLayerSpec): string {
  return layer.attention.window === null ? 'mask' : `mask.window${layer.attention.window}`;
}
