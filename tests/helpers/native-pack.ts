/** The tiny model as a pack for the addon itself: a file of records, and what to say of it. */
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  nativeAddon,
  type NativeModelDescription,
  type NativePack,
  type NativePlacedMatrix,
} from '../../electron/engine/native/addon.ts';
import { describeTinyModel } from './native-model.ts';

export interface TinyPack {
  readonly pack: NativePack;
  /** In the order of their numbers. */
  readonly matrices: readonly NativePlacedMatrix[];
  readonly description: NativeModelDescription;
}

const pageBytes = 4096;
const border = 64;
const roundUp = (value: number, to: number) => Math.ceil(value / to) * to;

/** Dense matrices are tiles of one group, some over a border of pages; an expert is one record in a page of its own. */
export async function writeTinyPack(folder: string): Promise<TinyPack> {
  const addon = nativeAddon();
  const engine = new addon.NativeEngine({ arithmetic: 'reference', threads: 1, kernels: '' });
  const description = await describeTinyModel(engine);
  const records: Uint8Array[] = [];
  const experts = expertsOf(description);
  const count = Math.max(...experts.flat(), ...denseOf(description)) + 1;
  const matrices = Array.from({ length: count }, (_, number): NativePlacedMatrix => {
    const { rows, columns, groups, groupBytes: _groupBytes, ...layout } = engine.matrixLayout(number);
    const expert = experts.some((parts) => parts.includes(number));
    const tiles = expert
      ? []
      : Array.from({ length: groups }, (__, group) => {
          records.push(engine.copyGroups(number, group, 1));
          return { record: records.length - 1, offset: 0, groups: 1 };
        });
    return { rows, columns, layout, tiles };
  });
  for (const parts of experts) {
    const bytes: number[] = [];
    for (const number of parts) {
      while (bytes.length % border !== 0) bytes.push(0);
      const { groups } = engine.matrixLayout(number);
      const tile = { record: records.length, offset: bytes.length, groups };
      matrices[number] = { ...matrices[number]!, tiles: [tile] };
      bytes.push(...engine.copyGroups(number, 0, groups));
    }
    records.push(Uint8Array.from(bytes));
  }
  engine.close();
  const paged = records.length - experts.length;
  return { pack: writeRecords(join(folder, 'tiny.pack'), records, paged), matrices, description };
}

/** Records from the `paged`-th on begin a page. */
function writeRecords(path: string, records: readonly Uint8Array[], paged: number): NativePack {
  let end = pageBytes;
  const offsets = Float64Array.from(records, ({ length }, index) => {
    const offset = roundUp(end, index < paged ? border : pageBytes);
    end = offset + length;
    return offset;
  });
  const file = new Uint8Array(roundUp(end, pageBytes));
  records.forEach((record, index) => file.set(record, offsets[index]));
  writeFileSync(path, file);
  const addon = nativeAddon();
  return {
    path,
    fileBytes: statSync(path).size,
    offsets,
    bytes: Float64Array.from(records, ({ length }) => length),
    checksums: Uint32Array.from(records, (record) => addon.crc32c(record, 0)),
    reader: 'automatic',
    depth: 4,
    failRead: 0,
  };
}

/** Numbers of gate, up and down of each expert. */
function expertsOf({ layers }: NativeModelDescription): number[][] {
  return layers.flatMap((layer) =>
    layer.kind === 'attention' && 'experts' in layer.feedForward
      ? layer.feedForward.experts.map(({ gate, up, down }) => [gate.matrix, up.matrix, down.matrix])
      : [],
  );
}

function denseOf(value: unknown): number[] {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return [];
  const own = 'matrix' in value && typeof value.matrix === 'number' ? [value.matrix] : [];
  return [...own, ...Object.values(value).flatMap(denseOf)];
}
