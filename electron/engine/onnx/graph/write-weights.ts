/** Writes every canonical weight of a model into a graph's weight file, in the form its operators read. */
import type { ModelSource } from '../../../contract/model-source.ts';
import type {
  FeedForwardSpec,
  ModelSpec,
  NormSpec,
  ResolvedModel,
  WeightRef,
} from '../../../../models/families/model-spec.ts';
import { splitBlocks } from '../../../formats/dequantize/split-blocks.ts';
import { splitMatrix } from '../../../formats/dequantize/packed-matrix.ts';
import { typeTraits } from '../../../formats/tensor-types.ts';
import { readMatrixParts, readWeight, readWeightBytes } from '../../../formats/read-weight.ts';
import type { TensorInit } from '../../../formats/onnx/protobuf.ts';
import type { Arithmetic } from '../../engine.ts';
import { fitsMatMulNBits, writeBlocks, writeFloat, type Linear, type OrderedBlocks } from './linear.ts';
import { packedBlocks } from './packed-blocks.ts';
import type { WeightFile } from './weight-file.ts';

export interface WrittenWeights {
  /** By canonical name, e.g. `layers.0.query.weight`. */
  readonly linears: ReadonlyMap<string, Linear>;
  /** Norm weights, biases, position tables and stacked experts: canonical name → initializer. */
  readonly vectors: ReadonlyMap<string, string>;
  readonly tensors: ReadonlyMap<string, TensorInit>;
}

export interface BuildProgress {
  readonly signal?: AbortSignal | undefined;
  /** Called after each weight with the share of elements written. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

const linearName =
  /(^|\.)(query|key|value|output|gate|up|down|router|embedding_in|embedding_out|head)\.weight$/;
const expertName = /^layers\.(\d+)\.experts\./;

export async function writeWeights(
  source: ModelSource,
  model: ResolvedModel,
  file: WeightFile,
  arithmetic: Arithmetic,
  progress: BuildProgress,
): Promise<WrittenWeights> {
  const writer = new WeightsWriter(source, model, file, arithmetic);
  const total = [...model.weights.values()].reduce((sum, ref) => sum + elements(ref), 0);
  let done = 0;
  for (const [name, ref] of model.weights) {
    progress.signal?.throwIfAborted();
    await writer.write(name, ref);
    done += elements(ref);
    progress.onProgress?.(done, total);
  }
  for (const [index, layer] of model.spec.layers.entries()) {
    progress.signal?.throwIfAborted();
    if (layer.kind === 'attention' && layer.feedForward.kind === 'experts') {
      await writer.writeExperts(index, layer.feedForward);
    }
  }
  return { linears: writer.linears, vectors: writer.vectors, tensors: file.tensors };
}

/** Most bytes the weight file can need, for the check of free space. */
export function estimateWeightBytes(model: ResolvedModel): number {
  let bytes = 0;
  for (const ref of model.weights.values()) {
    const quantized = ref.source.kind === 'matrix' || !/^(F|BF)/.test(ref.source.tensor.type);
    // Codes up to 8 bits, a float scale and offset per block of 16 or more.
    bytes += elements(ref) * (quantized ? 1.5 : 4) + 4096;
  }
  return bytes;
}

const elements = (ref: WeightRef) => ref.shape.reduce((product, size) => product * size, 1);

class WeightsWriter {
  readonly linears = new Map<string, Linear>();
  readonly vectors = new Map<string, string>();
  readonly #source: ModelSource;
  readonly #model: ResolvedModel;
  readonly #file: WeightFile;
  readonly #arithmetic: Arithmetic;

  constructor(source: ModelSource, model: ResolvedModel, file: WeightFile, arithmetic: Arithmetic) {
    this.#source = source;
    this.#model = model;
    this.#file = file;
    this.#arithmetic = arithmetic;
  }

