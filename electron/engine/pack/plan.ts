/** In which order a model's weights are packed, and how they are cut: it follows from headers alone, so that a pack is the same each time. */
import { LabError } from '../../contract/errors.ts';
import { groupCount } from '../../formats/pack/layout.ts';
import { largestRecord } from '../../formats/pack/schema.ts';
import type { ResolvedModel, WeightRef } from '../../../models/families/model-spec.ts';
import { isMatrixName, packedBytes } from '../native/packed-size.ts';

/** What is packed or not as a whole. An expert's three matrices lie in one record; vectors share one. */
export interface PackUnit {
  readonly kind: 'vectors' | 'matrix' | 'expert';
  readonly names: readonly string[];
  /** As predicted from headers: float32 scales that happen to be float16 numbers take less. */
  readonly bytes: number;
}

const mebibyte = 1_048_576;
/** Up to here a matrix is one tile. */
const largestTile = 4 * mebibyte;
const usualTile = 2 * mebibyte;
/** What is left at a matrix's end and smaller joins the tile before. */
const smallestTile = mebibyte;
/** Vectors are put into one record until it holds this. */
const vectorRecord = mebibyte;
const alignment = 64;

/** In the order a layer reads them. */
const layerStems = [
  'query', 'key', 'value', 'output', 'router', 'gate', 'up', 'down', 'in', 'x', 'time_step', 'out',
]; // prettier-ignore

export const aligned = (bytes: number) => Math.ceil(bytes / alignment) * alignment;

/** Bytes of a packed matrix, from headers. */
export type MatrixBytes = (name: string, ref: WeightRef) => number;
const asItLies: MatrixBytes = (_, ref) => packedBytes(ref);

/**
 * Vectors first, then what every token reads in order of use, then token rows that are only looked up, experts last. Throws unsupported-feature where one
 * record would be larger than any may be.
 */
export function planPack({ spec, weights }: ResolvedModel, bytesOf = asItLies): PackUnit[] {
  const names = [...weights.keys()];
  const bytes = (name: string) => aligned(bytesOf(name, weights.get(name)!));
  const matrices = names.filter(isMatrixName);
  const isExpert = (name: string) => name.includes('.experts.');
  const dense = matrices.filter((name) => !isExpert(name));
  const ranked = dense
    .map((name) => ({ name, rank: rankOf(name, spec.layers.length, spec.head.tied) }))
    .sort((left, right) => left.rank - right.rank);
  const units = [
    ...vectorUnits(
      weights,
      names.filter((name) => !isMatrixName(name)),
    ),
    ...ranked.map(({ name }) => matrixUnit('matrix', [name], bytes)),
    ...expertsOf(matrices.filter(isExpert)).map((expert) => matrixUnit('expert', expert, bytes)),
  ];
  for (const unit of units) refuseLarge(unit, weights);
  return units;
}

/** Of a matrix a record holds one group at least, of anything else the whole unit. */
function refuseLarge({ kind, names, bytes }: PackUnit, weights: Weights): void {
  const [name = ''] = names;
  const parts = kind === 'matrix' ? groupCount(weights.get(name)!.shape[0] ?? 1) : 1;
  const record = Math.ceil(bytes / parts);
  if (record <= largestRecord) return;
  const message = `${name} needs a record of ${record} bytes, at most ${largestRecord} are possible in a pack.`;
  throw new LabError('unsupported-feature', message, { field: name });
}

function rankOf(name: string, layers: number, isTied: boolean): number {
  const [, layer, stem] = /^layers\.(\d+)\.(\w+)\.weight$/.exec(name) ?? [];
  if (layer !== undefined && stem !== undefined) return 1 + Number(layer) * 100 + layerStems.indexOf(stem);
  const after = 1 + layers * 100;
  if (name === 'embedding_in.weight') return 0;
  if (name === 'embedding_out.weight') return after;
  // A tied table is read whole as the head.
  if (name === 'embedding.weight') return isTied ? after + 1 : after + 2;
  return after + 1;
}

/** Names in threes: gate, up and down lie one after another in the table of weights. */
function expertsOf(names: readonly string[]): string[][] {
  const experts = new Map<string, string[]>();
  for (const name of names) {
    const expert = name.slice(0, name.lastIndexOf('.', name.length - '.weight'.length - 1));
    experts.set(expert, [...(experts.get(expert) ?? []), name]);
  }
  return [...experts.values()];
}

type Weights = ReadonlyMap<string, WeightRef>;

function matrixUnit(
  kind: 'matrix' | 'expert',
  names: readonly string[],
  bytes: (name: string) => number,
): PackUnit {
  return { kind, names, bytes: sum(names.map(bytes)) };
}

function vectorUnits(weights: Weights, names: readonly string[]): PackUnit[] {
  const units: { kind: 'vectors'; names: string[]; bytes: number }[] = [];
  for (const name of names) {
    const bytes = aligned(4 * weights.get(name)!.shape.reduce((product, size) => product * size, 1));
    const last = units.at(-1);
    if (last && last.bytes + bytes <= vectorRecord) {
      last.names.push(name);
      last.bytes += bytes;
    } else units.push({ kind: 'vectors', names: [name], bytes });
  }
  return units;
}

/** Of a unit, at most: every tile but the last is at least one MiB, and its columns may have an order. */
export const recordsOf = ({ bytes }: PackUnit) => 1 + Math.ceil(bytes / mebibyte);

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

/** Groups of each tile of a matrix. */
export function tilesOf(groups: number, groupBytes: number): number[] {
  if (groups * groupBytes <= largestTile) return [groups];
  const usual = Math.max(1, Math.floor(usualTile / groupBytes));
  const tiles = Array<number>(Math.floor(groups / usual)).fill(usual);
  const left = groups % usual;
  if (left * groupBytes >= smallestTile) tiles.push(left);
  else tiles[tiles.length - 1]! += left;
  return tiles;
}
