/** What sessions over graphs save: the position of each slot and the cache's tensors, all float32. */
import { basename } from 'node:path';
import { badFile } from '../../contract/errors.ts';
import { readSession, writeSession } from '../session-file.ts';

export interface SavedTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

export interface SavedSession {
  /** Identity of the model and everything that must be equal to go on from it. */
  readonly signature: string;
  /** Positions held. */
  readonly length: number;
  /** The token of each position; null or left out: not told. */
  readonly ids?: readonly number[] | null | undefined;
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
  await writeSession(path, { ...session, ids: session.ids ?? undefined }, [positions, ...tensors]);
}

/** Throws bad-request where the file belongs to another model or other settings, bad-file where it is damaged. */
export async function readSessionFile(path: string, signature: string): Promise<SavedSession> {
  const { length, ids, tensors } = await readSession(path, signature);
  const file = basename(path);
  const find = (name: string) => {
    const tensor = tensors.get(name);
    if (!tensor) throw badFile('missing', { file, field: name });
    return tensor;
  };
  const positions = new Int32Array(find('positions').bytes);
  const saved: SavedTensor[] = [];
  for (let i = 0; i < tensors.size - 1; i++) {
    const { shape, bytes } = find(`tensor.${i}`);
    saved.push({ shape, data: new Float32Array(bytes) });
  }
  if (length > positions.length) {
    throw badFile(`${length} positions are not among ${positions.length}`, { file, field: 'length' });
  }
  return { signature, length, ids, positions, tensors: saved };
}
