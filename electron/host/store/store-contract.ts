import { z } from 'zod';
import { command } from '../../contract/operation.ts';
import type { Recovery } from './recovery.ts';

export type SqlValue = string | number | null | Uint8Array;
export type Row = Record<string, SqlValue>;
export interface Statement {
  readonly sql: string;
  readonly parameters: readonly SqlValue[];
}

const where = z.strictObject({ file: z.string(), backups: z.string() });
export type DatabasePlace = z.infer<typeof where>;

/** What the store's worker answers. Rows and statements are copies made by our own thread: looking at each of 100,000 would only cost time. */
export const storeContract = {
  /** Opens the database, creating or migrating it. */
  open: command({ input: where, output: z.null() }),
  /** The same for the owner of the data folder: a damaged database is replaced, and what was done is told. */
  openOwned: command({ input: where, output: z.custom<Recovery>().nullable() }),
  /** Runs all statements in one transaction; returns the rows of each. */
  execute: command({
    input: z.custom<readonly Statement[]>(Array.isArray),
    output: z.custom<Row[][]>(Array.isArray),
  }),
  /** The day's backup, where there is none yet, and a look at the text index. */
  maintain: command({ input: where, output: z.null() }),
  close: command({ input: z.null(), output: z.null() }),
};
