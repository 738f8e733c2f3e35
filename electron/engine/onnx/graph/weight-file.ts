/** The external data of a built graph: one file, tensors aligned to pages so that ONNX Runtime maps them. */
import { open, type FileHandle } from 'node:fs/promises';
import { basename } from 'node:path';
import { DataType, externalTensor, type TensorInit } from '../../../formats/onnx/protobuf.ts';

const pageBytes = 4096;
export const weightFileName = 'weights.bin';

type TensorData = Float32Array | Uint8Array;

export class WeightFile {
  readonly #handle: FileHandle;
  readonly #name: string;
  readonly #tensors = new Map<string, TensorInit>();
  readonly #places = new Map<
    string,
    { dataType: number; location: string; offset: number; length: number }
  >();
  #offset = 0;

  private constructor(handle: FileHandle, name: string) {
    this.#handle = handle;
    this.#name = name;
  }

  static async create(path: string): Promise<WeightFile> {
    return new WeightFile(await open(path, 'wx'), basename(path));
  }

  get bytes(): number {
    return this.#offset;
  }

  get tensors(): ReadonlyMap<string, TensorInit> {
    return this.#tensors;
  }

  /** Appends a tensor (float32 or uint8 by its array's type) and returns its name. */
  async write(name: string, dims: readonly number[], data: TensorData): Promise<string> {
    const dataType = data instanceof Float32Array ? DataType.FLOAT : DataType.UINT8;
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const offset = Math.ceil(this.#offset / pageBytes) * pageBytes;
    let done = 0;
    while (done < bytes.length) {
      const { bytesWritten } = await this.#handle.write(bytes, done, bytes.length - done, offset + done);
      done += bytesWritten;
    }
    this.#offset = offset + bytes.length;
    const place = { location: this.#name, offset, length: bytes.length };
    this.#tensors.set(name, externalTensor({ name, dataType, dims }, place));
    this.#places.set(name, { dataType, ...place });
    return name;
  }

  /** The bytes of a tensor that was written, under another name and in another shape. */
  alias(name: string, of: string, dims: readonly number[]): void {
    const { dataType, ...place } = this.#places.get(of)!;
    this.#tensors.set(name, externalTensor({ name, dataType, dims }, place));
  }

  /** Everything on disk before the folder gets its final name. */
  async finish(): Promise<void> {
    await this.#handle.sync();
    await this.#handle.close();
  }

  async abandon(): Promise<void> {
    await this.#handle.close();
  }
}
