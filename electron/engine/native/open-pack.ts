/** The weights of a pack: the engine reads matrices where they lie, all of them or as they are needed; nothing is packed again. */
import type { DiskCurve } from '../../contract/streaming.ts';
import { badFile } from '../../contract/errors.ts';
import type { ModelSource } from '../../contract/model-source.ts';
import type { PackContents, PackVector } from '../../contract/pack.ts';
import type { ResolvedModel } from '../../../models/families/model-spec.ts';
import { pageBytes } from '../../formats/pack/schema.ts';
import { packOf } from '../pack/check-weights.ts';
import { withCodes, type NativeEngine } from './addon.ts';
import { bestDepth } from './disk-curve.ts';
import { named, type Weights } from './weights.ts';

/** Opens the pack's file in the engine, with as many reads in flight as `disk` says are worth it. Throws bad-file where it does not hold what the model needs, or is not the file whose header was read. */
export function packWeights(
  source: ModelSource,
  model: ResolvedModel,
  engine: NativeEngine,
  disk: DiskCurve | null,
): Weights {
  const pack = packOf(source, model);
  const [file] = source.files;
  if (!file) throw badFile('the pack names no file', { file: source.name });
  const depth = disk && { depth: bestDepth(disk, usualRecordBytes(pack)) };
  withCodes(() => engine.openPack({ path: file.path, fileBytes: file.bytes, ...pack.records, ...depth }));
  return new PackWeights(pack, file.name, engine);
}

/** Half of the bytes lie in larger records. */
function usualRecordBytes({ records }: PackContents): number {
  const sizes = records.bytes.toSorted();
  let left = sizes.reduce((sum, bytes) => sum + bytes, 0) / 2;
  return sizes.find((bytes) => (left -= bytes) <= 0) ?? pageBytes;
}

class PackWeights implements Weights {
  readonly #pack: PackContents;
  readonly #file: string;
  readonly #engine: NativeEngine;
  /** Neighbouring vectors share a record. */
  #latest: { readonly record: number; readonly bytes: Promise<Uint8Array> } | null = null;

  constructor(pack: PackContents, file: string, engine: NativeEngine) {
    this.#pack = pack;
    this.#file = file;
    this.#engine = engine;
  }

  async matrix(name: string): ReturnType<Weights['matrix']> {
    const matrix = this.#pack.matrices.get(name);
    if (!matrix) throw badFile('the pack has no such matrix', { file: this.#file, field: name });
    const { columnOrder, ...placed } = matrix;
    const packed = await named(name, () => this.#engine.place(placed));
    if (columnOrder === null) return { packed, columnOrder };
    const vector = this.#vector(columnOrder);
    return { packed, columnOrder: new Int32Array(await this.#numbers(columnOrder, vector)) };
  }

  async vector(name: string): Promise<Float32Array> {
    return new Float32Array(await this.#numbers(name, this.#vector(name)));
  }

  #vector(name: string): PackVector {
    const vector = this.#pack.vectors.get(name);
    if (!vector) throw badFile('the pack has no such vector', { file: this.#file, field: name });
    return vector;
  }

  /** Of their own memory, little-endian as every machine that Retort runs on. */
  async #numbers(name: string, { record, offset, count }: PackVector): Promise<ArrayBuffer> {
    if (this.#latest?.record !== record) this.#latest = { record, bytes: this.#engine.readRecord(record) };
    const { bytes } = this.#latest;
    const whole = await named(name, () => bytes);
    return new Uint8Array(whole.subarray(offset, offset + 4 * count)).buffer;
  }
}
