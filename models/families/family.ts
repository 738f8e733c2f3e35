/** What one file per family supplies, and what it is given. */
import type { JsonObject, ModelSource } from '../../electron/contract/model-source.ts';
import type { HyperParameters } from './hyper-parameters.ts';
import type { ModelSpec } from './model-spec.ts';
import type { NameTable } from './name-tables.ts';

export interface FamilyInput {
  readonly h: HyperParameters;
  readonly tensors: ModelSource['tensors'];
  /** Rows of the embedding as the file stores it: the vocabulary where no field gives one. */
  readonly embeddingRows: number | null;
  /** Gemma's HF files store norm weights minus one; converters to GGUF and ONNX add it. */
  readonly normsMinusOne: boolean;
}

/** A spec as a family reads it: whether the head is tied is seen from the file's tensors, the same way for all. */
export type FamilySpec = Omit<ModelSpec, 'family' | 'head'> & {
  readonly head: Omit<ModelSpec['head'], 'tied'>;
};

export interface Family {
  readonly name: string;
  /** `model_type` values of config.json. */
  readonly modelTypes: readonly string[];
  /** `general.architecture` values of GGUF. */
  readonly ggufArchitectures: readonly string[];
  /** Narrows a GGUF architecture that several families share. */
  readonly takes?: (h: HyperParameters) => boolean;
  /** Without `tie_word_embeddings` in config.json. */
  readonly tiesByDefault: boolean;
  /** Stems of linear layers whose bias must be in the file; other biases are used where they are. */
  readonly biases?: (h: HyperParameters) => readonly string[];
  readonly names: {
    readonly huggingFace: NameTable;
    readonly gguf: NameTable | null;
    readonly onnx: NameTable | null;
  };
  /** Fields that vision models leave out of text_config because they equal the library's defaults. */
  readonly nestedDefaults?: JsonObject;
  readonly read: (input: FamilyInput) => FamilySpec;
}