  async write(name: string, ref: WeightRef): Promise<void> {
    const { head } = this.#model.spec;
    if (expertName.test(name)) return; // stacked later
    if (name.startsWith('rope_factors')) return; // read by the session's rope tables
    if (name === 'embedding.weight' && !head.tied) return; // rows are looked up in the model's own file
    if (name === 'embedding.weight' || linearName.test(name)) {
      this.linears.set(name, await this.#linear(name, ref));
      return;
    }
    this.vectors.set(name, await this.#vector(name, ref));
  }

  async #linear(name: string, ref: WeightRef): Promise<Linear> {
    const [rows, columns] = ref.shape as [number, number];
    const packed = await this.#blocks(ref, rows, columns);
    if (packed && fitsMatMulNBits(packed.blocks.blockSize, columns)) {
      return writeBlocks(this.#file, name, packed, { rows, columns }, this.#arithmetic);
    }
    return writeFloat(this.#file, name, await readWeight(this.#source, ref), rows, columns);
  }

  /** The weight as codes and scales per block, or null where its type does not map exactly. */
  async #blocks(ref: WeightRef, rows: number, columns: number): Promise<OrderedBlocks | null> {
    if (ref.transposed) return null;
    const start = ref.rows?.start ?? 0;
    if (ref.source.kind === 'matrix') {
      const { matrix } = ref.source;
      return packedBlocks(
        splitMatrix(matrix, await readMatrixParts(this.#source, matrix)),
        start,
        rows,
        columns,
      );
    }
    const { tensor } = ref.source;
    const { blockElements, blockBytes } = typeTraits(tensor.type);
    if (blockElements === 1 || columns % blockElements !== 0) return null;
    const rowBytes = (columns / blockElements) * blockBytes;
    const range = { start: start * rowBytes, length: rows * rowBytes };
    const blocks = splitBlocks(
      tensor.type,
      await readWeightBytes(this.#source, tensor, range),
      rows,
      columns,
    );
    return blocks && { blocks, columnOrder: null };
  }

  async #vector(name: string, ref: WeightRef): Promise<string> {
    const data = await readWeight(this.#source, ref);
    const norm = /_norm\.weight$/.test(name) ? this.#normOf(name) : null;
    return this.#file.write(name, ref.shape, norm?.weightOffset ? data.map((value) => value + 1) : data);
  }

  #normOf(name: string): NormSpec | null {
    return normOf(this.#model.spec, name);
  }

  /** Stacks one layer's experts as the MoE operator wants them: [E, 2I, H] with gate and up rows interleaved, and [E, H, I]. */
  async writeExperts(index: number, experts: FeedForwardSpec & { kind: 'experts' }): Promise<void> {
    const { count, size } = experts;
    const hidden = this.#model.spec.hiddenSize;
    const inner = new Float32Array(count * 2 * size * hidden);
    const outer = new Float32Array(count * hidden * size);
    for (let expert = 0; expert < count; expert++) {
      const [gate, up, down] = await Promise.all(
        ['gate', 'up', 'down'].map((part) =>
          this.#expert(`layers.${index}.experts.${expert}.${part}.weight`),
        ),
      );
      for (let row = 0; row < size; row++) {
        const target = (expert * 2 * size + 2 * row) * hidden;
        inner.set(gate!.subarray(row * hidden, (row + 1) * hidden), target);
        inner.set(up!.subarray(row * hidden, (row + 1) * hidden), target + hidden);
      }
      outer.set(down!, expert * hidden * size);
    }
    const prefix = `layers.${index}.experts`;
    this.vectors.set(
      `${prefix}.in`,
      await this.#file.write(`${prefix}.in`, [count, 2 * size, hidden], inner),
    );
    this.vectors.set(`${prefix}.out`, await this.#file.write(`${prefix}.out`, [count, hidden, size], outer));
  }

  #expert(name: string): Promise<Float32Array> {
    const ref = this.#model.weights.get(name);
    if (!ref) throw new Error(`no tensor ${name}`);
    return readWeight(this.#source, ref);
  }
}

/** The norm a canonical `…_norm.weight` belongs to. */
function normOf(spec: ModelSpec, name: string): NormSpec | null {
  if (name === 'final_norm.weight') return spec.finalNorm;
  const match = /^layers\.(\d+)\.(\w+)_norm\.weight$/.exec(name);
  const layer = match ? spec.layers[Number(match[1])] : undefined;
  if (!match || layer?.kind !== 'attention') return null;
  const { norms, attention } = layer;
  switch (match[2]) {
    case 'attention_input':
      return norms.attentionInput;
    case 'attention_output':
      return norms.attentionOutput;
    case 'attention_residual':
      return norms.attentionResidual;
    case 'feed_forward_input':
      return norms.feedForwardInput;
    case 'feed_forward_output':
      return norms.feedForwardOutput;
    case 'feed_forward_residual':
      return norms.feedForwardResidual;
    case 'query':
    case 'key':
      return attention.queryKeyNorm?.norm ?? null;
    default:
      return null;
  }
}
