/**
 * What electron/formats yields for every kind of model file: one table of tensors and matrices under the names the file
 * uses, the raw hyper-parameters, the tokenizer's and the template's source. No tensor data. models/families turns it
 * into a ModelSpec and canonical names.
 */
import type { PackContents, SourceFormat } from './pack.ts';

/** ggml block types by their ggml name, plus the plain types of safetensors and ONNX. */
export const ggmlTypeNames = [
  'F32', 'F16', 'BF16', 'F64', 'I8', 'I16', 'I32', 'I64',
  'Q4_0', 'Q4_1', 'Q5_0', 'Q5_1', 'Q8_0', 'Q8_1',
  'Q2_K', 'Q3_K', 'Q4_K', 'Q5_K', 'Q6_K', 'Q8_K',
  'IQ2_XXS', 'IQ2_XS', 'IQ2_S', 'IQ3_XXS', 'IQ3_S', 'IQ1_S', 'IQ1_M', 'IQ4_NL', 'IQ4_XS',
  'TQ1_0', 'TQ2_0', 'MXFP4', 'NVFP4', 'Q1_0',
] as const; // prettier-ignore
export type GgmlType = (typeof ggmlTypeNames)[number];
/** Types that only safetensors or ONNX files hold. */
export type PlainType =
  | 'U8' | 'U16' | 'U32' | 'U64' | 'BOOL' | 'C64' | 'I4' | 'U4' | 'I2' | 'U2'
  | 'F8_E4M3' | 'F8_E5M2' | 'F8_E8M0' | 'F8_E4M3FNUZ' | 'F8_E5M2FNUZ' | 'F4' | 'F6_E2M3' | 'F6_E3M2'; // prettier-ignore
export type TensorType = GgmlType | PlainType;

/** A file of the model that was opened and checked. `name` is relative to the model's folder, with `/`. */
export interface SourceFile {
  readonly name: string;
  /** Absolute, links resolved, inside the model's folder (or an HF snapshot's own blobs). */
  readonly path: string;
  readonly bytes: number;
  /** Bytes from the start that are header (magic, metadata, tensor table): what the model identity hashes. 0 if the file is all data, its whole size if it has none. */
  readonly headerBytes: number;
}

/** One stored tensor. `shape` is outermost first as in HF ([rows, columns]); GGUF's ne[] is reversed into it. Bytes lie contiguously at `offset` of `files[file]` and were checked to be inside it. */
export interface TensorInfo {
  readonly name: string;
  readonly type: TensorType;
  readonly shape: readonly number[];
  readonly file: number;
  readonly offset: number;
  readonly bytes: number;
}

/**
 * A weight matrix kept as packed codes with scales in tensors of their own: w[row, column] = (code − zero) · scale.
 * `name` is what the plain weight would be called in the file (`model.layers.0.self_attn.q_proj.weight`).
 */
export interface QuantizedMatrix {
  readonly name: string;
  /** matmulnbits: codes [rows, blocks, blockSize·bits/8] low bits first; gptq: int32 along inputs; awq: int32 along outputs, interleaved (formats.md §5). */
  readonly layout: 'matmulnbits' | 'gptq' | 'awq';
  readonly rows: number;
  readonly columns: number;
  readonly bits: number;
  /** Columns that share one scale. */
  readonly blockSize: number;
  readonly codes: TensorInfo;
  readonly scales: TensorInfo;
  /** Absent: 2^(bits−1). May be float for matmulnbits. */
  readonly zeroPoints: TensorInfo | null;
  /** Added to the stored zero points (GPTQ v1 stores zero−1). */
  readonly zeroPointOffset: 0 | 1;
  /** GPTQ act-order: group of each column. */
  readonly groupIndex: TensorInfo | null;
}

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = { readonly [key: string]: Json };

/** A GGUF metadata value; 64-bit integers that are not safe numbers stay bigint; numeric arrays are typed arrays. */
export type GgufValue =
  | string | number | boolean | bigint
  | readonly string[] | readonly boolean[] | readonly bigint[]
  | Uint8Array | Int8Array | Uint16Array | Int16Array | Uint32Array | Int32Array | Float32Array | Float64Array; // prettier-ignore

