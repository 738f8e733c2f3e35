import { z } from 'zod';
import { command } from '../../contract/operation.ts';

const Blob = z.custom<Uint8Array>((value) => value instanceof Uint8Array);
const SqlValue = z.union([z.string(), z.number(), z.null(), Blob]);
export type SqlValue = z.infer<typeof SqlValue>;
const Row = z.record(z.string(), SqlValue);
export type Row = z.infer<typeof Row>;

export const Statement = z.strictObject({ sql: z.string(), parameters: z.array(SqlValue) });
export type Statement = z.infer<typeof Statement>;

/** What the store's worker answers. */
export const storeContract = {
  /** Opens the database, creating or migrating it. */
  open: command({ input: z.strictObject({ file: z.string(), backups: z.string() }), output: z.null() }),
  /** Runs all statements in one transaction; returns the rows of each. */
  execute: command({ input: z.array(Statement).min(1), output: z.array(z.array(Row)) }),
  close: command({ input: z.null(), output: z.null() }),
};
