/**
 * A pack while it grows: a file under a temporary name beside its target, and a journal of what of it is on disk. Records are written while the next
 * ones are made; every so many bytes they are made durable, and then the journal names them.
 */
import { basename } from 'node:path';
import { LabError, toLabError } from '../../contract/errors.ts';
import { encodePrelude, pages } from '../../formats/pack/header.ts';
import { largeRecordBytes, largestHeader, pageBytes, smallAlignment } from '../../formats/pack/schema.ts';
import { checksum } from '../native/packer.ts';
import { Journal, readJournal, writeAll, type PackedUnit, type PackIdentity } from './journal.ts';
import { PartialFiles } from './partial-files.ts';
import { keptIn, partialName } from './pack-target.ts';

/** Bytes that may be on their way to the file. */
const mostInFlight = 16 * 1_048_576;
const readBytes = 4 * 1_048_576;
/** It holds what the header will, in slightly more words; a larger one is none of ours. */
const largestJournal = 2 * largestHeader;

export interface PartialPackOptions {
  /** What a crash may cost: so many bytes are made durable at a time. */
  readonly durableBytes: number;
  readonly signal: AbortSignal;
  /** While records of an earlier run are read and checked. */
  readonly onChecked: (bytes: number) => void;
}

export class PartialPack {
  /** In order; those of an earlier run first. */
  readonly units: PackedUnit[] = [];
  readonly #target: string;
  readonly #options: PartialPackOptions;
  readonly #files: PartialFiles;
  #journal: Journal;
  #end = pageBytes;
  #records = 0;
  #inFlight = 0;
  readonly #writes = new Set<Promise<void>>();
  #writeFailure: Error | null = null;
  /** What lies from here on may not have been written. */
  #failedAt = Infinity;
  #notDurable: PackedUnit[] = [];
  #notDurableBytes = 0;
  #flushing: Promise<void> = Promise.resolve();
  /** Where the units end that the journal names. */
  #durableEnd = pageBytes;

  private constructor(target: string, options: PartialPackOptions, files: PartialFiles) {
    this.#target = target;
    this.#options = options;
    this.#files = files;
    this.#journal = new Journal(files.log, 0);
  }

  /**
   * Goes on with what an earlier run left of the same pack, as far as its records are sound; starts over where there is nothing of the kind. Throws what
   * opening its files throws, and what going on throws with what becomes of them.
   */
  static async open(
    target: string,
    identity: PackIdentity,
    options: PartialPackOptions,
  ): Promise<PartialPack> {
    const files = await PartialFiles.open(target, options.signal);
    const pack = new PartialPack(target, options, files);
    try {
      await pack.#resume(identity);
      return pack;
    } catch (error) {
      await pack.close();
      throw withKept(error, target);
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
    const { data, log } = this.#files;
    const isOurs = (await log.stat()).size <= largestJournal;
    const journal = isOurs ? readJournal(await log.readFile(), identity) : null;
    for (const unit of journal?.units ?? []) {
      if (!(await this.#isSound(unit))) break;
      this.#take(unit);
    }
    const end = journal?.ends[this.units.length] ?? 0;
    await log.truncate(end);
    await data.truncate(this.units.length === 0 ? 0 : this.#end);
    this.#journal = new Journal(log, end);
    this.#durableEnd = this.#end;
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
      const { bytesRead } = await this.#files.data.read(
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
    const writing = writeAll(this.#files.data, bytes, offset)
      .catch((error: Error) => this.#fail(error, offset))
      .then(() => {
        this.#inFlight -= length;
        this.#writes.delete(writing);
        // Now, not when the collector of garbage comes by: it lets a hundred megabytes of them gather.
        bytes.buffer.transfer(0);
      });
    this.#writes.add(writing);
  }

  #fail(error: Error, offset: number): void {
    this.#writeFailure ??= error;
    this.#failedAt = Math.min(this.#failedAt, offset);
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
    await Promise.all(this.#writes);
    await this.#name(units.filter((unit) => endOf(unit) <= this.#failedAt)).catch((error: Error) => {
      this.#fail(error, 0);
    });
    this.#throwFailure();
  }

  /** Makes units durable and then names them in the journal. */
  async #name(units: readonly PackedUnit[]): Promise<void> {
    const last = units.at(-1);
    if (last === undefined) return;
    // The rest is written again, and its room is what a full disk has for the journal.
    if (this.#failedAt < Infinity) await this.#files.data.truncate(endOf(last));
    await this.#files.data.datasync();
    await this.#journal.add(units);
    this.#durableEnd = endOf(last);
  }

  /** Makes durable what is complete. Throws what writing threw. */
  async flush(): Promise<void> {
    // It throws again below, and what comes before the failure is complete.
    await this.#flushing.catch(() => undefined);
    await this.#flush();
  }

  /** Writes header and prelude; the file is a whole pack then, under its temporary name, which is returned. */
  async complete(header: Uint8Array): Promise<string> {
    const offset = pages(this.#end);
    const end = pages(offset + header.length);
    await this.flush();
    await this.#files.data.truncate(end);
    await writeAll(this.#files.data, header, offset);
    await writeAll(this.#files.data, encodePrelude(header, offset), 0);
    await this.#files.data.sync();
    return partialName(this.#target);
  }

  /** Gives the complete pack its name: PartialFiles.publish. */
  publish(): Promise<void> {
    return this.#files.publish();
  }

  /** Removes all of it: for what must not be gone on with. */
  async discard(): Promise<void> {
    await this.#files.discard();
    this.#durableEnd = pageBytes;
  }

  /** What went wrong, with what becomes of the unfinished file: what is complete is kept; a file without anything is not. */
  async giveUp(error: unknown): Promise<LabError> {
    // The first failure is the one to tell.
    await this.flush().catch(() => undefined);
    if (this.#durableEnd > pageBytes) return withKept(error, this.#target);
    await this.discard().catch(() => undefined);
    return told(error, this.#target, null);
  }

  async close(): Promise<void> {
    await Promise.all(this.#writes);
    await this.#flushing.catch(() => undefined);
    await this.#files.close();
  }
}

const endOf = ({ records }: PackedUnit) => Math.max(...records.map(([offset, bytes]) => offset + bytes));

/** Where a record of so many bytes goes after one that ends at `end`. */
function placeAfter(end: number, bytes: number): number {
  const alignment = bytes >= largeRecordBytes ? pageBytes : smallAlignment;
  return Math.ceil(end / alignment) * alignment;
}

/** What went wrong while packing, where something of it is kept. */
function withKept(error: unknown, target: string): LabError {
  return told(error, target, keptIn(target));
}

function told(error: unknown, target: string, kept: string | null): LabError {
  const known = toLabError(error);
  const sentences = sentencesOf(known, basename(target), kept);
  return new LabError(
    known.code,
    sentences.filter((text) => text !== null).join(' '),
    { file: basename(target), ...known.detail },
    { cause: error },
  );
}

function sentencesOf({ code, message }: LabError, file: string, kept: string | null): (string | null)[] {
  const goesOn = 'the same command goes on from there';
  if (code === 'cancelled') return ['Cancelled.', kept && `${kept}; ${goesOn}.`];
  if (code === 'disk-full') {
    return [`${file}: the disk takes no more.`, kept && `${kept}; make room, and ${goesOn}.`];
  }
  const ended = /[.!?]$/.test(message) ? message : `${message}.`;
  return [ended, kept && `${kept}: ${goesOn}, or remove it.`];
}
