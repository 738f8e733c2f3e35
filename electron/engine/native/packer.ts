/** Matrices packed one at a time by the native engine, whose bytes are then taken out of it. */
import type { ModelSource } from '../../contract/model-source.ts';
import type { WeightRef } from '../../../models/families/model-spec.ts';
import {
  nativeAddon,
  withCodes,
  type NativeAddon,
  type NativeEngine,
  type NativeMatrixLayout,
} from './addon.ts';
import { matrixSource, type OrderedMatrix } from './matrix-source.ts';
import { named } from './weights.ts';

export interface HeldMatrix {
  readonly number: number;
  readonly layout: NativeMatrixLayout;
  /** Column j multiplies input columnOrder[j]; null: in order. */
  readonly columnOrder: Int32Array | null;
}

export class MatrixPacker {
  readonly #addon: NativeAddon;
  readonly #engine: NativeEngine;

  constructor(threads: number) {
    this.#addon = nativeAddon();
    // Layouts depend on neither arithmetic nor kernels.
    this.#engine = withCodes(
      () => new this.#addon.NativeEngine({ arithmetic: 'reference', threads, kernels: '' }),
    );
  }

  /** The version of the code that lays matrices out. */
  get version(): string {
    return this.#addon.version;
  }

  /** Throws what reading the weight throws, and out-of-memory. The caller releases it. */
  async pack(source: ModelSource, name: string, ref: WeightRef): Promise<HeldMatrix> {
    return this.hold(name, await matrixSource(source, ref));
  }

  /** Throws out-of-memory, and what reading throws where the matrix lies in a file. The caller releases it. */
  async hold(name: string, { matrix, columnOrder }: OrderedMatrix): Promise<HeldMatrix> {
    return named(name, async () => {
      const { number } = await this.#engine.pack(matrix);
      return { number, columnOrder, layout: this.#engine.matrixLayout(number) };
    });
  }

  /** Bytes of some groups, copied. */
  groups({ number }: HeldMatrix, first: number, count: number): Uint8Array<ArrayBuffer> {
    return withCodes(() => this.#engine.copyGroups(number, first, count));
  }

  release({ number }: HeldMatrix): void {
    withCodes(() => this.#engine.release(number));
  }

  close(): void {
    this.#engine.close();
  }
}

/** CRC32C of bytes that follow others whose checksum is `before`. */
export function checksum(bytes: Uint8Array, before = 0): number {
  return nativeAddon().crc32c(bytes, before);
}

/** Locks an open file, by its number, until it is closed. False: another holds the lock. */
export function lockFile(descriptor: number): boolean {
  return withCodes(() => nativeAddon().lockFile(descriptor));
}
