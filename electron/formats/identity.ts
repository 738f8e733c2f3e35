/** The identity of a model: the same for the same bytes wherever they lie, quick to compute for any size. */
import { createHash, type Hash } from 'node:crypto';
import { badFile } from '../contract/errors.ts';
import type { ModelSource, SourceFile } from '../contract/model-source.ts';
import type { PackContents } from '../contract/pack.ts';
import { openModelFile, type ModelFile } from './model-file.ts';

const blockBytes = 4096;
const blockCount = 64;
const pieceBytes = 8 * 1_048_576;

/** A run of bytes of the data sections, seen as one after another in the order of the files. */
interface Span {
  readonly start: number;
  readonly length: number;
}

/**
 * SHA-256, as 64 hexadecimal digits, over every file's size and header (small files whole), the tensor table and 64 evenly spaced 4 KiB
 * blocks of the data. Of a pack over its first page and its header, which holds the checksum of every record. Folder, time and inode do
 * not matter. Throws what opening and reading throw, bad-file where a file changed.
 */
export async function modelIdentity(source: ModelSource): Promise<string> {
  if (source.pack) return packIdentity(source, source.pack);
  const order = source.files.map((_, index) => index).sort((a, b) => compare(fileAt(a), fileAt(b)));
  function fileAt(index: number): SourceFile {
    return source.files[index]!;
  }
  const hash = createHash('sha256').update('retort model identity 1\n');
  hashTensorTable(hash, source, order);
  const spans = sampleSpans(order.reduce((sum, index) => sum + dataBytes(fileAt(index)), 0));
  let before = 0;
  for (const index of order) {
    const expected = fileAt(index);
    const file = await openModelFile(source.folder, expected.name);
    try {
      if (file.bytes !== expected.bytes) throw badFile('the size changed', { file: expected.name });
      hash.update(`file ${expected.bytes} ${expected.headerBytes}\n`);
      await hashRange(hash, file, 0, expected.headerBytes);
      for (const span of spans) {
        const start = Math.max(span.start, before);
        const end = Math.min(span.start + span.length, before + dataBytes(expected));
        if (start < end) {
          await hashRange(hash, file, expected.headerBytes + start - before, end - start);
        }
      }
    } finally {
      await file.close();
    }
    before += dataBytes(expected);
  }
  return hash.digest('hex');
}

/** Of the weights, whatever file they lie in: a pack's is that of the model it was made of, but where they were quantized for it. Saved sessions name it. */
export function weightsIdentity(source: ModelSource): Promise<string> {
  const origin = source.pack?.origin;
  return origin && origin.recipe === undefined ? Promise.resolve(origin.identity) : modelIdentity(source);
}

async function packIdentity(source: ModelSource, pack: PackContents): Promise<string> {
  const [expected] = source.files as [SourceFile];
  const hash = createHash('sha256').update('retort pack identity 1\n');
  const file = await openModelFile(source.folder, expected.name);
  try {
    if (file.bytes !== expected.bytes) throw badFile('the size changed', { file: expected.name });
    await hashRange(hash, file, 0, expected.headerBytes);
    await hashRange(hash, file, pack.headerOffset, pack.headerBytes);
  } finally {
    await file.close();
  }
  return hash.digest('hex');
}

const dataBytes = (file: SourceFile) => file.bytes - file.headerBytes;
const compare = (a: SourceFile, b: SourceFile) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);

function hashTensorTable(hash: Hash, source: ModelSource, order: readonly number[]): void {
  const rank = new Map(order.map((index, place) => [index, place]));
  const names = [...source.tensors.keys()].sort();
  for (const name of names) {
    const { type, shape, file, offset, bytes } = source.tensors.get(name)!;
    hash.update(`${JSON.stringify([name, type, shape, rank.get(file) ?? -1, offset, bytes])}\n`);
  }
}

/** Blocks at even distances, the first at the beginning and the last at the end; everything where that is no more. */
function sampleSpans(total: number): Span[] {
  if (total <= blockBytes * blockCount) return [{ start: 0, length: total }];
  return Array.from({ length: blockCount }, (_, block) => ({
    start: Math.floor((block * (total - blockBytes)) / (blockCount - 1)),
    length: blockBytes,
  }));
}

async function hashRange(hash: Hash, file: ModelFile, offset: number, length: number): Promise<void> {
  for (let done = 0; done < length; done += pieceBytes) {
    hash.update(await file.read(offset + done, Math.min(pieceBytes, length - done)));
  }
}
