import type { z } from 'zod';
import { command } from '../../contract/operation.ts';
import type { Recovery } from './recovery.ts';

export type SqlValue = string | number | null | Uint8Array;
export type Row = Record<string, SqlValue>;
export interface Statement {
  readonly sql: string;
  readonly parameters: readonly SqlValue[];
}

export interface DatabasePlace {
  readonly file: string;
  readonly backups: string;
}

/**
 * Values that our own thread copied for us are not looked at: each of 100,000 rows would cost time, and loading zod in the thread takes longer than
 * opening the database.
 */
function trusted<T>(): z.ZodType<T, T> {
  const schema = { safeParse: (data: unknown) => ({ success: true, data }) };
  return schema as unknown as z.ZodType<T, T>;
}

/** What the store's worker answers. */
export const storeContract = {
  /** Opens the database, creating or migrating it. */
  open: command({ input: trusted<DatabasePlace>(), output: trusted<null>() }),
  /** The same for the owner of the data folder: a damaged database is replaced, and what was done is told. */
  openOwned: command({ input: trusted<DatabasePlace>(), output: trusted<Recovery | null>() }),
  /** Runs all statements in one transaction; returns the rows of each. */
  execute: command({ input: trusted<readonly Statement[]>(), output: trusted<Row[][]>() }),
  /** The day's backup, where there is none yet, and a look at the text indexes. */
  maintain: command({ input: trusted<DatabasePlace>(), output: trusted<null>() }),
  close: command({ input: trusted<null>(), output: trusted<null>() }),
};
