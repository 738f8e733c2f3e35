/** What a pack says of itself: the model it was made of, and where matrices lie in the engine's own layout (native/src/matrix/layout.h). */

export const packCodes = ['f32', 'f16', 'bf16', 'twos', 'nibbles', 'fives', 'sixes', 'bytes'] as const;
export const packScales = [
  'none', 'f16', 'f16_offset', 'f16_point', 'f32', 'f32_offset', 'f32_point', 'k4', 'k6',
] as const; // prettier-ignore

/** What tells, with rows and columns, how the bytes of a packed matrix lie. */
export interface MatrixLayout {
  /** e.g. q4_0×8. */
  readonly name: string;
  readonly codes: (typeof packCodes)[number];
  readonly scales: (typeof packScales)[number];
  readonly zero: number;
  readonly pointBase: number;
  readonly stepColumns: number;
  readonly stepsPerHeader: number;
}

export type SourceFormat = 'gguf' | 'safetensors' | 'genai' | 'transformersjs';

/** The model that a pack was made of. */
export interface PackOrigin {
  readonly identity: string;
  readonly name: string;
  readonly format: SourceFormat;
  /** By which its matrices were quantized for this pack, e.g. q4-g32; absent: they are its own. */
  readonly recipe?: string | undefined;
}

/** A run of whole groups of a matrix, `offset` bytes inside a record. */
export interface PackTile {
  readonly record: number;
  readonly offset: number;
  readonly groups: number;
}

/** The tiles hold all groups in order. */
export interface PackMatrix {
  readonly rows: number;
  readonly columns: number;
  readonly layout: MatrixLayout;
  /** The vector that says which input each column multiplies; null: in order. */
  readonly columnOrder: string | null;
  readonly tiles: readonly PackTile[];
}

/** `count` numbers of 4 bytes, little-endian, `offset` bytes inside a record. */
export interface PackVector {
  readonly type: 'f32' | 'i32';
  readonly count: number;
  readonly record: number;
  readonly offset: number;
}

/** Runs of bytes that are read as a whole: their places in the file, ascending and apart, and their checksums (CRC32C). */
export interface PackRecords {
  readonly offsets: Float64Array;
  readonly bytes: Float64Array;
  readonly checksums: Uint32Array;
}

/** Every size, place and count was checked against the file and each other; whether a model's weights are all there was not. */
export interface PackContents {
  readonly origin: PackOrigin;
  readonly headerOffset: number;
  readonly headerBytes: number;
  readonly records: PackRecords;
  /** By canonical name (models/families/model-spec.ts). */
  readonly matrices: ReadonlyMap<string, PackMatrix>;
  readonly vectors: ReadonlyMap<string, PackVector>;
}
