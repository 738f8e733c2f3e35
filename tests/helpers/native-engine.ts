/** The native engine as tests use it. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import type { Engine, Session } from '../../electron/engine/engine.ts';
import { openNativeEngine, type OpenNativeOptions } from '../../electron/engine/native/open.ts';
import { readModelSource } from '../../electron/formats/open-source.ts';
import { resolveModel } from '../../models/families/index.ts';
import { argmax, goldenFolder, readGoldenJson, type TinyExpectation } from './golden.ts';

/** Every tiny case of the golden data. */
export const tinyCases = readdirSync(join(goldenFolder, 'tiny'));
export const tinyFolder = (name: string) => join(goldenFolder, 'tiny', name);
export const expectedOf = (name: string) => readGoldenJson<TinyExpectation>('tiny', name, 'expected.json');

/** An engine that closes when the running test ends. */
export async function openModel(path: string, options: Partial<OpenNativeOptions> = {}): Promise<Engine> {
  const source = await readModelSource(path);
  const engine = await openNativeEngine(source, resolveModel(source), {
    arithmetic: 'reference',
    threads: 2,
    ...options,
  });
  onTestFinished(() => engine.close());
  return engine;
}

export async function greedy(session: Session, ids: readonly number[], count: number): Promise<number[]> {
  const drawn: number[] = [];
  let next = Int32Array.from(ids);
  while (drawn.length < count) {
    const { logits } = await session.evaluate({ ids: next, rows: 'last' });
    drawn.push(argmax(logits));
    next = Int32Array.of(drawn.at(-1)!);
  }
  return drawn;
}

/** Logits of `ids` from `from` on, on a new session or one that holds what is before. */
export async function rowsOf(
  session: Session,
  ids: Int32Array,
  from = 0,
  to = ids.length,
): Promise<Float32Array> {
  return (await session.evaluate({ ids: ids.slice(from, to), rows: 'all' })).logits;
}

/** Fails at the first value whose bits differ. */
export function expectSame(actual: Float32Array, expected: Float32Array, what: string): void {
  const bits = (values: Float32Array) => new Uint32Array(values.buffer, values.byteOffset, values.length);
  const [left, right] = [bits(actual), bits(expected)];
  expect(left.length, what).toBe(right.length);
  expect(left.findIndex((value, i) => value !== right[i], what)).toBe(-1);
}
