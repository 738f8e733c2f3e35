/**
 * The one table of error codes. The same strings stand in native/include/retort/status.h; a test compares the two.
 * `exit` is the exit code of the command line; `retry` says whether the same call may succeed later unchanged.
 */
export const errorTable = {
  cancelled: { exit: 130, retry: true },
  'bad-request': { exit: 2, retry: false },
  'not-found': { exit: 3, retry: false },
  'file-unreadable': { exit: 3, retry: true },
  'bad-file': { exit: 4, retry: false },
  'outside-folder': { exit: 4, retry: false },
  'unsupported-format': { exit: 5, retry: false },
  'unsupported-architecture': { exit: 5, retry: false },
  'unsupported-type': { exit: 5, retry: false },
  'unsupported-operator': { exit: 5, retry: false },
  'unsupported-feature': { exit: 5, retry: false },
  'template-failed': { exit: 6, retry: false },
  'tokenizer-failed': { exit: 6, retry: false },
  'time-limit': { exit: 6, retry: false },
  'memory-limit': { exit: 6, retry: false },
  'context-full': { exit: 7, retry: false },
  'invalid-numbers': { exit: 7, retry: false },
  'out-of-memory': { exit: 8, retry: true },
  'disk-full': { exit: 8, retry: true },
  'no-device': { exit: 9, retry: false },
  'engine-failed': { exit: 10, retry: true },
  'engine-gone': { exit: 10, retry: true },
  internal: { exit: 1, retry: false },
} as const satisfies Record<string, { exit: number; retry: boolean }>;

export type ErrorCode = keyof typeof errorTable;

/** Where an error lies: a file by its name inside the model's folder, a field of it, a byte offset, and anything else safe to show. */
export interface ErrorDetail {
  readonly file?: string;
  readonly field?: string;
  readonly offset?: number;
  readonly [key: string]: string | number | undefined;
}

/** The only error class that crosses a process: a code for programs, a message for people, and where. */
export class LabError extends Error {
  readonly code: ErrorCode;
  readonly detail: ErrorDetail;

  constructor(code: ErrorCode, message: string, detail: ErrorDetail = {}, options?: ErrorOptions) {
    super(message, options);
    this.name = 'LabError';
    this.code = code;
    this.detail = detail;
  }
}

/** A malformed file: the message says where first, then what is wrong. */
export function badFile(message: string, detail: ErrorDetail): LabError {
  const where = [
    detail.file,
    detail.field,
    detail.offset === undefined ? undefined : `offset ${detail.offset}`,
  ].filter((part) => part !== undefined);
  return new LabError('bad-file', `${where.join(', ')}: ${message}`, detail);
}

export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === 'string' && Object.hasOwn(errorTable, value);
}

const systemCodes: Partial<Record<string, ErrorCode>> = {
  ENOENT: 'not-found',
  EACCES: 'file-unreadable',
  EPERM: 'file-unreadable',
  EISDIR: 'file-unreadable',
  EROFS: 'file-unreadable',
  EIO: 'file-unreadable',
  ENOSPC: 'disk-full',
  EDQUOT: 'disk-full',
  // A file may be no larger: by a limit of the process, or on FAT.
  EFBIG: 'disk-full',
  ENOMEM: 'out-of-memory',
};

/** Turns anything thrown into a LabError: system errors by their code, an abort into `cancelled`, the rest into `internal`. */
export function toLabError(thrown: unknown): LabError {
  if (thrown instanceof LabError) return thrown;
  if (!(thrown instanceof Error)) return new LabError('internal', String(thrown));
  if (thrown.name === 'AbortError') return new LabError('cancelled', 'Cancelled.', {}, { cause: thrown });
  const code = 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : '';
  return new LabError(systemCodes[code] ?? 'internal', thrown.message, {}, { cause: thrown });
}
