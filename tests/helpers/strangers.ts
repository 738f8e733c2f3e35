/** What tests hand to native code in place of what it asks for, and what comes of it. */
import { errorTable } from '../../electron/contract/errors.ts';

export type Anything = Record<string, (...values: unknown[]) => unknown>;
export type AnyClass = new (...values: unknown[]) => Anything;

/** Values of every kind JavaScript has. */
export const strangers: readonly unknown[] = [
  undefined, null, true, '1', 'x'.repeat(100), Symbol('s'), {}, [], [1, 2, 3], [{}], () => 1, new Date(), new Map(),
  new ArrayBuffer(16), new Uint8Array(4), new Float32Array(3), new Int32Array([1 << 30, -1]), new Float64Array(4), new BigInt64Array(4),
  new Float32Array(new SharedArrayBuffer(16)), new Proxy({}, {}), Object.create(Float32Array.prototype),
  1n, 0, -1, 3, 0.5, NaN, Infinity, -Infinity, 1e9, 2 ** 31, -(2 ** 31), 2 ** 53, 1e300,
]; // prettier-ignore

const isCoded = (error: unknown) =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' && error.code in errorTable;

/** The code of what a call throws or rejects with; 'accepted' where it does neither. Anything without a code fails the test. */
export async function outcome(call: () => unknown): Promise<string> {
  try {
    await call();
    return 'accepted';
  } catch (error) {
    if (!isCoded(error)) throw error;
    return (error as { code: string }).code;
  }
}

/** Every copy of a plain value in which one part, however deep, is a stranger. */
export function* spoiled(value: unknown): Generator<{ path: string; value: unknown }> {
  for (const stranger of strangers) yield { path: '', value: stranger };
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return;
  for (const [key, part] of Object.entries(value)) {
    for (const changed of spoiled(part)) {
      const copy = (Array.isArray(value) ? [...(value as unknown[])] : { ...value }) as Record<
        string,
        unknown
      >;
      copy[key] = changed.value;
      yield { path: `${key}.${changed.path}`, value: copy };
    }
  }
}
