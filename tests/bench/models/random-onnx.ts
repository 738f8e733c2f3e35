/**
 * Writes llama models with random weights as onnxruntime-genai exports them: MatMulNBits of 4 bits in blocks of 32 without zero points, activations
 * quantized to 8 bits (accuracy level 4, the exporter's choice for processors), GroupQueryAttention with rope inside, a float32 token table.
 */
import { mkdir, open, writeFile, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { GraphWriter } from '../../../electron/engine/onnx/graph/graph-writer.ts';
import { DataType, externalTensor } from '../../../electron/formats/onnx/protobuf.ts';
import { bytesOfFloats, RepeatedPool } from './repeated-pool.ts';
import { randomWords } from './random-blocks.ts';
import { matrixElements, vocabulary, type ModelShape } from './shapes.ts';

const dataName = 'model.onnx.data';
const blockSize = 32;
const ropeTheta = 10_000;
const epsilon = 1e-5;
/** Positions in the graph's rope tables. */
const positions = 4096;
/** Standard deviation of 0…15 − 8. */
const codeDeviation = 4.61;

class FolderWriter {
  readonly graph = new GraphWriter();
  readonly #file: FileHandle;
  readonly #codes: RepeatedPool;
  #offset = 0;

  constructor(file: FileHandle) {
    this.#file = file;
    const codes = new Uint32Array(2_000_003);
    randomWords(codes, 1);
    this.#codes = new RepeatedPool(new Uint8Array(codes.buffer));
  }

  #place(name: string, dataType: DataType, dims: readonly number[], length: number): string {
    const place = { location: dataName, offset: this.#offset, length };
    this.graph.initializer(externalTensor({ name, dataType, dims }, place));
    this.#offset += length;
    return name;
  }

  async floats(name: string, dims: readonly number[], values: Float32Array): Promise<string> {
    await this.#file.write(bytesOfFloats(values));
    return this.#place(name, DataType.FLOAT, dims, values.byteLength);
  }

  /** input · matrixᵀ. */
  async multiply(input: string, name: string, rows: number, columns: number, output?: string) {
    const blocks = columns / blockSize;
    const codeBytes = (rows * columns) / 2;
    await this.#codes.write(this.#file, codeBytes);
    const codes = this.#place(
      `${name}.MatMul.weight_Q4`,
      DataType.UINT8,
      [rows, blocks, blockSize / 2],
      codeBytes,
    );
    const scale = 1 / (codeDeviation * Math.sqrt(columns));
    // Half of them negative: the values have mean 0 although the codes' mean is not.
    const values = new Float32Array(rows * blocks);
    for (let i = 0; i < values.length; i++) values[i] = i % 2 === 0 ? scale : -scale;
    const scales = await this.floats(`${name}.MatMul.weight_scales`, [rows, blocks], values);
    const attributes = { K: columns, N: rows, bits: 4, block_size: blockSize, accuracy_level: 4 };
    return this.graph.node('MatMulNBits', [input, codes, scales], attributes, output);
  }

  async normalize(input: string, name: string, size: number): Promise<string> {
    const weight = await this.floats(`${name}.weight`, [size], new Float32Array(size).fill(1));
    const attributes = { epsilon: { float: epsilon }, axis: -1, stash_type: 1 };
    return this.graph.node('SimplifiedLayerNormalization', [input, weight], attributes);
  }
}

/** Rows of ±1/√columns: as large as a random table's, and made at once. */
function tokenTable({ hidden }: ModelShape): Float32Array {
  const words = new Uint32Array(vocabulary * hidden);
  randomWords(words, 3);
  const size = 1 / Math.sqrt(hidden);
  const values = new Float32Array(words.length);
  for (let i = 0; i < words.length; i++) values[i] = words[i]! & 1 ? size : -size;
  return values;
}

function ropeTable(shape: ModelShape, of: (angle: number) => number): Float32Array {
  const half = shape.headDimension / 2;
  return Float32Array.from({ length: positions * half }, (_, i) => {
    const frequency = ropeTheta ** (-(i % half) / half);
    return of(Math.floor(i / half) * frequency);
  });
}

interface Shared {
  readonly lengths: string;
  readonly total: string;
  readonly cosines: string;
  readonly sines: string;
}

async function sharedInputs(writer: FolderWriter, shape: ModelShape): Promise<Shared> {
  const { graph } = writer;
  const mask = graph.input('attention_mask', DataType.INT64, ['batch_size', 'total_sequence_length']);
  const one = graph.integers([1]);
  const sums = graph.node('Sub', [graph.node('ReduceSum', [mask, one], { keepdims: 0 }), one]);
  const length = graph.node('Squeeze', [graph.node('Shape', [mask], { start: 1 })]);
  const dims = [positions, shape.headDimension / 2];
  return {
    lengths: graph.node('Cast', [sums], { to: DataType.INT32 }),
    total: graph.node('Cast', [length], { to: DataType.INT32 }),
    cosines: await writer.floats('cos_cache', dims, ropeTable(shape, Math.cos)),
    sines: await writer.floats('sin_cache', dims, ropeTable(shape, Math.sin)),
  };
}

