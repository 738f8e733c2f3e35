/** A session over a built decoder graph: the KV cache as onnxruntime tensors that only ever get replaced, never written. */
import { basename } from 'node:path';
import { badFile, LabError } from '../../contract/errors.ts';
import type { ModelSpec } from '../../../models/families/model-spec.ts';
import type { EvaluateInput, EvaluateResult, HiddenState, Session } from '../engine.ts';
import { checkedCount, checkedParents, checkedPositions, chosenRows } from '../evaluate-input.ts';
import type { EmbeddingTable } from './embedding-table.ts';
import { maskName } from './graph/decoder-graph.ts';
import type { GraphVariant } from './graph/decoder-graph.ts';
import type { RopeTable } from './rope-table.ts';
import { runOnnxSession, Tensor, type OnnxSession } from './runtime.ts';
import { readSessionFile, writeSessionFile, type SavedTensor } from './session-file.ts';

/** What all sessions of an engine share. */
export interface BuiltModel {
  readonly spec: ModelSpec;
  /** Identity and settings that a saved session must match. */
  readonly signature: string;
  readonly embeddings: EmbeddingTable;
  /** Most tokens of one graph run: bounds the logits and scores in memory, and the wait for a cancellation. */
  readonly chunkTokens: number;
  ropeTable(rope: number, context: number): RopeTable;
  graph(variant: GraphVariant): Promise<OnnxSession>;
}

/** key, value of each layer in order: [1, kvHeads, at least length, headDimension]. */
type Past = readonly Tensor[];

interface Batch {
  readonly count: number;
  readonly embeddings: Float32Array;
  readonly positions: Int32Array;
  readonly axes: number;
  readonly parents: Int32Array | null;
  readonly rows: Int32Array;
  readonly hidden: boolean;
}

export class BuiltSession implements Session {
  readonly context: number;
  readonly #model: BuiltModel;
  readonly #ropes: RopeTable[];
  /** Position on the first axis of each slot, for windows in trees. */
  #positions: Int32Array;
  #past: Past;
  #length = 0;

  constructor(model: BuiltModel, context: number) {
    this.#model = model;
    this.context = context;
    this.#ropes = model.spec.ropes.map((_, i) => model.ropeTable(i, context));
    this.#positions = new Int32Array(0);
    this.#past = emptyPast(model.spec);
  }

  get length(): number {
    return this.#length;
  }

  get kvBytes(): number {
    return this.#past.reduce((sum, tensor) => sum + tensor.dims[1]! * tensor.dims[3]! * this.#length * 4, 0);
  }

