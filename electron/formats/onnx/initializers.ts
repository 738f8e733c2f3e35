/**
 * Where the weights of a graph lie: in the .onnx file or in files beside it (external data). Every location is opened here first,
 * contained in the model's folder, and every range is checked against its file, since onnxruntime opens them again by itself.
 */
import { posix } from 'node:path';
import { badFile, LabError } from '../../contract/errors.ts';
import type { SourceFile, TensorInfo, TensorType } from '../../contract/model-source.ts';
import { nameProblem, openModelFile } from '../model-file.ts';
import { typeTraits } from '../tensor-types.ts';
import { DataLocation, DataType, type TensorProto } from './protobuf.ts';
import type { InlineData } from './skim.ts';

const types: ReadonlyMap<number, TensorType | 'STRING'> = new Map<number, TensorType | 'STRING'>([
  [DataType.FLOAT, 'F32'], [DataType.UINT8, 'U8'], [DataType.INT8, 'I8'], [DataType.UINT16, 'U16'],
  [DataType.INT16, 'I16'], [DataType.INT32, 'I32'], [DataType.INT64, 'I64'], [DataType.STRING, 'STRING'],
  [DataType.BOOL, 'BOOL'], [DataType.FLOAT16, 'F16'], [DataType.DOUBLE, 'F64'], [DataType.UINT32, 'U32'],
  [DataType.UINT64, 'U64'], [DataType.COMPLEX64, 'C64'], [DataType.BFLOAT16, 'BF16'],
  [DataType.FLOAT8E4M3FN, 'F8_E4M3'], [DataType.FLOAT8E4M3FNUZ, 'F8_E4M3FNUZ'], [DataType.FLOAT8E5M2, 'F8_E5M2'],
  [DataType.FLOAT8E5M2FNUZ, 'F8_E5M2FNUZ'], [DataType.UINT4, 'U4'], [DataType.INT4, 'I4'],
  [DataType.FLOAT4E2M1, 'F4'], [DataType.FLOAT8E8M0, 'F8_E8M0'], [DataType.UINT2, 'U2'], [DataType.INT2, 'I2'],
]); // prettier-ignore

/** The lab's name of an ONNX element type, or null. */
export function typeOfOnnx(dataType: number): TensorType | 'STRING' | null {
  return types.get(dataType) ?? null;
}

/** Any other key is refused: onnxruntime also obeys undocumented ones (prepacked weights). */
const externalKeys = new Set(['location', 'offset', 'length', 'checksum']);
const maximumExternalFiles = 1024;
const shown = (text: string) => text.slice(0, 200);

/** Resolves the tensors of one .onnx file, `file` at `index` of the source's files. */
export class Initializers {
  /** Files of external data, numbered after `firstExternal`. */
  readonly externalFiles: SourceFile[] = [];
  readonly #folder: string;
  readonly #file: SourceFile;
  readonly #index: number;
  readonly #firstExternal: number;

  constructor(folder: string, file: SourceFile, index: number, firstExternal: number) {
    this.#folder = folder;
    this.#file = file;
    this.#index = index;
    this.#firstExternal = firstExternal;
  }

