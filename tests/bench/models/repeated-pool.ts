import type { FileHandle } from 'node:fs/promises';

/** Hands out the pool's blocks, over and over, wherever the last matrix stopped. */
export class RepeatedPool {
  readonly #bytes: Uint8Array;
  #place = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  async write(file: FileHandle, bytes: number): Promise<void> {
    for (let left = bytes; left > 0;) {
      const part = this.#bytes.subarray(this.#place, this.#place + left);
      await file.write(part);
      left -= part.length;
      this.#place = (this.#place + part.length) % this.#bytes.length;
    }
  }
}

export const bytesOfFloats = (values: Float32Array) =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