  async evaluate(input: EvaluateInput, signal?: AbortSignal): Promise<EvaluateResult> {
    const batch = this.#checked(input);
    const before = { past: this.#past, length: this.#length };
    const started = process.hrtime.bigint();
    const variant = { hidden: batch.hidden, tree: batch.parents !== null };
    const graph = await this.#model.graph(variant);
    const logits = new Float32Array(batch.rows.length * this.#model.spec.vocabularySize);
    const hidden = batch.hidden ? new HiddenCollector(this.#model.spec, batch.count) : null;
    try {
      this.#placePositions(batch);
      const step = batch.parents ? batch.count : this.#model.chunkTokens;
      for (let start = 0; start < batch.count; start += step) {
        signal?.throwIfAborted();
        await this.#runChunk(graph, batch, start, Math.min(step, batch.count - start), logits, hidden);
      }
      signal?.throwIfAborted();
    } catch (error) {
      this.#past = before.past;
      this.#length = before.length;
      throw error;
    }
    const evaluate = Number(process.hrtime.bigint() - started);
    return {
      logits,
      rows: batch.rows.length,
      timeNs: { evaluate },
      ...(hidden ? { hidden: hidden.finish() } : {}),
    };
  }

  #checked(input: EvaluateInput): Batch {
    const { spec, embeddings } = this.#model;
    const given = checkedCount(input, {
      vocabularySize: spec.vocabularySize,
      width: embeddings.width,
      length: this.#length,
      context: this.context,
    });
    const positions = checkedPositions(input, given, this.#length, spec.embedding);
    return {
      count: given,
      embeddings: input.embeddings ?? embeddings.rows(input.ids!),
      positions,
      axes: positions.length / given,
      parents: input.parents ? checkedParents(input.parents, given) : null,
      rows: chosenRows(input.rows, given),
      hidden: input.hidden ?? false,
    };
  }

  #placePositions({ count, positions, axes }: Batch): void {
    const needed = this.#length + count;
    if (needed > this.#positions.length) {
      const grown = new Int32Array(Math.min(this.context, Math.max(needed, 2 * this.#positions.length)));
      grown.set(this.#positions);
      this.#positions = grown;
    }
    for (let i = 0; i < count; i++) {
      this.#positions[this.#length + i] = positions[i]!;
      const position = (axis: number) => positions[axes === 1 ? i : axis * count + i]!;
      for (const rope of this.#ropes) rope.write(this.#length + i, position);
    }
  }

  async #runChunk(
    graph: OnnxSession,
    batch: Batch,
    start: number,
    count: number,
    logits: Float32Array,
    hidden: HiddenCollector | null,
  ): Promise<void> {
    const { spec } = this.#model;
    const chosen = rowsWithin(batch.rows, start, count);
    // Gemm refuses an input of no rows: then the last one's logits are made, and left.
    const asked = chosen.local.length > 0 ? chosen.local : [count - 1];
    const outputs = await runOnnxSession(graph, this.#feeds(batch, start, count, asked));
    const rows = outputs['logits']!.data as Float32Array;
    chosen.targets.forEach((target, i) => {
      const row = rows.subarray(i * spec.vocabularySize, (i + 1) * spec.vocabularySize);
      logits.set(row, target * spec.vocabularySize);
    });
    hidden?.add(outputs, start);
    this.#past = spec.layers.flatMap((_, i) => [
      outputs[`present.${i}.key`]!,
      outputs[`present.${i}.value`]!,
    ]);
    this.#length += count;
  }

  #feeds(batch: Batch, start: number, count: number, rows: number[]): Record<string, Tensor> {
    const { spec, embeddings } = this.#model;
    const width = embeddings.width;
    const total = this.#length + count;
    const feeds: Record<string, Tensor> = {
      embeddings: new Tensor('float32', batch.embeddings.subarray(start * width, (start + count) * width), [
        count,
        width,
      ]),
      rows: new Tensor('int64', BigInt64Array.from(rows, BigInt), [rows.length]),
      last_index: new Tensor('int32', Int32Array.of(total - 1), [1]),
      total_length: new Tensor('int32', Int32Array.of(total), [1]),
    };
    if (spec.embedding.learnedPositions) {
      const positions = batch.positions.subarray(start, start + count);
      feeds['positions'] = new Tensor('int64', BigInt64Array.from(positions, BigInt), [count]);
    }
    this.#ropes.forEach((rope, i) => {
      feeds[`rope${i}.cos`] = new Tensor('float32', rope.cos, [rope.rows, rope.half]);
      feeds[`rope${i}.sin`] = new Tensor('float32', rope.sin, [rope.rows, rope.half]);
    });
    this.#past.forEach((tensor, i) => {
      feeds[`past.${i >> 1}.${i % 2 === 0 ? 'key' : 'value'}`] = tensor;
    });
    if (batch.parents) this.#addMasks(feeds, batch, batch.parents);
    return feeds;
  }

