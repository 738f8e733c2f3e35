/**
 * What of an unfinished pack is on disk for certain: a line for each unit, written after its records were made durable. A line that
 * was torn by a crash is not counted, nor what comes after it.
 */
import type { FileHandle } from 'node:fs/promises';
import { z } from 'zod';
import { PlacedMatrix, PlacedVector } from '../../formats/pack/schema.ts';
import { checksum } from '../native/packer.ts';

const count = z.int().nonnegative();

/** A unit that was packed: its records, and what lies in them. Numbers of records count from the pack's first. */
const PackedUnit = z.strictObject({
  unit: count,
  /** Offset, bytes, checksum. */
  records: z.array(z.tuple([count, z.int().positive(), z.int().min(0).max(0xffff_ffff)])),
  matrices: z.array(z.tuple([z.string(), PlacedMatrix])),
  vectors: z.array(z.tuple([z.string(), PlacedVector])),
});
export type PackedUnit = z.output<typeof PackedUnit>;

/** What must be the same for a pack to be gone on with. */
export interface PackIdentity {
  readonly format: number;
  /** Of the code that lays matrices out. */
  readonly version: string;
  readonly source: string;
  readonly name: string;
  /** By which the matrices were quantized. */
  readonly recipe?: string;
}

const checksumLetters = 8;
const hexChecksum = (text: Uint8Array) => checksum(text).toString(16).padStart(checksumLetters, '0');

function lineOf(value: unknown): string {
  const text = JSON.stringify(value);
  return `${hexChecksum(Buffer.from(text))} ${text}\n`;
}

export interface ReadJournal {
  readonly units: readonly PackedUnit[];
  /** Where the line of each unit ends, and before them that of the first line. */
  readonly ends: readonly number[];
}

/** The units in order; none where the journal is of another pack or of nothing. */
export function readJournal(bytes: Buffer, identity: PackIdentity): ReadJournal | null {
  const [first, ...lines] = linesOf(bytes);
  if (!first || first.text !== JSON.stringify(identity)) return null;
  const units: PackedUnit[] = [];
  const ends = [first.end];
  for (const { text, end } of lines) {
    const parsed = PackedUnit.safeParse(parseJson(text));
    if (!parsed.success || parsed.data.unit !== units.length) break;
    units.push(parsed.data);
    ends.push(end);
  }
  return { units, ends };
}

/** Undefined for what is not JSON. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Whole lines with the right checksum, up to the first that is not one. */
function linesOf(bytes: Buffer): { text: string; end: number }[] {
  const lines: { text: string; end: number }[] = [];
  for (let start = 0; ;) {
    const end = bytes.indexOf('\n', start);
    if (end < 0) return lines;
    const text = bytes.subarray(start + checksumLetters + 1, end);
    if (bytes.toString('latin1', start, start + checksumLetters) !== hexChecksum(text)) return lines;
    lines.push({ text: text.toString('utf8'), end: end + 1 });
    start = end + 1;
  }
}

export class Journal {
  readonly #handle: FileHandle;
  #end: number;

  /** `end`: what the file holds so far and stays. */
  constructor(handle: FileHandle, end: number) {
    this.#handle = handle;
    this.#end = end;
  }

  begin(identity: PackIdentity): Promise<void> {
    return this.#append(lineOf(identity));
  }

  /** Of units whose records are on disk. */
  add(units: readonly PackedUnit[]): Promise<void> {
    return this.#append(units.map(lineOf).join(''));
  }

  async #append(text: string): Promise<void> {
    const bytes = Buffer.from(text);
    await writeAll(this.#handle, bytes, this.#end);
    this.#end += bytes.length;
    await this.#handle.datasync();
  }
}

/** A write call may take less than it was given. Throws the system's own error. */
export async function writeAll(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}
