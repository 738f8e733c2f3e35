/** The external data of a built graph: one file, tensors aligned to pages so that ONNX Runtime maps them. */
import { open, type FileHandle } from 'node:fs/promises';
import { DataType, externalTensor, type TensorInit } from '../../../formats/onnx/protobuf.ts';

const pageBytes = 4096;
export const weightFileName = 'weights.bin';

type TensorData = Float32Array | Uint8Array;

export class WeightFile {
  readonly #handle: FileHandle;
  readonly #tensors = new Map<string, TensorInit>();
  #offset = 0;

  private constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  static async create(path: string): Promise<WeightFile> {
    return new WeightFile(await open(path, 'wx'));
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
    const place = { location: weightFileName, offset, length: bytes.length };
    this.#tensors.set(name, externalTensor({ name, dataType, dims }, place));
    return name;
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
