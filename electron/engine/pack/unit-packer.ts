/** Makes the records of one unit of a pack. Holds one matrix at a time, an expert's three together, and few records on their way to disk. */
import type { ModelSource } from '../../contract/model-source.ts';
import { readWeight } from '../../formats/read-weight.ts';
import type { ResolvedModel, WeightRef } from '../../../models/families/model-spec.ts';
import type { OrderedMatrix } from '../native/matrix-source.ts';
import type { HeldMatrix, MatrixPacker } from '../native/packer.ts';
import type { PackedUnit } from './journal.ts';
import type { PartialPack } from './partial-pack.ts';
import { aligned, tilesOf, type PackUnit } from './plan.ts';

type Placed = PackedUnit['matrices'][number];
type Tiles = Placed[1]['tiles'];

/** A weight matrix as it is packed. */
export type MatrixOf = (source: ModelSource, name: string, ref: WeightRef) => Promise<OrderedMatrix>;

export class UnitPacker {
  readonly #source: ModelSource;
  readonly #model: ResolvedModel;
  readonly #packer: MatrixPacker;
  readonly #pack: PartialPack;
  readonly #matrixOf: MatrixOf;

  constructor(
    model: { readonly source: ModelSource; readonly model: ResolvedModel; readonly matrixOf: MatrixOf },
    packer: MatrixPacker,
    pack: PartialPack,
  ) {
    this.#source = model.source;
    this.#model = model.model;
    this.#matrixOf = model.matrixOf;
    this.#packer = packer;
    this.#pack = pack;
  }

  /** `onWritten` gets the bytes of each record and may throw. Throws what reading, packing and writing throw. */
  async pack(index: number, unit: PackUnit, onWritten: (bytes: number) => void): Promise<PackedUnit> {
    const packed: PackedUnit = { unit: index, records: [], matrices: [], vectors: [] };
    const write = async (bytes: Uint8Array<ArrayBuffer>) => {
      const record = this.#pack.nextRecord;
      const written = await this.#pack.write(bytes);
      packed.records.push(written);
      onWritten(written[1]);
      return record;
    };
    if (unit.kind === 'vectors') await this.#vectors(unit.names, packed, write);
    else await this.#matrices(unit, packed, write);
    return packed;
  }

  async #vectors(names: readonly string[], packed: PackedUnit, write: Write): Promise<void> {
    const parts: Part[] = [];
    for (const name of names) parts.push({ name, values: await readWeight(this.#source, this.#ref(name)) });
    await writeVectors(parts, packed, write);
  }

  async #matrices({ kind, names }: PackUnit, packed: PackedUnit, write: Write): Promise<void> {
    const held: (HeldMatrix & { name: string })[] = [];
    try {
      for (const name of names) {
        const matrix = await this.#matrixOf(this.#source, name, this.#ref(name));
        held.push({ name, ...(await this.#packer.hold(name, matrix)) });
      }
      const tiles =
        kind === 'expert' ? await this.#oneRecord(held, write) : [await this.#tiles(held[0]!, write)];
      held.forEach((matrix, i) => packed.matrices.push(placed(matrix, tiles[i]!)));
    } finally {
      for (const matrix of held) this.#packer.release(matrix);
    }
    const orders = held.flatMap(({ name, columnOrder }) =>
      columnOrder ? [{ name: orderName(name), values: columnOrder }] : [],
    );
    if (orders.length > 0) await writeVectors(orders, packed, write);
  }

  /** A record for each tile. */
  async #tiles(matrix: HeldMatrix, write: Write): Promise<Tiles> {
    const { groups, groupBytes } = matrix.layout;
    const tiles: Tiles = [];
    let first = 0;
    for (const count of tilesOf(groups, groupBytes)) {
      tiles.push([await write(this.#packer.groups(matrix, first, count)), 0, count]);
      first += count;
    }
    return tiles;
  }

  /** All matrices in one record, one after another. */
  async #oneRecord(held: readonly HeldMatrix[], write: Write): Promise<Tiles[]> {
    const offsets: number[] = [];
    let end = 0;
    for (const { layout } of held) {
      offsets.push(aligned(end));
      end = aligned(end) + layout.groups * layout.groupBytes;
    }
    const bytes = new Uint8Array(end);
    held.forEach((matrix, i) => bytes.set(this.#packer.groups(matrix, 0, matrix.layout.groups), offsets[i]));
    const record = await write(bytes);
    return held.map(({ layout }, i): Tiles => [[record, offsets[i]!, layout.groups]]);
  }

  #ref(name: string): WeightRef {
    return this.#model.weights.get(name)!;
  }
}

type Write = (bytes: Uint8Array<ArrayBuffer>) => Promise<number>;

interface Part {
  readonly name: string;
  readonly values: Float32Array | Int32Array;
}

/** What the vector is called that holds the order of a matrix's columns. */
const orderName = (name: string) => name.replace(/\.weight$/, '.column_order');

function placed({ name, layout, columnOrder }: HeldMatrix & { name: string }, tiles: Tiles): Placed {
  const { rows, columns, groups: _groups, groupBytes: _groupBytes, ...own } = layout;
  return [name, { rows, columns, layout: own, columnOrder: columnOrder && orderName(name), tiles }];
}

/** One record with all vectors. */
async function writeVectors(parts: readonly Part[], packed: PackedUnit, write: Write): Promise<void> {
  const offsets: number[] = [];
  let end = 0;
  for (const { values } of parts) {
    offsets.push(aligned(end));
    end = aligned(end) + values.byteLength;
  }
  const bytes = new Uint8Array(end);
  parts.forEach(({ values }, i) => {
    bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), offsets[i]);
  });
  const record = await write(bytes);
  for (const [i, { name, values }] of parts.entries()) {
    const type = values instanceof Float32Array ? 'f32' : 'i32';
    packed.vectors.push([name, { type, count: values.length, record, offset: offsets[i]! }]);
  }
}
