/**
 * A pack while it grows: a file under a temporary name beside its target, and a journal of what of it is on disk. Records are written while the next
 * ones are made; every so many bytes they are made durable, and then the journal names them.
 */
import { constants } from 'node:fs';
import { open, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { LabError, toLabError } from '../../contract/errors.ts';
import { encodePrelude, pages } from '../../formats/pack/header.ts';
import { largeRecordBytes, pageBytes, smallAlignment } from '../../formats/pack/schema.ts';
import { checksum } from '../native/packer.ts';
import { Journal, readJournal, writeAll, type PackedUnit, type PackIdentity } from './journal.ts';

/** Bytes that may be on their way to the file. */
const mostInFlight = 16 * 1_048_576;
const readBytes = 4 * 1_048_576;

export interface PartialPackOptions {
  /** What a crash may cost: so many bytes are made durable at a time. */
  readonly durableBytes: number;
  readonly signal: AbortSignal;
  /** While records of an earlier run are read and checked. */
  readonly onChecked: (bytes: number) => void;
}

export const partialName = (target: string) => join(dirname(target), `.partial-${basename(target)}`);
const journalName = (target: string) => `${partialName(target)}.journal`;

/** Bytes that an unfinished pack takes already; 0: there is none. */
export async function partialBytes(target: string): Promise<number> {
  const status = await stat(partialName(target)).catch(() => null);
  // What a sparse file does not take counts as free.
  return status ? Math.min(status.size, (status.blocks ?? 0) * 512) : 0;
}

export class PartialPack {
  /** In order; those of an earlier run first. */
  readonly units: PackedUnit[] = [];
  readonly #target: string;
  readonly #options: PartialPackOptions;
  readonly #data: FileHandle;
  readonly #log: FileHandle;
  #journal: Journal;
  #end = pageBytes;
  #records = 0;
  #inFlight = 0;
  readonly #writes = new Set<Promise<void>>();
  #writeFailure: Error | null = null;
  #notDurable: PackedUnit[] = [];
  #notDurableBytes = 0;
  #flushing: Promise<void> = Promise.resolve();

  private constructor(target: string, options: PartialPackOptions, data: FileHandle, log: FileHandle) {
    this.#target = target;
    this.#options = options;
    this.#data = data;
    this.#log = log;
    this.#journal = new Journal(log, 0);
  }

  /** Goes on with what an earlier run left of the same pack, as far as its records are sound; starts over where there is nothing of the kind. */
  static async open(
    target: string,
    identity: PackIdentity,
    options: PartialPackOptions,
  ): Promise<PartialPack> {
    const flags = constants.O_RDWR | constants.O_CREAT | (constants.O_NOFOLLOW ?? 0);
    const data = await open(partialName(target), flags, 0o666);
    const log = await open(journalName(target), flags, 0o666).catch(async (error: unknown) => {
      await data.close();
      throw error;
    });
    const pack = new PartialPack(target, options, data, log);
    try {
      await pack.#resume(identity);
      return pack;
    } catch (error) {
      await pack.close();
      throw error;
    }
  }

  /** Bytes of records so far. */
  get recordBytes(): number {
    return this.units.reduce(
      (sum, { records }) => sum + records.reduce((all, [, bytes]) => all + bytes, 0),
      0,
    );
  }

  async #resume(identity: PackIdentity): Promise<void> {
    const journal = readJournal(await this.#log.readFile(), identity);
    for (const unit of journal?.units ?? []) {
      if (!(await this.#isSound(unit))) break;
      this.#take(unit);
    }
    const end = journal?.ends[this.units.length] ?? 0;
    await this.#log.truncate(end);
    await this.#data.truncate(this.units.length === 0 ? 0 : this.#end);
    this.#journal = new Journal(this.#log, end);
    if (end === 0) await this.#journal.begin(identity);
  }

  /** Its records lie where they would be written now, and hold what they held. */
  async #isSound({ records }: PackedUnit): Promise<boolean> {
    let end = this.#end;
    for (const [offset, bytes, expected] of records) {
      this.#options.signal.throwIfAborted();
      if (offset !== placeAfter(end, bytes) || (await this.#checksumAt(offset, bytes)) !== expected)
        return false;
      end = offset + bytes;
      this.#options.onChecked(bytes);
    }
    return true;
  }

  /** Null: the file ends before. */
  async #checksumAt(offset: number, bytes: number): Promise<number | null> {
    const buffer = Buffer.allocUnsafe(Math.min(bytes, readBytes));
    let sum = 0;
    for (let done = 0; done < bytes;) {
      const { bytesRead } = await this.#data.read(
        buffer,
        0,
        Math.min(buffer.length, bytes - done),
        offset + done,
      );
      if (bytesRead === 0) return null;
      sum = checksum(buffer.subarray(0, bytesRead), sum);
      done += bytesRead;
    }
    return sum;
  }

  #take(unit: PackedUnit): void {
    this.units.push(unit);
    for (const [offset, bytes] of unit.records) this.#end = offset + bytes;
    this.#records += unit.records.length;
  }

  /** The number that the next record gets. */
  get nextRecord(): number {
    return this.#records;
  }

  /** Puts a record at the end; what `add` names it by. The bytes and their whole buffer belong to it from here on, and are gone once written. Throws where an earlier write failed. */
  async write(bytes: Uint8Array<ArrayBuffer>): Promise<PackedUnit['records'][number]> {
    const { length } = bytes;
    const sum = checksum(bytes);
    const offset = placeAfter(this.#end, length);
    this.#end = offset + length;
    this.#records += 1;
    this.#start(bytes, offset);
    while (this.#inFlight > mostInFlight) await Promise.race(this.#writes);
    this.#throwFailure();
    return [offset, length, sum];
  }

  #start(bytes: Uint8Array<ArrayBuffer>, offset: number): void {
    const { length } = bytes;
    this.#inFlight += length;
    const writing = writeAll(this.#data, bytes, offset)
      .catch((error: Error) => (this.#writeFailure ??= error))
      .then(() => {
        this.#inFlight -= length;
        this.#writes.delete(writing);
        // Now, not when the collector of garbage comes by: it lets a hundred megabytes of them gather.
        bytes.buffer.transfer(0);
      });
    this.#writes.add(writing);
  }

  #throwFailure(): void {
    if (this.#writeFailure !== null) throw this.#writeFailure;
  }

  /** A unit is complete: its records were given to `write`. */
  async add(unit: PackedUnit): Promise<void> {
    this.units.push(unit);
    this.#notDurable.push(unit);
    this.#notDurableBytes += unit.records.reduce((sum, [, bytes]) => sum + bytes, 0);
    if (this.#notDurableBytes < this.#options.durableBytes) return;
    // Writing goes on while the last part is made durable, but no further than one part.
    await this.#flushing;
    this.#flushing = this.#flush();
    this.#flushing.catch(() => undefined);
  }

  async #flush(): Promise<void> {
    const units = this.#notDurable;
    this.#notDurable = [];
    this.#notDurableBytes = 0;
    if (units.length === 0) return;
    await Promise.all(this.#writes);
    this.#throwFailure();
    await this.#data.datasync();
    await this.#journal.add(units);
  }

  /** Makes durable what is complete. Throws what writing threw. */
  async flush(): Promise<void> {
    await this.#flushing;
    await this.#flush();
  }

  /** Writes header and prelude; the file is a whole pack then, under its temporary name, which is returned. */
  async complete(header: Uint8Array): Promise<string> {
    const offset = pages(this.#end);
    const end = pages(offset + header.length);
    await this.flush();
    await this.#data.truncate(end);
    await writeAll(this.#data, header, offset);
    await writeAll(this.#data, encodePrelude(header, offset), 0);
    await this.#data.sync();
    return partialName(this.#target);
  }

  /** Gives the complete pack its name. */
  async publish(): Promise<void> {
    await rename(partialName(this.#target), this.#target);
    await syncFolder(dirname(this.#target));
    await rm(journalName(this.#target), { force: true });
  }

  async close(): Promise<void> {
    await Promise.all(this.#writes);
    await this.#flushing.catch(() => undefined);
    await this.#data.close();
    await this.#log.close();
  }
}

/** Where a record of so many bytes goes after one that ends at `end`. */
function placeAfter(end: number, bytes: number): number {
  const alignment = bytes >= largeRecordBytes ? pageBytes : smallAlignment;
  return Math.ceil(end / alignment) * alignment;
}

async function syncFolder(folder: string): Promise<void> {
  // Windows opens no folders; its renames are durable by the journal of the file system.
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** What went wrong while packing, with what becomes of the unfinished file. */
export function withKept(error: unknown, target: string): LabError {
  const known = toLabError(error);
  const kept = `What is packed so far is kept in ${basename(partialName(target))}`;
  const advice =
    known.code === 'cancelled'
      ? `${kept}; the same command goes on from there.`
      : known.code === 'disk-full'
        ? `${kept}; make room, and the same command goes on from there.`
        : null;
  if (advice === null) return known;
  const what = known.code === 'cancelled' ? 'Cancelled.' : `${basename(target)}: the disk takes no more.`;
  return new LabError(
    known.code,
    `${what} ${advice}`,
    { ...known.detail, file: basename(target) },
    { cause: error },
  );
}
