import { describe, it } from 'vitest';

/** Tests that need what not every machine has: there one skipped line, which tests/expected-skips.txt names, stands for all of them. */
export function describeWhere(isPossible: boolean, name: string, body: () => void): void {
  if (isPossible) describe(name, body);
  else it.skip(name, () => undefined);
}
