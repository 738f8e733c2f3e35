import { open, type FileHandle } from 'node:fs/promises';
import { LabError } from '../contract/errors.ts';
import type { TraceRecord } from '../contract/trace.ts';

/** One JSON record a line, written as they come. */
export class TraceFile {
  readonly #handle: FileHandle;

  private constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  /** Empties the file; throws bad-request where it cannot be written. */
  static async create(path: string): Promise<TraceFile> {
    try {
      return new TraceFile(await open(path, 'w'));
    } catch (error) {
      const message = `${path} cannot be written: ${(error as Error).message}`;
      throw new LabError('bad-request', message, { file: path }, { cause: error });
    }
  }

  async write(records: readonly TraceRecord[]): Promise<void> {
    if (records.length === 0) return;
    await this.#handle.write(records.map((record) => `${JSON.stringify(record)}\n`).join(''));
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}
