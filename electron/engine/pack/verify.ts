/** Reads all of a pack and compares every record with its checksum. */
import { badFile, LabError } from '../../contract/errors.ts';
import type { PackContents } from '../../contract/pack.ts';
import { openModelFile, type ModelFile } from '../../formats/model-file.ts';
import { readModelSource } from '../../formats/open-source.ts';
import { resolveModel } from '../../../models/families/index.ts';
import { checksum } from '../native/packer.ts';
import { packOf } from './check-weights.ts';
import type { PackHooks } from './pack-model.ts';

const pieceBytes = 4 * 1_048_576;

export interface VerifiedPack {
  readonly records: number;
  /** Of all records. */
  readonly bytes: number;
}

/**
 * Throws bad-file with the first damaged record, named by what lies in it and its offset, or the first weight that is missing; bad-request for a model that is no pack;
 * what reading it throws.
 */
export async function verifyPack(path: string, hooks: PackHooks): Promise<VerifiedPack> {
  const source = await readModelSource(path);
  if (!source.pack) {
    throw new LabError(
      'bad-request',
      `${source.name} is no pack (${source.format}): only packs hold checksums.`,
    );
  }
  const pack = packOf(source, resolveModel(source));
  const total = pack.records.bytes.reduce((sum, bytes) => sum + bytes, 0);
  const file = await openModelFile(source.folder, source.files[0]!.name);
  try {
    let done = 0;
    for (let record = 0; record < pack.records.offsets.length; record++) {
      const onRead = (bytes: number) => {
        hooks.signal.throwIfAborted();
        done += bytes;
        hooks.onProgress({ phase: 'verify', done, total });
      };
      await checkRecord(file, pack, record, onRead);
    }
  } finally {
    await file.close();
  }
  return { records: pack.records.offsets.length, bytes: total };
}

/** Throws bad-file with what lies in it where its checksum is another. */
export async function checkRecord(
  file: ModelFile,
  pack: PackContents,
  record: number,
  onRead: (bytes: number) => void = () => undefined,
): Promise<void> {
  const { offsets, bytes, checksums } = pack.records;
  const [offset, size] = [offsets[record]!, bytes[record]!];
  let sum = 0;
  for (let done = 0; done < size; done += pieceBytes) {
    const piece = await file.read(offset + done, Math.min(pieceBytes, size - done));
    sum = checksum(piece, sum);
    onRead(piece.length);
  }
  if (sum === checksums[record]) return;
  const name = namesIn(pack, record)[0] ?? `record ${record}`;
  throw badFile(`the record of ${size} bytes is damaged: its checksum is another. Pack the model again`, {
    file: file.name,
    field: name,
    offset,
  });
}

function namesIn({ matrices, vectors }: PackContents, record: number): string[] {
  const inside = [...matrices].filter(([, { tiles }]) => tiles.some((tile) => tile.record === record));
  const beside = [...vectors].filter(([, vector]) => vector.record === record);
  return [...inside, ...beside].map(([name]) => name);
}
