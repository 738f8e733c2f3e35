/** The header of a pack, and whether it can hold what a model's headers say: that is found before anything is packed. */
import { LabError, toLabError } from '../../contract/errors.ts';
import { originalFormat, type ModelSource } from '../../contract/model-source.ts';
import { encodeHeader } from '../../formats/pack/header.ts';
import { parseHeader } from '../../formats/pack/read-pack.ts';
import { largestHeader, originName, type StoredHeader } from '../../formats/pack/schema.ts';
import { restoreModel, storeModel } from '../../formats/pack/stored-model.ts';
import { resolveModel } from '../../../models/families/index.ts';
import type { ResolvedModel } from '../../../models/families/model-spec.ts';
import type { PackedUnit, PackIdentity } from './journal.ts';
import { recordsOf, type PackUnit } from './plan.ts';

export function headerOf(
  source: ModelSource,
  { source: identity, recipe }: Pick<PackIdentity, 'source' | 'recipe'>,
  units: readonly PackedUnit[],
): StoredHeader {
  const records = units.flatMap((unit) => unit.records);
  return {
    source: {
      identity,
      name: originName(source.name),
      format: originalFormat(source),
      ...(recipe !== undefined && { recipe }),
    },
    ...storeModel(source),
    records: {
      offset: records.map(([offset]) => offset),
      bytes: records.map(([, bytes]) => bytes),
      crc: records.map(([, , crc]) => crc),
    },
    matrices: new Map(units.flatMap((unit) => unit.matrices)),
    vectors: new Map(units.flatMap((unit) => unit.vectors)),
  };
}

/** Throws unsupported-feature where a reader would refuse the header, or understand another model by it. */
export function checkDescription(source: ModelSource, model: ResolvedModel, plan: readonly PackUnit[]): void {
  const refuse = (reason: string, cause?: unknown) =>
    new LabError('unsupported-feature', `${source.name} cannot be packed: ${reason}`, {}, { cause });
  const text = encodeHeader(headerOf(source, { source: '0'.repeat(64) }, []));
  const bytes = text.length + placesBytes(plan);
  if (bytes > largestHeader) {
    throw refuse(`its header would take about ${bytes} bytes, at most ${largestHeader} are allowed.`);
  }
  if (specAgain(source, text, refuse) === JSON.stringify(model.spec)) return;
  throw refuse('its description in a pack is that of another architecture.');
}

function specAgain(source: ModelSource, text: Buffer, refuse: (reason: string, cause: unknown) => LabError) {
  try {
    const described = restoreModel(parseHeader(text, source.name), source.name);
    return JSON.stringify(resolveModel({ ...source, ...described, graphs: [] }).spec);
  } catch (error) {
    throw refuse(toLabError(error).message, error);
  }
}

/** JSON of a record and a tile in it, and of a matrix or vector without its name, which occurs twice where columns have an order. */
const recordBytes = 80;
const partBytes = 300;

/** What the header says of places, at most. */
function placesBytes(plan: readonly PackUnit[]): number {
  const names = plan.flatMap((unit) => unit.names);
  const records = plan.reduce((sum, unit) => sum + recordsOf(unit), 0);
  return records * recordBytes + names.reduce((sum, { length }) => sum + 2 * length + partBytes, 0);
}
