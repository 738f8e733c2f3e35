/** The bytes around a pack's records: the prelude in the first page, the header in the last ones. */
import { badFile, LabError } from '../../contract/errors.ts';
import { crc32c } from './crc32c.ts';
import { largestHeader, packMagic, packVersion, pageBytes, type StoredHeader } from './schema.ts';

/** Bytes 0–7 magic, 8 u32 version, 12 u32 CRC32C of the header, 16 u64 offset and 24 u64 bytes of the header, little-endian; the rest is 0. */
export interface Prelude {
  readonly checksum: number;
  readonly offset: number;
  readonly bytes: number;
}

const usedBytes = 32;

export function encodePrelude(header: Uint8Array, offset: number): Buffer {
  const page = Buffer.alloc(pageBytes);
  page.write(packMagic, 0, 'latin1');
  page.writeUInt32LE(packVersion, 8);
  page.writeUInt32LE(crc32c(header), 12);
  page.writeBigUInt64LE(BigInt(offset), 16);
  page.writeBigUInt64LE(BigInt(header.length), 24);
  return page;
}

export const pages = (bytes: number) => Math.ceil(bytes / pageBytes) * pageBytes;

/** `page`: the first page of a file of `fileBytes`. Throws bad-file, and unsupported-format for a version that is not ours. */
export function decodePrelude(page: Buffer, fileBytes: number, file: string): Prelude {
  const version = page.readUInt32LE(8);
  if (version !== packVersion) throw otherVersion(version, file);
  const fail = (message: string, at: number) => badFile(message, { file, field: 'prelude', offset: at });
  const offset = page.readBigUInt64LE(16);
  const bytes = page.readBigUInt64LE(24);
  if (offset < pageBytes || offset % BigInt(pageBytes) !== 0n)
    throw fail('the header does not begin a page', 16);
  if (bytes < 1 || bytes > largestHeader) {
    throw fail(`a header of ${bytes} bytes, at most ${largestHeader} are allowed`, 24);
  }
  const end = Math.ceil(Number(offset + bytes) / pageBytes) * pageBytes;
  if (offset + bytes > fileBytes) {
    throw fail(
      `the header would end at ${offset + bytes}, the file ends at ${fileBytes}: it is not whole`,
      16,
    );
  }
  if (end !== fileBytes) throw fail(`the file has ${fileBytes} bytes, with its header it ends at ${end}`, 16);
  if (page.subarray(usedBytes).some((byte) => byte !== 0)) throw fail('not zero after its fields', usedBytes);
  return { checksum: page.readUInt32LE(12), offset: Number(offset), bytes: Number(bytes) };
}

function otherVersion(version: number, file: string): LabError {
  const reason =
    version > packVersion
      ? `version ${version} is newer than this Retort, which reads version ${packVersion}: use a newer Retort, or pack the model again`
      : `version ${version} does not exist`;
  return new LabError('unsupported-format', `${file}, version, offset 8: ${reason}.`, {
    file,
    field: 'version',
    offset: 8,
  });
}

/** Infinities as 1e999, which JSON.parse reads as such, and the sign of −0: JSON.stringify loses both. */
function exactNumber(_key: string, value: unknown): unknown {
  if (typeof value !== 'number') return value;
  if (value === Infinity) return rawJson('1e999');
  if (value === -Infinity) return rawJson('-1e999');
  return Object.is(value, -0) ? rawJson('-0') : value;
}

const { rawJSON: rawJson } = JSON as unknown as { rawJSON: (text: string) => unknown };

/** Throws unsupported-feature where the model's description is larger than a header may be. */
export function encodeHeader(header: StoredHeader): Buffer {
  const { matrices, vectors, ...others } = header;
  const plain = { ...others, matrices: Object.fromEntries(matrices), vectors: Object.fromEntries(vectors) };
  const bytes = Buffer.from(JSON.stringify(plain satisfies Record<string, unknown>, exactNumber));
  if (bytes.length <= largestHeader) return bytes;
  const message = `The model's headers take ${bytes.length} bytes in a pack, at most ${largestHeader} are allowed.`;
  throw new LabError('unsupported-feature', message);
}
