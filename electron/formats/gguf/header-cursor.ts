/**
 * Reads a GGUF header forward through a window of the file. Nothing is allocated from a claimed length before the rest
 * of the file is known to hold it, and a header may not be larger than `headerLimit`.
 */
import { badFile, type LabError } from '../../contract/errors.ts';
import type { ModelFile } from '../model-file.ts';

/** The largest headers known (quarter of a million tokens with merges) take about 20 MiB. */
const headerLimit = 128 * 2 ** 20;
const windowBytes = 2 ** 20;
/** Strings, booleans and 64-bit integers cost many times their bytes here; the largest vocabularies have under a million. */
const objectLimit = 2 * 2 ** 20;

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export class HeaderCursor {
  readonly file: ModelFile;
  /** What is being read, for errors: a metadata key, a tensor's name, or a word for the place. */
  field = 'header';
  #window: Buffer = Buffer.alloc(0);
  #windowStart = 0;
  #position = 0;
  #objects = 0;

  constructor(file: ModelFile) {
    this.file = file;
  }

  get position(): number {
    return this.#position;
  }

  /** Bytes that a header may still take from here. */
  get remaining(): number {
    return Math.min(this.file.bytes, headerLimit) - this.#position;
  }

  fail(message: string, offset = this.#position): LabError {
    return badFile(message, { file: this.file.name, field: this.field, offset });
  }

  /** Throws unless `bytes` more bytes can follow. */
  expect(bytes: number | bigint): void {
    if (bytes <= this.remaining) return;
    const tooLarge = this.file.bytes > headerLimit && bytes <= this.file.bytes - this.#position;
    throw this.fail(
      tooLarge
        ? `the header would be larger than ${headerLimit} bytes`
        : `${bytes} bytes expected, the file ends at ${this.file.bytes}`,
    );
  }

  /** Throws where the items of all arrays that become objects would be too many. */
  expectObjects(count: bigint): void {
    if (count > objectLimit - this.#objects) {
      throw this.fail(
        `${count} more items, at most ${objectLimit} strings, booleans and 64-bit integers are allowed`,
      );
    }
    this.#objects += Number(count);
  }

  /** The next `length` bytes, valid until the next call. */
  async take(length: number): Promise<Buffer> {
    if (!this.#holds(length)) await this.#fill(length);
    const start = this.#advance(length);
    return this.#window.subarray(start, start + length);
  }

  async u32(): Promise<number> {
    return (await this.take(4)).readUInt32LE();
  }

  async i32(): Promise<number> {
    return (await this.take(4)).readInt32LE();
  }

  async u64(): Promise<bigint> {
    return (await this.take(8)).readBigUInt64LE();
  }

  /** A string that must be UTF-8, as keys and names are. */
  async name(limit: number): Promise<string> {
    const start = this.#position;
    const bytes = await this.#stringBytes(limit);
    if (bytes.includes(0)) throw this.fail('the string holds a NUL byte', start);
    try {
      return strict.decode(bytes);
    } catch {
      throw this.fail('the string is not UTF-8', start);
    }
  }

  /** Text; bytes that are not UTF-8 become U+FFFD (vocabularies of older files hold such pieces). */
  async text(limit: number): Promise<string> {
    return (await this.#stringBytes(limit)).toString('utf8');
  }

  /** `count` strings. The loop waits only where the window ends and makes no views: files hold hundreds of thousands of them. */
  async texts(count: number, limit: number): Promise<string[]> {
    const texts = new Array<string>(count);
    for (let i = 0; i < count; i++) {
      if (!this.#holds(8)) await this.#fill(8);
      const length = this.#length(limit);
      if (!this.#holds(length)) await this.#fill(length);
      const start = this.#advance(length);
      texts[i] = this.#window.toString('utf8', start, start + length);
    }
    return texts;
  }

  async #stringBytes(limit: number): Promise<Buffer> {
    if (!this.#holds(8)) await this.#fill(8);
    return this.take(this.#length(limit));
  }

  /** A string's length, which the window holds. */
  #length(limit: number): number {
    const start = this.#advance(8);
    const low = this.#window.readUInt32LE(start);
    const high = this.#window.readUInt32LE(start + 4);
    if (high > 0 || low > limit) {
      const claimed = this.#window.readBigUInt64LE(start);
      throw this.fail(`a string of ${claimed} bytes, at most ${limit} are allowed`, this.#position - 8);
    }
    return low;
  }

  #holds(length: number): boolean {
    return this.#position + length <= this.#windowStart + this.#window.length;
  }

  /** Moves on and gives the place in the window it moved from. */
  #advance(length: number): number {
    const start = this.#position - this.#windowStart;
    this.#position += length;
    return start;
  }

  async #fill(length: number): Promise<void> {
    this.expect(length);
    const bytes = Math.min(Math.max(length, windowBytes), this.file.bytes - this.#position);
    this.#window = await this.file.read(this.#position, bytes);
    this.#windowStart = this.#position;
  }
}
