/**
 * What an exported decoder wants to be fed, read from its own declarations: names and element types vary between exporters
 * and even between precisions of one model, so nothing is taken from the file's name or its family.
 */
import { badFile, LabError } from '../../../contract/errors.ts';
import type { GraphTensor, JsonObject, ModelSource, OnnxGraph } from '../../../contract/model-source.ts';
import type { FloatType } from './past.ts';

export type IntegerType = 'I64' | 'I32';

/** One cached tensor [1, heads, positions, dimension]: the graph's output becomes the input of the next run. */
export interface PastSlot {
  readonly input: string;
  readonly output: string;
  readonly type: FloatType;
  readonly heads: number;
  readonly dimension: number;
}

export interface DecoderInputs {
  /** Which .onnx file, by name in the model's folder. */
  readonly fileName: string;
  readonly tokens:
    | { readonly kind: 'ids'; readonly type: IntegerType }
    | { readonly kind: 'embeddings'; readonly type: FloatType };
  readonly mask: IntegerType | null;
  readonly positions: { readonly type: IntegerType; readonly axes: 1 | 3 } | null;
  /** num_logits_to_keep: 0 = all, n = the last n. */
  readonly keep: { readonly type: IntegerType; readonly isScalar: boolean } | null;
  /** use_cache_branch of merged decoders: false for the first run. */
  readonly hasCacheBranch: boolean;
  /** Empty: the graph caches nothing. */
  readonly past: readonly PastSlot[];
  readonly vocabularySize: number;
  readonly hiddenSize: number;
}

const pastName = /^past_key_values\.(\d+)\.(key|value)$/;

/** Throws unsupported-feature for inputs that a text decoder does not have, bad-file or unsupported-type for impossible declarations. */
export function decoderInputs(source: ModelSource): DecoderInputs {
  const graph = source.graphs.find((one) => one.role === 'decoder');
  if (!graph) throw new LabError('unsupported-feature', `${source.name} holds no exported decoder.`);
  const config = source.metadata.kind === 'huggingface' ? source.metadata.config : {};
  return new Declarations(graph, source.files[graph.file]?.name ?? '', config).decoder();
}

/** Positions where neither configuration names a limit. */
const defaultContextLength = 4096;

/** Null: the graph keeps no cache. */
export function kvBytesPerToken(past: readonly PastSlot[]): number | null {
  if (past.length === 0) return null;
  return past.reduce(
    (sum, { type, heads, dimension }) => sum + heads * dimension * (type === 'F16' ? 2 : 4),
    0,
  );
}

/** Of the configurations. */
export function contextLength(source: ModelSource): number {
  if (source.metadata.kind !== 'huggingface') return defaultContextLength;
  const { config } = source.metadata;
  const stated = config['max_position_embeddings'] ?? config['n_positions'] ?? config['max_sequence_length'];
  return typeof stated === 'number' && Number.isInteger(stated) && stated > 0 ? stated : defaultContextLength;
}

class Declarations {
  readonly #graph: OnnxGraph;
  readonly #file: string;
  readonly #config: JsonObject;

  constructor(graph: OnnxGraph, file: string, config: JsonObject) {
    this.#graph = graph;
    this.#file = file;
    this.#config = config;
  }

