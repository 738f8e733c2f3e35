/** A saved session: a safetensors file whose metadata names the model and settings it belongs to. */
import { basename, dirname } from 'node:path';
import { badFile, LabError } from '../../contract/errors.ts';
import { openModelFile, type ModelFile } from '../../formats/model-file.ts';
import { readSafetensorsHeader } from '../../formats/safetensors/header.ts';
import { writeSafetensors } from '../../formats/safetensors/write.ts';

export interface SavedTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

export interface SavedSession {
  /** Identity of the model and everything that must be equal to go on from it. */
  readonly signature: string;
  /** Positions held. */
  readonly length: number;
  readonly positions: Int32Array;
  readonly tensors: readonly SavedTensor[];
}

export async function writeSessionFile(path: string, session: SavedSession): Promise<void> {
  const tensors = session.tensors.map(({ shape, data }, i) => ({
    name: `tensor.${i}`,
    type: 'F32' as const,
    shape,
    data,
  }));
  const positions = {
    name: 'positions',
    type: 'I32' as const,
    shape: [session.positions.length],
    data: session.positions,
  };
  await writeSafetensors(path, [positions, ...tensors], {
    kind: 'retort-session',
    signature: session.signature,
    length: String(session.length),
  });
}

/** Throws bad-request where the file belongs to another model or other settings, bad-file where it is damaged. */
export async function readSessionFile(path: string, signature: string): Promise<SavedSession> {
  const file = await openModelFile(dirname(path), basename(path));
  try {
    const { tensors, metadata } = await readSafetensorsHeader(file, 0);
    if (metadata.get('kind') !== 'retort-session') throw badFile('not a saved session', { file: file.name });
    if (metadata.get('signature') !== signature) {
      throw new LabError('bad-request', `${file.name} was saved by another model or with other settings.`, {
        file: file.name,
      });
    }
    const length = Number(metadata.get('length'));
    const read = async (name: string) => {
      const info = tensors.get(name);
      if (!info) throw badFile('missing', { file: file.name, field: name });
      return { shape: info.shape, bytes: await readAligned(file, info.offset, info.bytes) };
    };
    const positions = new Int32Array((await read('positions')).bytes);
    const saved: SavedTensor[] = [];
    for (let i = 0; i < tensors.size - 1; i++) {
      const { shape, bytes } = await read(`tensor.${i}`);
      saved.push({ shape, data: new Float32Array(bytes) });
    }
    if (!Number.isInteger(length) || length < 0 || length > positions.length) {
      throw badFile(`${length} positions are not among ${positions.length}`, {
        file: file.name,
        field: 'length',
      });
    }
    return { signature, length, positions, tensors: saved };
  } finally {
    await file.close();
  }
}

/** A copy with a buffer of its own, so that 4-byte views are aligned. */
async function readAligned(file: ModelFile, offset: number, length: number): Promise<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  bytes.set(await file.read(offset, length));
  return bytes.buffer;
}
