/** The values of a pack's matrices and vectors, whose bytes lie in the engine's own layout. */
import { badFile } from '../../contract/errors.ts';
import type { ModelSource } from '../../contract/model-source.ts';
import type { PackContents, PackMatrix, PackVector } from '../../contract/pack.ts';
import { openModelFile, type ModelFile } from '../../formats/model-file.ts';
import { groupBytes, groupCount, groupRows } from '../../formats/pack/layout.ts';
import { unpackGroups } from '../native/unpack-groups.ts';
import { checkRecord } from '../pack/verify.ts';
import type { StoredValues } from './stored-values.ts';

/** Of one pack. A record's checksum is compared before the first of its values is read. */
class PackReader {
  readonly #source: ModelSource;
  readonly #pack: PackContents;
  readonly #chunkElements: number;
  readonly #checked = new Set<number>();

  constructor(source: ModelSource, pack: PackContents, chunkElements: number) {
    this.#source = source;
    this.#pack = pack;
    this.#chunkElements = chunkElements;
  }

  async *matrix(matrix: PackMatrix): AsyncGenerator<Float32Array> {
    const { layout, columns, tiles } = matrix;
    const each = groupBytes(layout, columns);
    const step = Math.max(1, Math.floor(this.#chunkElements / (groupRows * columns)));
    const file = await this.#open();
    try {
      let rowsLeft = matrix.rows;
      for (const { record, offset, groups } of tiles) {
        const start = await this.#checkedRecord(file, record);
        for (let group = 0; group < groups; group += step) {
          const count = Math.min(step, groups - group);
          const rows = Math.min(rowsLeft, count * groupRows);
          rowsLeft -= rows;
          yield unpackGroups(
            { layout, rows, columns },
            await file.read(start + offset + group * each, count * each),
          );
        }
      }
    } finally {
      await file.close();
    }
  }

  async *vector({ type, count, record, offset }: PackVector): AsyncGenerator<Float32Array> {
    const file = await this.#open();
    try {
      const start = await this.#checkedRecord(file, record);
      const { buffer } = new Uint8Array(await file.read(start + offset, 4 * count));
      yield type === 'f32' ? new Float32Array(buffer) : Float32Array.from(new Int32Array(buffer));
    } finally {
      await file.close();
    }
  }

  async #open(): Promise<ModelFile> {
    const [expected] = this.#source.files;
    const file = await openModelFile(this.#source.folder, expected!.name);
    if (file.path === expected!.path && file.bytes === expected!.bytes) return file;
    await file.close();
    throw badFile('the file changed since the model was opened', { file: expected!.name });
  }

  /** Where it begins. */
  async #checkedRecord(file: ModelFile, record: number): Promise<number> {
    if (!this.#checked.has(record)) await checkRecord(file, this.#pack, record);
    this.#checked.add(record);
    return this.#pack.records.offsets[record]!;
  }
}

export function packValues(
  source: ModelSource,
  pack: PackContents,
  chunkElements: number,
): ReadonlyMap<string, StoredValues> {
  const reader = new PackReader(source, pack, chunkElements);
  const values = new Map<string, StoredValues>();
  for (const [name, matrix] of pack.matrices) {
    const bytes = groupCount(matrix.rows) * groupBytes(matrix.layout, matrix.columns);
    values.set(name, {
      ...{ name, bytes, values: matrix.rows * matrix.columns },
      chunks: () => reader.matrix(matrix),
    });
  }
  for (const [name, vector] of pack.vectors) {
    values.set(name, {
      ...{ name, bytes: 4 * vector.count, values: vector.count },
      chunks: () => reader.vector(vector),
    });
  }
  return values;
}