  /** Additive masks of a tree: a node sees the past, its ancestors and itself, each within the layer's window. */
  #addMasks(feeds: Record<string, Tensor>, batch: Batch, parents: Int32Array): void {
    const total = this.#length + batch.count;
    for (const layer of this.#model.spec.layers) {
      if (layer.kind !== 'attention' || feeds[maskName(layer)]) continue;
      const window = layer.attention.window ?? Infinity;
      const mask = new Float32Array(batch.count * total).fill(-1e30);
      for (let i = 0; i < batch.count; i++) {
        const show = (slot: number) => {
          if (batch.positions[i]! - this.#positions[slot]! < window) mask[i * total + slot] = 0;
        };
        for (let slot = 0; slot < this.#length; slot++) show(slot);
        for (let node = i; node >= 0; node = parents[node]!) show(this.#length + node);
      }
      feeds[maskName(layer)] = new Tensor('float32', mask, [1, 1, batch.count, total]);
    }
  }

  rollback(count: number): void {
    this.truncate(this.#length - count);
  }

  /** The tensors keep their rows: the graph takes the length it is given and writes over what lies beyond. */
  truncate(length: number): void {
    if (!Number.isInteger(length) || length < 0 || length > this.#length) {
      throw new LabError('bad-request', `Cannot keep ${length} of ${this.#length} positions.`);
    }
    this.#length = length;
    if (length === 0) this.#past = emptyPast(this.#model.spec);
  }

  fork(): Session {
    const copy = new BuiltSession(this.#model, this.context);
    copy.#past = this.#past;
    copy.#length = this.#length;
    copy.#positions = this.#positions.slice();
    copy.#ropes.splice(0, copy.#ropes.length, ...this.#ropes.map((rope) => rope.fork()));
    return copy;
  }

  async save(file: string, ids?: readonly number[]): Promise<void> {
    await writeSessionFile(file, {
      ids,
      signature: this.#signature,
      length: this.#length,
      positions: this.#positions,
      tensors: [
        ...this.#past.map((tensor) => ({ shape: tensor.dims, data: tensor.data as Float32Array })),
        ...this.#ropes.flatMap((rope) =>
          [rope.cos, rope.sin].map((data) => ({ shape: [rope.rows, rope.half], data })),
        ),
      ],
    });
  }

  async restore(file: string): Promise<readonly number[] | null> {
    const saved = await readSessionFile(file, this.#signature);
    const past = saved.tensors.slice(0, this.#past.length);
    const rope = saved.tensors.slice(this.#past.length);
    this.#checkPast(past, saved.length, basename(file));
    this.#past = past.map(({ shape, data }) => new Tensor('float32', data, shape));
    this.#ropes.forEach((table, i) => table.adopt(rope[2 * i]!.data, rope[2 * i + 1]!.data));
    this.#positions = saved.positions;
    this.#length = saved.length;
    return saved.ids ?? null;
  }

  /** The signature vouches for the model, not for the bytes: shapes must be this model's before the graph sees them. */
  #checkPast(past: readonly SavedTensor[], length: number, file: string): void {
    const expected = emptyPast(this.#model.spec);
    const fits = expected.every((tensor, i) => {
      const shape = past[i]?.shape ?? [];
      return (
        shape[0] === 1 && shape[1] === tensor.dims[1] && shape[2]! >= length && shape[3] === tensor.dims[3]
      );
    });
    if (!fits || length > this.context) throw badFile('the saved session does not fit this model', { file });
  }

  /** What must be equal for a saved session to go on: the model, arithmetic and, since rope may depend on it, the context. */
  get #signature(): string {
    return `${this.#model.signature} context ${this.context}`;
  }

  close(): void {
    this.#past = emptyPast(this.#model.spec);
    this.#length = 0;
  }
}

function emptyPast(spec: ModelSpec): Past {
  return spec.layers.flatMap((layer) => {
    if (layer.kind !== 'attention') return [];
    const shape = [1, layer.attention.keyValueHeads, 0, layer.attention.headDimension];
    return [
      new Tensor('float32', new Float32Array(0), shape),
      new Tensor('float32', new Float32Array(0), shape),
    ];
  });
}

/** The chosen rows that a chunk holds: their index in the chunk and their place in the result. */
function rowsWithin(rows: Int32Array, start: number, count: number): { local: number[]; targets: number[] } {
  const local: number[] = [];
  const targets: number[] = [];
  rows.forEach((row, target) => {
    if (row < start || row >= start + count) return;
    local.push(row - start);
    targets.push(target);
  });
  return { local, targets };
}

/** Gathers hidden states of the chunks of one call. */
class HiddenCollector {
  readonly #spec: ModelSpec;
  readonly #count: number;
  readonly #states = new Map<string, { width: number; data: Float32Array }>();

  constructor(spec: ModelSpec, count: number) {
    this.#spec = spec;
    this.#count = count;
  }

  add(outputs: Readonly<Record<string, Tensor>>, start: number): void {
    for (const [name, tensor] of Object.entries(outputs)) {
      if (!/^(hidden|router)\./.test(name)) continue;
      const width = tensor.dims[1]!;
      const state = this.#states.get(name) ?? { width, data: new Float32Array(this.#count * width) };
      state.data.set(tensor.data as Float32Array, start * width);
      this.#states.set(name, state);
    }
  }

  finish(): Map<string, HiddenState> {
    const result = new Map<string, HiddenState>();
    for (const [name, { width, data }] of this.#states) {
      result.set(name, { shape: [this.#count, width], data });
      const layer = /^router\.(\d+)\.logits$/.exec(name)?.[1];
      if (layer !== undefined)
        result.set(`router.${layer}.topk`, this.#topExperts(Number(layer), width, data));
    }
    return result;
  }

  /** Best first; the lower expert among equals, as the router's own top-k. */
  #topExperts(index: number, width: number, logits: Float32Array): HiddenState {
    const layer = this.#spec.layers[index];
    const used =
      layer?.kind === 'attention' && layer.feedForward.kind === 'experts' ? layer.feedForward.used : 0;
    const top = new Int32Array(this.#count * used);
    for (let row = 0; row < this.#count; row++) {
      const scores = logits.subarray(row * width, (row + 1) * width);
      const order = Array.from(scores.keys()).sort((a, b) => scores[b]! - scores[a]! || a - b);
      top.set(order.slice(0, used), row * used);
    }
    return { shape: [this.#count, used], data: top };
  }
}