/** The raw hyper-parameters: GGUF metadata, or HF's config.json (for genai folders a config.json-like object is derived from genai_config.json where config.json is absent). */
export type Metadata =
  | { readonly kind: 'gguf'; readonly values: ReadonlyMap<string, GgufValue> }
  | { readonly kind: 'huggingface'; readonly config: JsonObject };

export type TokenizerSource =
  | {
      readonly kind: 'huggingface';
      /** Text of tokenizer.json and, where present, tokenizer_config.json, parsed and size-checked. */
      readonly tokenizer: JsonObject;
      readonly config: JsonObject;
    }
  | {
      readonly kind: 'gguf';
      readonly model: string; // 'gpt2' (BPE), 'llama' (SPM), 'bert', 't5', 'none' …
      readonly preTokenizer: string; // tokenizer.ggml.pre
      readonly tokens: readonly string[];
      readonly scores: Float32Array | null;
      readonly tokenTypes: Int32Array | null;
      readonly merges: readonly string[] | null;
      readonly addBos: boolean | null;
      readonly addEos: boolean | null;
      readonly addSpacePrefix: boolean | null;
    };

/** What marks the parts of a fill-in-the-middle prompt; null: the vocabulary has no such token. */
export interface InfillTokens {
  readonly prefix: number | null;
  readonly suffix: number | null;
  /** The model writes the middle after it. */
  readonly middle: number | null;
  /** The suffix stands first and the middle follows the prefix, without a token of its own. */
  readonly suffixFirst: boolean;
}

export interface SpecialIds {
  readonly bos: number | null;
  /** Union of every end-of-generation id the files name (formats.md §6), without the template's own turn enders. */
  readonly ends: readonly number[];
  readonly unknown: number | null;
  readonly padding: number | null;
  /** Null: no token of the kind. */
  readonly infill: InfillTokens | null;
}

export interface NamedTemplate {
  readonly name: string; // 'default', 'tool_use', 'rag' …
  readonly template: string;
}

/** Sampling defaults the model's author set (generation_config.json, general.sampling.*, genai search). */
export interface GenerationDefaults {
  readonly temperature?: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly minP?: number;
  readonly repetitionPenalty?: number;
}

export interface GraphTensor {
  readonly name: string;
  readonly type: TensorType | 'STRING' | 'UNKNOWN';
  /** A number, or the symbol's name, or '' where neither is declared. */
  readonly shape: readonly (number | string)[];
}

/** An exported ONNX graph as it lies in the folder: its role, declared inputs and outputs, operators used. */
export interface OnnxGraph {
  readonly role: 'decoder' | 'embedding' | 'vision' | 'other';
  readonly file: number;
  readonly inputs: readonly GraphTensor[];
  readonly outputs: readonly GraphTensor[];
  /** `domain:Op` (default domain as `ai.onnx:Op`) → count. */
  readonly operators: ReadonlyMap<string, number>;
}

export interface ModelSource {
  readonly format: SourceFormat | 'pack';
  /** What the person named: a file or folder, absolute. */
  readonly path: string;
  readonly folder: string;
  /** A name to show: general.name, or the folder's or file's. */
  readonly name: string;
  readonly files: readonly SourceFile[];
  /** general.architecture or model_type. Not yet known to be supported. */
  readonly architecture: string;
  readonly metadata: Metadata;
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly matrices: ReadonlyMap<string, QuantizedMatrix>;
  readonly tokenizer: TokenizerSource | null;
  readonly templates: readonly NamedTemplate[];
  readonly special: SpecialIds;
  readonly generation: GenerationDefaults;
  readonly graphs: readonly OnnxGraph[];
  /** Of a pack, whose tensors and matrices are those of the model it was made of and lie in no file. */
  readonly pack?: PackContents;
}

/** The format that names, numbers and conventions of a source follow: a pack's are those of the model it was made of. */
export function originalFormat({ format, pack }: ModelSource): SourceFormat {
  if (format !== 'pack') return format;
  if (!pack) throw new TypeError('A pack without contents.');
  return pack.origin.format;
}
