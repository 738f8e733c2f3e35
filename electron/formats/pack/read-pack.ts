/** A pack as a ModelSource: what it was made of, in its own words, and where the matrices lie. Only the first page and the header are read. */
import { basename, dirname, resolve } from 'node:path';
import type { z } from 'zod';
import { badFile } from '../../contract/errors.ts';
import type { ModelSource } from '../../contract/model-source.ts';
import type { PackContents, PackMatrix, PackRecords, PackVector } from '../../contract/pack.ts';
import { parseJsonObject } from '../json.ts';
import { openModelFile, type ModelFile } from '../model-file.ts';
import { crc32c } from './crc32c.ts';
import { decodePrelude, type Prelude } from './header.ts';
import { groupBytes, groupCount, layoutProblem } from './layout.ts';
import {
  largeRecordBytes,
  largestRecord,
  packMagic,
  pageBytes,
  partAlignment,
  smallAlignment,
  StoredHeader,
} from './schema.ts';
import { restoreModel } from './stored-model.ts';

/** Throws bad-file with the place, unsupported-format for another version, and what opening and the model's own description throw. */
export async function readPack(path: string): Promise<ModelSource> {
  const absolute = resolve(path);
  const folder = dirname(absolute);
  const file = await openModelFile(folder, basename(absolute));
  try {
    const prelude = await readPrelude(file);
    const header = await readStoredHeader(file, prelude);
    const { source: origin, records, matrices, vectors, ...model } = header;
    const { name } = file;
    const { offset: headerOffset, bytes: headerBytes } = prelude;
    const pack: PackContents = {
      origin,
      headerOffset,
      headerBytes,
      records: checkRecords(records, headerOffset, name),
      matrices: new Map(
        [...matrices].map(([key, { tiles, ...matrix }]) => [
          key,
          { ...matrix, tiles: tiles.map(([record, offset, groups]) => ({ record, offset, groups })) },
        ]),
      ),
      vectors,
    };
    checkParts(pack, name);
    return {
      format: 'pack',
      path: absolute,
      folder,
      name: origin.recipe === undefined ? origin.name : `${origin.name} ${origin.recipe}`,
      // Its first page is the one part of the header that lies at the beginning.
      files: [{ name, path: file.path, bytes: file.bytes, headerBytes: pageBytes }],
      ...restoreModel(model, name),
      graphs: [],
      pack,
    };
  } finally {
    await file.close();
  }
}

async function readPrelude(file: ModelFile): Promise<Prelude> {
  const page = await file.read(0, Math.min(pageBytes, file.bytes));
  if (page.toString('latin1', 0, packMagic.length) !== packMagic) {
    throw badFile(`not a pack: it does not begin with "${packMagic}"`, { file: file.name, offset: 0 });
  }
  if (page.length < pageBytes)
    throw badFile('the file ends inside its first page', { file: file.name, offset: 0 });
  return decodePrelude(page, file.bytes, file.name);
}

async function readStoredHeader(
  file: ModelFile,
  { offset, bytes, checksum }: Prelude,
): Promise<StoredHeader> {
  const text = await file.read(offset, bytes);
  if (crc32c(text) !== checksum) {
    throw badFile('the header is damaged: its checksum is another', {
      file: file.name,
      field: 'header',
      offset,
    });
  }
  return parseHeader(text, file.name);
}

/** Throws bad-file with the first fault. */
export function parseHeader(text: Buffer, file: string): StoredHeader {
  const parsed = StoredHeader.safeParse(parseJsonObject(text, file));
  if (parsed.success) return parsed.data;
  throw headerFault(parsed.error, file);
}

function headerFault({ issues: [first] }: z.ZodError, file: string): Error {
  const { path = [], message = 'is wrong' } = first ?? {};
  return badFile(message, { file, field: ['header', ...path.map(String)].join('.').slice(0, 300) });
}

