/** Packs written by hand: sound ones, and ones whose header says what a writer would never say. */
import { encodeHeader, encodePrelude } from '../../electron/formats/pack/header.ts';
import type { StoredHeader } from '../../electron/formats/pack/schema.ts';
import { crc32c } from '../../electron/formats/pack/crc32c.ts';
import { storeModel } from '../../electron/formats/pack/stored-model.ts';
import { originalFormat, type ModelSource } from '../../electron/contract/model-source.ts';

const pageBytes = 4096;

/** What a test changes of a header before it is written. */
export type PlainHeader = Record<string, unknown> & {
  source: Record<string, unknown>;
  model: Record<string, unknown>;
  records: { offset: unknown[]; bytes: unknown[]; crc: unknown[] };
  matrices: Record<string, Record<string, unknown>>;
  vectors: Record<string, Record<string, unknown>>;
};

/** One matrix of 20 rows in two tiles, a second with ordered columns in one record with its order, and a vector. */
export function exampleHeader(source: ModelSource): { header: StoredHeader; records: Uint8Array[] } {
  const layout = {
    name: 'q8_0×8', codes: 'bytes', scales: 'f16', zero: 0, pointBase: 0, stepColumns: 32, stepsPerHeader: 1,
  } as const; // prettier-ignore
  // A group of 64 columns: 2 · (16 + 256) bytes.
  const sizes = [1088, 544, 416, 70_000];
  const records = sizes.map((size, index) => new Uint8Array(size).fill(index + 1));
  let at = pageBytes;
  const offset = records.map(({ length }) => {
    const alignment = length >= 65_536 ? pageBytes : 64;
    const start = Math.ceil(at / alignment) * alignment;
    at = start + length;
    return start;
  });
  const header: StoredHeader = {
    source: { identity: 'ab'.repeat(32), name: source.name, format: originalFormat(source) },
    ...storeModel(source),
    records: { offset, bytes: sizes, crc: records.map(crc32c) },
    matrices: new Map([
      ['first.weight', { rows: 20, columns: 64, layout, columnOrder: null, tiles: [[0, 0, 2], [1, 0, 1]] }],
      ['second.weight', { rows: 8, columns: 40, layout: { ...layout, name: 'nbits4×8', codes: 'nibbles', zero: 8, pointBase: 8, stepColumns: 16 }, columnOrder: 'order', tiles: [[2, 0, 1]] }],
    ]),
    vectors: new Map([
      ['order', { type: 'i32', count: 40, record: 2, offset: 256 }],
      ['norm.weight', { type: 'f32', count: 17_500, record: 3, offset: 0 }],
    ]),
  }; // prettier-ignore
  return { header, records };
}

/** The bytes of the example, its header changed as a plain object. */
export function packBytes(source: ModelSource, change: (header: PlainHeader) => void = () => {}): Buffer {
  const { header, records } = exampleHeader(source);
  const plain = JSON.parse(encodeHeader(header).toString()) as PlainHeader;
  change(plain);
  return assemble(header.records.offset, records, Buffer.from(JSON.stringify(plain)));
}

export function assemble(
  offsets: readonly number[],
  records: readonly Uint8Array[],
  header: Uint8Array,
): Buffer {
  const end = offsets.at(-1)! + records.at(-1)!.length;
  const headerOffset = Math.ceil(end / pageBytes) * pageBytes;
  const file = Buffer.alloc(Math.ceil((headerOffset + header.length) / pageBytes) * pageBytes);
  encodePrelude(header, headerOffset).copy(file);
  records.forEach((record, index) => file.set(record, offsets[index]));
  file.set(header, headerOffset);
  return file;
}
