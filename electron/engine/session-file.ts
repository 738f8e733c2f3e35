/** A saved session: a safetensors file whose metadata names the model and settings it belongs to. */
import { basename, dirname } from 'node:path';
import { badFile, LabError } from '../contract/errors.ts';
import { openModelFile, type ModelFile } from '../formats/model-file.ts';
import { crc32c } from '../formats/pack/crc32c.ts';
import { readSafetensorsHeader } from '../formats/safetensors/header.ts';
import { writeSafetensors, type TensorToWrite } from '../formats/safetensors/write.ts';

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
  const metadata = { ...notes, kind: 'retort-session', signature, length: String(length) };
  if (!ids) return void (await writeSafetensors(path, tensors, metadata));
  const data = Int32Array.from(ids);
  const idsChecksum = String(checksumOf(data.buffer));
  const idsTensor = { name: idsName, type: 'I32' as const, shape: [data.length], data };
  await writeSafetensors(path, [idsTensor, ...tensors], { ...metadata, idsChecksum });
}

const idsName = 'ids';
const checksumOf = (bytes: ArrayBuffer) => crc32c(new Uint8Array(bytes));

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
    const tensors = new Map<string, ReadTensor>();
    for (const [name, { shape, offset, bytes }] of infos) {
      tensors.set(name, { shape, bytes: await readAligned(file, offset, bytes) });
    }
    const saved = tensors.get(idsName);
    tensors.delete(idsName);
    if (!saved) return { length, ids: null, tensors };
    const isWhole = String(checksumOf(saved.bytes)) === metadata.get('idsChecksum');
    if (!isWhole || saved.bytes.byteLength !== 4 * length) {
      throw badFile('damaged', { file: file.name, field: idsName });
    }
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
