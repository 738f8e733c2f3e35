/** A saved session: a safetensors file whose metadata names the model and settings it belongs to. */
import { basename, dirname } from 'node:path';
import { z } from 'zod';
import { badFile, LabError } from '../contract/errors.ts';
import { openModelFile, type ModelFile } from '../formats/model-file.ts';
import { readSafetensorsHeader } from '../formats/safetensors/header.ts';
import { writeSafetensors, type TensorToWrite } from '../formats/safetensors/write.ts';
import { checksum } from './native/packer.ts';

export interface SessionHeader {
  /** Identity of the model and everything that must be equal to go on from it. */
  readonly signature: string;
  /** Positions held. */
  readonly length: number;
  /** What else a person may want to know of how it was made. */
  readonly notes?: Readonly<Record<string, string>>;
  /** The token of each position, for who goes on from it. */
  readonly ids?: readonly number[] | undefined;
}

export interface ReadTensor {
  readonly shape: readonly number[];
  /** A buffer of its own, so that 4-byte views are aligned. */
  readonly bytes: ArrayBuffer;
}

export interface ReadSession {
  readonly length: number;
  /** Null: it was saved without. */
  readonly ids: readonly number[] | null;
  readonly tensors: ReadonlyMap<string, ReadTensor>;
}

export async function writeSession(
  path: string,
  { signature, length, notes = {}, ids }: SessionHeader,
  tensors: readonly TensorToWrite[],
): Promise<void> {
  const data = Int32Array.from(ids ?? []);
  const ofIds = { name: idsName, type: 'I32' as const, shape: [data.length], data };
  const all = ids ? [ofIds, ...tensors] : tensors;
  const checksums = Object.fromEntries(all.map(({ name, data }) => [name, checksum(bytesOf(data))]));
  await writeSafetensors(path, all, {
    ...notes,
    ...{ kind: 'retort-session', signature, length: String(length) },
    [checksumsName]: JSON.stringify(checksums),
  });
}

const idsName = 'ids';
const checksumsName = 'checksums';

const bytesOf = (data: TensorToWrite['data']) =>
  new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

/** Of tensors' bytes, as they were written. Files of before have one of the ids alone. */
function checksumsOf(metadata: ReadonlyMap<string, string>, file: string): ReadonlyMap<string, number> {
  const text = metadata.get(checksumsName);
  if (text === undefined) return new Map([[idsName, Number(metadata.get('idsChecksum'))]]);
  const parsed = Checksums.safeParse(parsedOf(text));
  if (!parsed.success) throw badFile('damaged', { file, field: checksumsName });
  return new Map(Object.entries(parsed.data));
}

const Checksums = z.record(z.string(), z.int().nonnegative());

/** Undefined for what is not JSON. */
function parsedOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Throws bad-request where the file belongs to another model or other settings, bad-file where it is damaged. */
export async function readSession(path: string, signature: string): Promise<ReadSession> {
  const file = await openModelFile(dirname(path), basename(path));
  try {
    const { tensors: infos, metadata } = await readSafetensorsHeader(file, 0);
    if (metadata.get('kind') !== 'retort-session') throw badFile('not a saved session', { file: file.name });
    if (metadata.get('signature') !== signature) {
      throw new LabError('bad-request', `${file.name} was saved by another model or with other settings.`, {
        file: file.name,
      });
    }
    const length = Number(metadata.get('length'));
    if (!Number.isInteger(length) || length < 0) {
      throw badFile('not a number of positions', { file: file.name, field: 'length' });
    }
    const checksums = checksumsOf(metadata, file.name);
    const tensors = new Map<string, ReadTensor>();
    for (const [name, { shape, offset, bytes: size }] of infos) {
      const bytes = await readAligned(file, offset, size);
      const expected = checksums.get(name);
      if (expected !== undefined && checksum(new Uint8Array(bytes)) !== expected)
        throw badFile('damaged: its checksum is another', { file: file.name, field: name });
      tensors.set(name, { shape, bytes });
    }
    const saved = tensors.get(idsName);
    tensors.delete(idsName);
    if (!saved) return { length, ids: null, tensors };
    if (saved.bytes.byteLength !== 4 * length)
      throw badFile(`not the ids of ${length} positions`, { file: file.name, field: idsName });
    return { length, ids: [...new Int32Array(saved.bytes)], tensors };
  } finally {
    await file.close();
  }
}

async function readAligned(file: ModelFile, offset: number, length: number): Promise<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  bytes.set(await file.read(offset, length));
  return bytes.buffer;
}
