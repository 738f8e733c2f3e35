/** Writes .safetensors files of any size: header first, then each tensor in pieces, under a temporary name until complete. */
import { randomBytes } from 'node:crypto';
import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { LabError, toLabError } from '../../contract/errors.ts';
import type { TensorType } from '../../contract/model-source.ts';
import { typeTraits } from '../tensor-types.ts';

export interface TensorToWrite {
  readonly name: string;
  readonly type: TensorType;
  readonly shape: readonly number[];
  readonly data: Float32Array | Int32Array | Uint8Array;
}

/** One write call takes less than 2 GiB. */
const pieceBytes = 64 * 1_048_576;

/**
 * Writes the tensors in the order given and renames the file into place once it is on disk. Returns its size in bytes. Throws
 * bad-request where data and shape disagree or a name occurs twice, disk-full, not-found or file-unreadable; then no file is left.
 */
export async function writeSafetensors(
  path: string,
  tensors: readonly TensorToWrite[],
  metadata: Readonly<Record<string, string>> = {},
): Promise<number> {
  const header = encodeHeader(tensors, metadata);
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.part`);
  try {
    const handle = await open(temporary, 'wx');
    let bytes: number;
    try {
      bytes = await writeTensors(handle, header, tensors);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
    return bytes;
  } catch (error) {
    await rm(temporary, { force: true });
    throw withName(error, basename(path));
  }
}

function withName(error: unknown, file: string): LabError {
  const known = toLabError(error);
  return new LabError(known.code, `${file}: ${known.message}`, { file }, { cause: error });
}

/** The length field and the JSON, padded so that the data begins at a multiple of 8. */
export function encodeHeader(
  tensors: readonly TensorToWrite[],
  metadata: Readonly<Record<string, string>>,
): Buffer {
  const entries: [string, unknown][] = [];
  const names = new Set(['__metadata__']);
  let offset = 0;
  for (const { name, type, shape, data } of tensors) {
    const { blockElements, blockBytes } = typeTraits(type);
    const bytes = (shape.reduce((product, size) => product * size, 1) / blockElements) * blockBytes;
    if (bytes !== data.byteLength) {
      const message = `${name}: ${data.byteLength} bytes do not fill [${shape.join(', ')}] of ${type}.`;
      throw new LabError('bad-request', message);
    }
    if (names.has(name)) throw new LabError('bad-request', `${name}: the name occurs twice.`);
    names.add(name);
    entries.push([name, { dtype: type, shape, data_offsets: [offset, offset + bytes] }]);
    offset += bytes;
  }
  if (Object.keys(metadata).length > 0) entries.unshift(['__metadata__', metadata]);
  const json = Buffer.from(JSON.stringify(Object.fromEntries(entries)));
  const header = Buffer.alloc(8 + Math.ceil(json.length / 8) * 8, ' ');
  header.writeBigUInt64LE(BigInt(header.length - 8));
  json.copy(header, 8);
  return header;
}

/** Writes to an open file from its beginning; returns the bytes written. Throws the system's own error. */
export async function writeTensors(
  handle: FileHandle,
  header: Buffer,
  tensors: readonly TensorToWrite[],
): Promise<number> {
  let position = 0;
  for (const data of [header, ...tensors.map((tensor) => tensor.data)]) {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    let done = 0;
    while (done < bytes.length) {
      const length = Math.min(pieceBytes, bytes.length - done);
      const { bytesWritten } = await handle.write(bytes, done, length, position);
      done += bytesWritten;
      position += bytesWritten;
    }
  }
  return position;
}