  /** Null where the bytes lie in no one place: empty, text, or protobuf numbers. Throws bad-file, outside-folder, not-found, unsupported-type. */
  async place(tensor: TensorProto, inline: InlineData | 'numbers' | null): Promise<TensorInfo | null> {
    const type = typeOfOnnx(tensor.dataType);
    const field = shown(tensor.name);
    if (type === null) {
      const message = `${this.#file.name}, ${field}: the element type ${tensor.dataType} is unknown.`;
      throw new LabError('unsupported-type', message, { file: this.#file.name, field });
    }
    const shape = this.#shape(tensor);
    const isExternal = tensor.dataLocation === DataLocation.EXTERNAL;
    if (type === 'STRING') {
      if (isExternal) this.#fail(tensor, 'text cannot lie in external data');
      return null;
    }
    const bytes = this.#size(tensor, type, shape);
    const named = { name: tensor.name, type, shape };
    if (isExternal) return { ...named, ...(await this.#external(tensor, bytes)) };
    if (inline === 'numbers') return null;
    if (inline === null) {
      if (bytes > 0) this.#fail(tensor, `the tensor has no data, its shape needs ${bytes} bytes`);
      return null;
    }
    if (inline.bytes !== bytes) {
      this.#fail(tensor, `the data has ${inline.bytes} bytes, the shape needs ${bytes}`, inline.offset);
    }
    return { ...named, file: this.#index, offset: inline.offset, bytes };
  }

  /** For tensors of attributes and subgraphs: they are not listed, but onnxruntime would open what they name. */
  async checkExternal(tensor: TensorProto): Promise<void> {
    if (tensor.dataLocation === DataLocation.EXTERNAL) await this.place(tensor, null);
  }

  #fail(tensor: TensorProto, message: string, offset?: number): never {
    const detail = { file: this.#file.name, field: shown(tensor.name) };
    throw badFile(message, offset === undefined ? detail : { ...detail, offset });
  }

  #shape(tensor: TensorProto): number[] {
    return tensor.dims.map((size) => {
      if (size < 0n) this.#fail(tensor, `a negative size ${size} in its shape`);
      if (size > BigInt(Number.MAX_SAFE_INTEGER))
        this.#fail(tensor, `the size ${size} in its shape is too large`);
      return Number(size);
    });
  }

  #size(tensor: TensorProto, type: TensorType, shape: readonly number[]): number {
    let elements = 1;
    for (const size of shape) {
      elements *= size;
      if (!Number.isSafeInteger(elements)) this.#fail(tensor, `the shape [${shape.join(', ')}] is too large`);
    }
    const { blockElements, blockBytes } = typeTraits(type);
    const bytes = Math.ceil(elements / blockElements) * blockBytes;
    if (!Number.isSafeInteger(bytes)) this.#fail(tensor, `the shape [${shape.join(', ')}] is too large`);
    return bytes;
  }

  async #external(
    tensor: TensorProto,
    bytes: number,
  ): Promise<{ file: number; offset: number; bytes: number }> {
    const entries = this.#entries(tensor);
    const location = entries.get('location');
    if (location === undefined) this.#fail(tensor, 'external data without a location');
    const offset = this.#number(tensor, 'offset', entries.get('offset')) ?? 0;
    const length = this.#number(tensor, 'length', entries.get('length')) ?? bytes;
    const index = await this.#open(tensor, location);
    const file = this.externalFiles[index]!;
    if (length !== bytes)
      this.#fail(tensor, `the external length is ${length}, the shape needs ${bytes} bytes`);
    if (offset + length > file.bytes) {
      this.#fail(tensor, `its data ends at ${offset + length}, ${file.name} at ${file.bytes}`, offset);
    }
    return { file: this.#firstExternal + index, offset, bytes };
  }

  #entries(tensor: TensorProto): Map<string, string> {
    const entries = new Map<string, string>();
    for (const { key, value } of tensor.externalData) {
      if (!externalKeys.has(key))
        this.#fail(tensor, `the external data key ${JSON.stringify(shown(key))} is unknown`);
      if (entries.has(key)) this.#fail(tensor, `the external data key ${key} occurs twice`);
      entries.set(key, value);
    }
    return entries;
  }

  #number(tensor: TensorProto, key: string, text: string | undefined): number | undefined {
    if (text === undefined) return undefined;
    const value = /^\d{1,16}$/.test(text) ? Number(text) : NaN;
    if (!Number.isSafeInteger(value)) {
      this.#fail(tensor, `the external ${key} ${JSON.stringify(shown(text))} is no byte count`);
    }
    return value;
  }

  /** The place in externalFiles. Locations are relative to the .onnx file. */
  async #open(tensor: TensorProto, location: string): Promise<number> {
    const problem = locationProblem(location);
    if (problem) {
      const field = shown(tensor.name);
      const message = `${this.#file.name}, ${field}: external data ${JSON.stringify(shown(location))}: ${problem}.`;
      throw new LabError('outside-folder', message, { file: this.#file.name, field });
    }
    const name = posix.join(posix.dirname(this.#file.name), location);
    const known = this.externalFiles.findIndex((file) => file.name === name);
    if (known !== -1) return known;
    if (this.externalFiles.length === maximumExternalFiles) {
      this.#fail(tensor, `more than ${maximumExternalFiles} files of external data`);
    }
    const file = await openModelFile(this.#folder, name, { refuseHardLinks: true });
    await file.close();
    this.externalFiles.push({ name, path: file.path, bytes: file.bytes, headerBytes: 0 });
    return this.externalFiles.length - 1;
  }
}

function locationProblem(location: string): string | null {
  // onnxruntime's tag for data that lies at an address in its own memory.
  if (location.startsWith('*') || location.includes('_ORT_MEM_ADDR_'))
    return 'the location claims to be memory';
  // Decoding replaced invalid bytes: onnxruntime would open another file than the one checked.
  if (location.includes('\ufffd')) return 'the name is not valid UTF-8';
  if (location.length > 1024) return 'the name is too long';
  return nameProblem(location);
}
