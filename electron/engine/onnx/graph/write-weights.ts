/** Writes every canonical weight of a model into a graph's weight file, in the form its operators read. */
import { LabError } from '../../../contract/errors.ts';
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
import { packedBlocks, type Blocks, type OrderedBlocks, type RoundedMatrix } from '../../packed-blocks.ts';
import { asTable, fitsMatMulNBits, writeBlocks, writeFloat, writeRounded, type Linear } from './linear.ts';
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

/** What a graph that stands alone has: its table of token rows, and matrices that are rounded on the way. */
export interface ExportedWeights {
  /** Null: the weight stays as it is. */
  readonly rounded: (name: string, ref: WeightRef) => Promise<RoundedMatrix | null>;
}

export async function writeWeights(
  source: ModelSource,
  model: ResolvedModel,
  file: WeightFile,
  arithmetic: Arithmetic,
  progress: BuildProgress,
  exported: ExportedWeights | null = null,
): Promise<WrittenWeights> {
  const writer = new WeightsWriter({ source, model, exported }, file, arithmetic);
  const total = [...model.weights.values()].reduce((sum, ref) => sum + elements(ref), 0);
  let done = 0;
  for (const joint of exported ? [] : jointMatrices(model.spec)) {
    progress.signal?.throwIfAborted();
    await writer.writeJoint(joint);
  }
  for (const [name, ref] of model.weights) {
    progress.signal?.throwIfAborted();
    await writer.write(name, ref);
    done += elements(ref);
    progress.onProgress?.(done, total);
  }
  for (const [index, layer] of exported ? [] : model.spec.layers.entries()) {
    progress.signal?.throwIfAborted();
    if (layer.kind === 'attention' && layer.feedForward.kind === 'experts') {
      await writer.writeExperts(index, layer.feedForward);
    }
  }
  return { linears: writer.linears, vectors: writer.vectors, tensors: file.tensors };
}

interface JointMatrix {
  readonly name: string;
  readonly members: readonly string[];
}

/** Matrices over one input with nothing between them and their common reader: stored as one, they are one operator. */
function jointMatrices(spec: ModelSpec): JointMatrix[] {
  return spec.layers.flatMap((layer, index) => {
    if (layer.kind !== 'attention') return [];
    const prefix = `layers.${index}`;
    const joint = (name: string, members: readonly string[]) => ({
      name: `${prefix}.${name}`,
      members: members.map((member) => `${prefix}.${member}`),
    });
    const { queryKeyNorm, clip } = layer.attention;
    return [
      ...(queryKeyNorm === null && clip === null
        ? [joint('query_key_value', ['query', 'key', 'value'])]
        : []),
      ...(layer.feedForward.kind === 'dense' && layer.feedForward.gated
        ? [joint('gate_up', ['gate', 'up'])]
        : []),
    ];
  });
}

