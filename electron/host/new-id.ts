import { randomBytes } from 'node:crypto';

/** An id that sorts by the time it was made: base-36 milliseconds and 32 random bits. */
export function newId(): string {
  return `${Date.now().toString(36)}-${randomBytes(4).toString('hex')}`;
}