  decoder(): DecoderInputs {
    this.#refuseOthers();
    const logits = this.#graph.outputs.find((output) => output.name === 'logits');
    if (!logits) this.#unsupported('the graph has no output named logits', 'logits');
    this.#float(logits);
    return {
      fileName: this.#file,
      tokens: this.#tokens(),
      mask: this.#optional('attention_mask', (input) => this.#integer(input)),
      positions: this.#optional('position_ids', (input) => ({
        type: this.#integer(input),
        axes: input.shape.length === 3 && input.shape[0] === 3 ? 3 : 1,
      })),
      keep: this.#optional('num_logits_to_keep', (input) => ({
        type: this.#integer(input),
        isScalar: input.shape.length === 0,
      })),
      hasCacheBranch: this.#input('use_cache_branch') !== undefined,
      past: this.#past(),
      vocabularySize: this.#size(logits, logits.shape.length - 1, 'vocab_size'),
      hiddenSize: this.#hiddenSize(),
    };
  }

  #refuseOthers(): void {
    const known =
      /^(input_ids|inputs_embeds|attention_mask|position_ids|num_logits_to_keep|use_cache_branch)$/;
    const other = this.#graph.inputs.find(({ name }) => !known.test(name) && !pastName.test(name));
    if (other) this.#unsupported(`the input ${JSON.stringify(other.name)} is not known`, other.name);
  }

  #tokens(): DecoderInputs['tokens'] {
    const ids = this.#input('input_ids');
    if (ids) return { kind: 'ids', type: this.#integer(ids) };
    const embeddings = this.#input('inputs_embeds');
    if (embeddings) return { kind: 'embeddings', type: this.#float(embeddings) };
    this.#unsupported('the graph takes neither input_ids nor inputs_embeds', 'input_ids');
  }

  #past(): PastSlot[] {
    return this.#graph.inputs.flatMap((input) => {
      const match = pastName.exec(input.name);
      if (!match) return [];
      const output = `present.${match[1]}.${match[2]}`;
      const present = this.#graph.outputs.find((one) => one.name === output);
      if (!present) this.#unsupported(`the cache's output ${output} is missing`, output);
      const type = this.#float(input);
      if (present.type !== type)
        this.#fail(present, `the cache goes in as ${type} and comes out as ${present.type}`);
      if (input.shape.length !== 4) this.#unsupported('a cache that has not 4 axes', input.name);
      const heads = this.#size(input, 1, 'num_key_value_heads', 'num_attention_heads', 'n_head');
      return [{ input: input.name, output, type, heads, dimension: this.#size(input, 3, 'head_dim') }];
    });
  }

  #hiddenSize(): number {
    const embeddings = this.#input('inputs_embeds');
    if (embeddings) return this.#size(embeddings, 2, 'hidden_size');
    const known = this.#config['hidden_size'] ?? this.#config['n_embd'];
    return typeof known === 'number' ? known : 0;
  }

  /** A declared size, or where the graph leaves it open the configuration's. */
  #size(tensor: GraphTensor, axis: number, ...fields: string[]): number {
    const declared = tensor.shape[axis];
    const candidates = [declared, ...fields.map((field) => this.#config[field])];
    const size = candidates.find((value) => typeof value === 'number');
    if (size !== undefined && Number.isInteger(size) && size > 0 && size < 2 ** 31) return size;
    this.#fail(tensor, `axis ${axis} has no usable size`);
  }

  #input(name: string): GraphTensor | undefined {
    return this.#graph.inputs.find((input) => input.name === name);
  }

  #optional<T>(name: string, read: (input: GraphTensor) => T): T | null {
    const input = this.#input(name);
    return input ? read(input) : null;
  }

  #integer(tensor: GraphTensor): IntegerType {
    if (tensor.type === 'I64' || tensor.type === 'I32') return tensor.type;
    this.#wrongType(tensor, 'int64 or int32');
  }

  #float(tensor: GraphTensor): FloatType {
    if (tensor.type === 'F32' || tensor.type === 'F16') return tensor.type;
    this.#wrongType(tensor, 'float32 or float16');
  }

  #wrongType(tensor: GraphTensor, expected: string): never {
    const message = `${this.#file}, ${tensor.name}: the type is ${tensor.type}, expected ${expected}.`;
    throw new LabError('unsupported-type', message, { file: this.#file, field: tensor.name });
  }

  #fail(tensor: GraphTensor, message: string): never {
    throw badFile(message, { file: this.#file, field: tensor.name });
  }

  #unsupported(what: string, field: string): never {
    throw new LabError('unsupported-feature', `${this.#file}: ${what}.`, { file: this.#file, field });
  }
}
