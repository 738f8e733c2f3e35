/** The header of one GGUF file: magic, version, counts, metadata and the placed tensors. */
import { badFile, LabError } from '../../contract/errors.ts';
import type { TensorInfo } from '../../contract/model-source.ts';
import type { ModelFile } from '../model-file.ts';
import { HeaderCursor } from './header-cursor.ts';
import { readMetadata, type GgufMetadata } from './metadata.ts';
import { placeTensors, readAlignment, readTensorTable } from './tensor-table.ts';

const countLimit = 65536;
/** The fewest bytes one entry takes: key length, one byte of key, type, one byte of value. */
const metadataEntryBytes = 14;
/** Name length, one byte of name, dimension count, type, offset. */
const tensorEntryBytes = 25;

export interface GgufHeader {
  readonly metadata: GgufMetadata;
  readonly tensors: readonly TensorInfo[];
  /** Magic, metadata and tensor table, without the padding after them. */
  readonly headerBytes: number;
}

/** Reads and checks the header of an open file; `index` is what its tensors carry as `file`. Throws bad-file, unsupported-format or unsupported-type. */
export async function readHeader(file: ModelFile, index: number): Promise<GgufHeader> {
  const cursor = new HeaderCursor(file);
  await readMagic(cursor);
  await readVersion(cursor);
  const tensorCount = await readCount(cursor, 'tensor count', tensorEntryBytes);
  const entryCount = await readCount(cursor, 'metadata count', metadataEntryBytes);
  const metadata = await readMetadata(cursor, entryCount);
  const table = await readTensorTable(cursor, tensorCount);
  const headerBytes = cursor.position;
  return { metadata, tensors: placeTensors(cursor, table, readAlignment(metadata), index), headerBytes };
}

async function readMagic(cursor: HeaderCursor): Promise<void> {
  cursor.field = 'magic';
  if (cursor.file.bytes === 0) throw cursor.fail('the file is empty');
  const magic = (await cursor.take(Math.min(4, cursor.file.bytes))).toString('latin1');
  if (magic === 'GGUF') return;
  const { name: file } = cursor.file;
  const isPrefix = 'GGUF'.startsWith(magic);
  throw badFile(
    isPrefix ? 'the file ends inside the magic "GGUF"' : 'not a GGUF file: it does not begin with "GGUF"',
    {
      file,
      field: 'magic',
      offset: 0,
    },
  );
}

async function readVersion(cursor: HeaderCursor): Promise<void> {
  cursor.field = 'version';
  const offset = cursor.position;
  const version = await cursor.u32();
  if (version === 2 || version === 3) return;
  const isSwapped = version !== 0 && (version & 0xffff) === 0;
  const reason = isSwapped
    ? 'the file is big-endian; only little-endian files can be read'
    : `GGUF version ${version}; versions 2 and 3 can be read`;
  const { name: file } = cursor.file;
  throw new LabError('unsupported-format', `${file}, version, offset ${offset}: ${reason}.`, {
    file,
    field: 'version',
    offset,
  });
}

async function readCount(cursor: HeaderCursor, field: string, entryBytes: number): Promise<number> {
  cursor.field = field;
  const at = cursor.position;
  const count = BigInt.asIntN(64, await cursor.u64());
  if (count < 0 || count > countLimit)
    throw cursor.fail(`${count} entries, at most ${countLimit} are allowed`, at);
  cursor.expect(Number(count) * entryBytes);
  return Number(count);
}
