import { vi } from 'vitest';

/** Waits until the check holds: a bound on hanging, wide enough for a busy machine. */
export function eventually<T>(check: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(check, { timeout: 20_000 });
}