async function attention(
  writer: FolderWriter,
  shape: ModelShape,
  index: number,
  input: string,
  shared: Shared,
) {
  const { graph } = writer;
  const { hidden, heads, keyValueHeads, headDimension } = shape;
  const name = `model.layers.${index}.attn`;
  const rows = (heads + 2 * keyValueHeads) * headDimension;
  const joint = await writer.multiply(input, `${name}.qkv_proj`, rows, hidden);
  const past = ['key', 'value'].map((part) => {
    const dims = (length: string) => ['batch_size', keyValueHeads, length, headDimension];
    graph.output(`present.${index}.${part}`, DataType.FLOAT, dims('total_sequence_length'));
    return graph.input(`past_key_values.${index}.${part}`, DataType.FLOAT, dims('past_sequence_length'));
  });
  const { lengths, total, cosines, sines } = shared;
  const output = `attended.${index}`;
  graph.nodes(
    'GroupQueryAttention',
    [joint, '', '', ...past, lengths, total, cosines, sines],
    { num_heads: heads, kv_num_heads: keyValueHeads, scale: { float: headDimension ** -0.5 }, do_rotary: 1 },
    [output, `present.${index}.key`, `present.${index}.value`],
  );
  return writer.multiply(output, `${name}.o_proj`, hidden, heads * headDimension);
}

async function feedForward(writer: FolderWriter, shape: ModelShape, index: number, input: string) {
  const { graph } = writer;
  const { hidden, feedForward: width } = shape;
  const name = `model.layers.${index}.mlp`;
  const gate = await writer.multiply(input, `${name}.gate_proj`, width, hidden);
  const up = await writer.multiply(input, `${name}.up_proj`, width, hidden);
  const activated = graph.node('Mul', [gate, graph.node('Sigmoid', [gate])]);
  return writer.multiply(graph.node('Mul', [activated, up]), `${name}.down_proj`, hidden, width);
}

async function decoder(writer: FolderWriter, shape: ModelShape): Promise<void> {
  const { graph } = writer;
  const { hidden } = shape;
  const ids = graph.input('input_ids', DataType.INT64, ['batch_size', 'sequence_length']);
  const table = await writer.floats('model.embed_tokens.weight', [vocabulary, hidden], tokenTable(shape));
  const shared = await sharedInputs(writer, shape);
  let stream = graph.node('Gather', [table, ids]);
  for (let index = 0; index < shape.layers; index++) {
    const name = `model.layers.${index}`;
    const before = await writer.normalize(stream, `${name}.input_layernorm`, hidden);
    stream = graph.node('Add', [stream, await attention(writer, shape, index, before, shared)]);
    const between = await writer.normalize(stream, `${name}.post_attention_layernorm`, hidden);
    stream = graph.node('Add', [stream, await feedForward(writer, shape, index, between)]);
  }
  const last = await writer.normalize(stream, `model.layers.${shape.layers}.final_norm_layernorm`, hidden);
  graph.output('logits', DataType.FLOAT, ['batch_size', 'sequence_length', vocabulary]);
  await writer.multiply(last, 'lm_head', vocabulary, hidden, 'logits');
}

function configs(shape: ModelShape): Record<string, object> {
  const model = {
    context_length: positions,
    decoder: {
      filename: 'model.onnx',
      head_size: shape.headDimension,
      hidden_size: shape.hidden,
      inputs: {
        input_ids: 'input_ids',
        attention_mask: 'attention_mask',
        past_key_names: 'past_key_values.%d.key',
        past_value_names: 'past_key_values.%d.value',
      },
      outputs: {
        logits: 'logits',
        present_key_names: 'present.%d.key',
        present_value_names: 'present.%d.value',
      },
      num_attention_heads: shape.heads,
      num_hidden_layers: shape.layers,
      num_key_value_heads: shape.keyValueHeads,
    },
    type: 'llama',
    vocab_size: vocabulary,
  };
  const config = {
    model_type: 'llama',
    hidden_size: shape.hidden,
    intermediate_size: shape.feedForward,
    num_hidden_layers: shape.layers,
    num_attention_heads: shape.heads,
    num_key_value_heads: shape.keyValueHeads,
    head_dim: shape.headDimension,
    hidden_act: 'silu',
    rms_norm_eps: epsilon,
    rope_theta: ropeTheta,
    max_position_embeddings: positions,
    tie_word_embeddings: false,
    vocab_size: vocabulary,
  };
  return { 'genai_config.json': { model, search: {} }, 'config.json': config };
}

/** Bytes of codes and scales that one decoded token reads: all matrices, the token table but for one row. */
export function onnxWeightBytes(shape: ModelShape): number {
  const elements = matrixElements(shape);
  return elements / 2 + (elements / blockSize) * 4;
}

/** Writes the folder, which need not exist. */
export async function writeRandomOnnx(folder: string, shape: ModelShape): Promise<void> {
  await mkdir(folder, { recursive: true });
  const file = await open(join(folder, dataName), 'w');
  try {
    const writer = new FolderWriter(file);
    await decoder(writer, shape);
    await writeFile(join(folder, 'model.onnx'), writer.graph.encode());
  } finally {
    await file.close();
  }
  for (const [name, value] of Object.entries(configs(shape))) {
    await writeFile(join(folder, name), JSON.stringify(value));
  }
}