/** Records lie one after another between the first page and the header. */
function checkRecords(stored: StoredHeader['records'], headerOffset: number, file: string): PackRecords {
  const { offset: offsets, bytes, crc } = stored;
  if (bytes.length !== offsets.length || crc.length !== offsets.length) {
    const message = `${offsets.length} offsets, ${bytes.length} sizes and ${crc.length} checksums of records`;
    throw badFile(message, { file, field: 'header.records' });
  }
  let end = pageBytes;
  offsets.forEach((offset, index) => {
    const size = bytes[index]!;
    const fail = (message: string) => badFile(message, { file, field: `header.records.${index}`, offset });
    if (size > largestRecord) throw fail(`a record of ${size} bytes, at most ${largestRecord} are allowed`);
    const alignment = size >= largeRecordBytes ? pageBytes : smallAlignment;
    if (offset % alignment !== 0)
      throw fail(`a record of ${size} bytes does not begin at a multiple of ${alignment}`);
    if (offset < end) throw fail(`the record begins before ${end}, where the one before it ends`);
    end = offset + size;
    if (end > headerOffset)
      throw fail(`the record would end at ${end}, the header begins at ${headerOffset}`);
  });
  return {
    offsets: Float64Array.from(offsets),
    bytes: Float64Array.from(bytes),
    checksums: Uint32Array.from(crc),
  };
}

/** Matrices and vectors lie inside their records and together fill them, but for what brings the next one to its place. */
function checkParts({ records, matrices, vectors }: PackContents, file: string): void {
  const left = records.bytes.slice();
  const parts = new Uint32Array(left.length);
  const place = (field: string, record: number, offset: number, bytes: number) => {
    const fail = (message: string) => badFile(message, { file, field });
    const size = records.bytes[record];
    if (size === undefined) throw fail(`lies in record ${record} of ${records.bytes.length}`);
    if (offset % partAlignment !== 0)
      throw fail(`begins at ${offset} of its record, no multiple of ${partAlignment}`);
    if (offset + bytes > size) throw fail(`would end at ${offset + bytes} of a record of ${size} bytes`);
    left[record]! -= bytes;
    parts[record]! += 1;
    if (left[record]! < 0) throw fail(`record ${record} holds less than what lies in it`);
  };
  for (const [name, matrix] of matrices) checkMatrix(name, matrix, { vectors, place, file });
  for (const [name, { record, offset, count }] of vectors)
    place(`header.vectors.${name}`, record, offset, 4 * count);
  const loose = left.findIndex((bytes, record) => bytes >= partAlignment * parts[record]!);
  if (loose < 0) return;
  const message = `${left[loose]} of its ${records.bytes[loose]} bytes belong to nothing`;
  throw badFile(message, { file, field: `header.records.${loose}`, offset: records.offsets[loose]! });
}

interface Surroundings {
  readonly vectors: ReadonlyMap<string, PackVector>;
  readonly place: (field: string, record: number, offset: number, bytes: number) => void;
  readonly file: string;
}

function checkMatrix(name: string, matrix: PackMatrix, { vectors, place, file }: Surroundings): void {
  const { rows, columns, layout, columnOrder, tiles } = matrix;
  const field = `header.matrices.${name}`;
  const fail = (message: string) => badFile(message, { file, field });
  const problem = layoutProblem(layout, columns);
  if (problem !== null) throw fail(problem);
  const bytes = groupBytes(layout, columns);
  let groups = 0;
  for (const tile of tiles) {
    place(field, tile.record, tile.offset, tile.groups * bytes);
    groups += tile.groups;
  }
  if (groups !== groupCount(rows))
    throw fail(`the tiles hold ${groups} groups, ${rows} rows have ${groupCount(rows)}`);
  if (columnOrder === null) return;
  const order = vectors.get(columnOrder);
  if (order?.type !== 'i32' || order.count !== columns) {
    throw fail(`the order of its ${columns} columns is no vector of as many integers`);
  }
}