/** Most bytes the weight file can need, for the check of free space. `roundedBytes`: of a weight that is rounded on the way. */
export function estimateWeightBytes(
  model: ResolvedModel,
  roundedBytes: (name: string, ref: WeightRef) => number | null = () => null,
): number {
  let bytes = 0;
  for (const [name, ref] of model.weights) {
    const rounded = roundedBytes(name, ref);
    if (rounded !== null) {
      bytes += rounded + 4 * 4096;
      continue;
    }
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
  readonly #joined = new Set<string>();
  readonly #source: ModelSource;
  readonly #model: ResolvedModel;
  readonly #file: WeightFile;
  readonly #arithmetic: Arithmetic;
  readonly #exported: ExportedWeights | null;

  constructor(
    written: {
      readonly source: ModelSource;
      readonly model: ResolvedModel;
      readonly exported: ExportedWeights | null;
    },
    file: WeightFile,
    arithmetic: Arithmetic,
  ) {
    this.#source = written.source;
    this.#model = written.model;
    this.#exported = written.exported;
    this.#file = file;
    this.#arithmetic = arithmetic;
  }

  /** Writes the members' matrices and biases as one where all have the same form; else leaves them to `write`. */
  async writeJoint({ name, members }: JointMatrix): Promise<void> {
    const refs = members.map((member) => this.#model.weights.get(`${member}.weight`)!);
    const biases = members.flatMap((member) => this.#model.weights.get(`${member}.bias`) ?? []);
    if (biases.length !== 0 && biases.length !== members.length) return;
    const linear = await this.#jointLinear(`${name}.weight`, refs);
    if (!linear) return;
    this.linears.set(`${name}.weight`, linear);
    if (biases.length > 0) {
      const values = joinedFloats(await Promise.all(biases.map((ref) => readWeight(this.#source, ref))));
      this.vectors.set(`${name}.bias`, await this.#file.write(`${name}.bias`, [values.length], values));
    }
    for (const member of members) this.#joined.add(`${member}.weight`).add(`${member}.bias`);
  }

  async #jointLinear(name: string, refs: readonly WeightRef[]): Promise<Linear | null> {
    const columns = refs[0]!.shape[1]!;
    const rows = refs.reduce((sum, ref) => sum + ref.shape[0]!, 0);
    const packed = await Promise.all(refs.map((ref) => this.#blocks(ref, ref.shape[0]!, columns)));
    if (packed.every((blocks) => blocks === null)) {
      const values = await Promise.all(refs.map((ref) => readWeight(this.#source, ref)));
      return writeFloat(this.#file, name, joinedFloats(values), rows, columns);
    }
    const blocks = joinedBlocks(packed);
    if (!blocks || !fitsMatMulNBits(blocks.blockSize, columns)) return null;
    const ordered = { blocks, columnOrder: null };
    return writeBlocks(this.#file, name, ordered, { rows, columns }, this.#arithmetic);
  }

  async write(name: string, ref: WeightRef): Promise<void> {
    const { head } = this.#model.spec;
    if (this.#joined.has(name)) return;
    if (expertName.test(name) && !this.#exported) return; // stacked later
    if (name.startsWith('rope_factors')) return; // read by the session's rope tables
    if (name === 'embedding.weight' && this.#exported) {
      this.linears.set(name, await this.#table(name, ref));
      return;
    }
    if (name === 'embedding.weight' && !head.tied) return; // rows are looked up in the model's own file
    if (name === 'embedding.weight' || linearName.test(name)) {
      this.linears.set(name, await this.#linear(name, ref));
      return;
    }
    this.vectors.set(name, await this.#vector(name, ref));
  }

  /** A matrix that rows are looked up in too: its codes lie under a second name. */
  async #table(name: string, ref: WeightRef): Promise<Linear> {
    const linear = await this.#linear(name, ref);
    if (linear.kind === 'float') return linear;
    if (linear.columnOrder !== null) {
      const message = `${name}: a graph cannot look up rows whose columns are out of order. A pack can hold them.`;
      throw new LabError('unsupported-feature', message);
    }
    for (const { codes, bits } of linear.parts) {
      this.#file.alias(asTable(codes), codes, [linear.rows, (linear.columns * bits) / 8]);
    }
    return linear;
  }

  async #linear(name: string, ref: WeightRef): Promise<Linear> {
    const [rows, columns] = ref.shape as [number, number];
    const rounded = await this.#exported?.rounded(name, ref);
    if (rounded) return writeRounded(this.#file, name, rounded, this.#arithmetic);
    const packed = await this.#blocks(ref, rows, columns);
    if (packed && fitsMatMulNBits(packed.blocks.blockSize, columns)) {
      // Rows of 2-bit codes cannot be looked up: those of a table take 4 bits, as in reference arithmetic.
      const isNarrow = this.#exported && name === 'embedding.weight' && packed.blocks.bits === 2;
      const stored = isNarrow ? 'reference' : this.#arithmetic;
      return writeBlocks(this.#file, name, packed, { rows, columns }, stored);
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

function joinedFloats(parts: readonly Float32Array[]): Float32Array {
  const joined = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}

/** One matrix below the other; null where they differ in more than their values. */
function joinedBlocks(parts: readonly (OrderedBlocks | null)[]): Blocks | null {
  const blocks = parts.flatMap((part) => (part && part.columnOrder === null ? [part.blocks] : []));
  const [first] = blocks;
  if (!first || blocks.length !== parts.length) return null;
  const form = ({ bits, blockSize, zero, offsets }: Blocks) =>
    `${bits} ${blockSize} ${zero} ${offsets === null}`;
  if (blocks.some((each) => form(each) !== form(first))) return null;
  const codes = new Uint8Array(blocks.reduce((sum, each) => sum + each.codes.length, 0));
  let offset = 0;
  for (const each of blocks) {
    codes.set(each.codes, offset);
    offset += each.codes.length;
  }
  return {
    ...first,
    codes,
    scales: joinedFloats(blocks.map((each) => each.scales)),
    offsets: first.offsets && joinedFloats(blocks.map((each) => each.offsets!)),
  };
}
