/** What SQLite's failures mean for a person. node:sqlite puts SQLite's own number in `errcode`; its low byte is the kind. */
import { basename } from 'node:path';
import { badFile, LabError } from '../../contract/errors.ts';

const kinds = {
  statement: 1,
  busy: 5,
  locked: 6,
  readOnly: 8,
  disk: 10,
  corrupt: 11,
  full: 13,
  cannotOpen: 14,
  notADatabase: 26,
};
/** A text index that does not fit together, while its tables do. */
const indexDamaged = 267;

function numberOf(error: unknown): number {
  return error instanceof Error && 'errcode' in error ? Number(error.errcode) : 0;
}

/** After a failed read or write nothing that the connection holds in memory is to be believed. */
export function isDiskFailure(error: unknown): boolean {
  return (numberOf(error) & 0xff) === kinds.disk;
}

export function isReadOnly(error: unknown): boolean {
  return (numberOf(error) & 0xff) === kinds.readOnly;
}

/** Another process holds the lock. */
export function isBusy(error: unknown): boolean {
  return (numberOf(error) & 0xff) === kinds.busy;
}

/** The statement does not fit the database. */
export function isStatementFault(error: unknown): boolean {
  return numberOf(error) === kinds.statement;
}

export function isIndexDamage(error: unknown): boolean {
  return numberOf(error) === indexDamaged;
}

/** The database itself, as opposed to the disk or another process: what is wrong with it, or null. */
export function damageOf(error: unknown): string | null {
  if (error instanceof Damage) return error.message;
  const kind = numberOf(error) & 0xff;
  const message = error instanceof Error ? error.message : '';
  const isDamage =
    kind === kinds.corrupt || kind === kinds.notADatabase || message === 'unsupported file format';
  return isDamage ? message : null;
}

/** Something that a check of ours found. */
export class Damage extends Error {}

/** For the command line, which changes nothing; the app restores what it can (recovery.ts). */
export function damagedError(file: string, why: string): LabError {
  return badFile(
    `the database is damaged (${why}). Nothing was changed: open the app, which keeps this file and restores what it can, or move it away to start anew.`,
    { file: basename(file) },
  );
}

/** A failed statement, as what a person can do about it. */
export function statementError(error: unknown, file: string): unknown {
  const name = basename(file);
  const failed = (code: LabError['code'], message: string) =>
    new LabError(code, `${name}: ${message}`, { file: name }, { cause: error });
  const why = damageOf(error);
  if (why !== null) {
    return failed(
      'bad-file',
      `the database is damaged (${why}). Nothing of this was written: end Retort and start it again, so that it restores what it can.`,
    );
  }
  const message = error instanceof Error ? error.message : String(error);
  switch (numberOf(error) & 0xff) {
    case kinds.full:
      return failed(
        'disk-full',
        'the disk is full. Nothing of this was written: free some space, then try again.',
      );
    case kinds.readOnly:
    case kinds.cannotOpen:
      return failed(
        'file-unreadable',
        `it cannot be written (${message}). Nothing of this was written: make the data folder writable, then try again.`,
      );
    case kinds.disk:
      return failed(
        'file-unreadable',
        `the disk failed (${message}). Nothing of this is sure to be written: look after the disk, then try again.`,
      );
    case kinds.busy:
    case kinds.locked:
      return failed(
        'file-unreadable',
        'another process has been writing for over 5 s. Nothing of this was written: try again.',
      );
    default:
      return error;
  }
}
