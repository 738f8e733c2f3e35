/** Headers made to cost much: memory stays below 4 × the header's bytes + 256 MiB, time below five seconds. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ByteWriter, tinyGguf, type WriterEntry, type WriterTensor } from '../helpers/gguf-writer.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'retort-gguf-memory-'));
});
afterAll(() => rm(folder, { recursive: true }));

const mebibytes = 2 ** 20;
const arrayOf = (itemType: number, count: number, items: Uint8Array) => ({
  raw: new ByteWriter().u32(9).u32(itemType).u64(count).raw(items).bytes(),
});
/** `count` strings of two letters. */
const pairs = (count: number) =>
  arrayOf(
    8,
    count,
    Buffer.alloc(count * 10, Buffer.concat([new ByteWriter().u64(2).bytes(), Buffer.from('éx').subarray(1)])),
  );
const many = (count: number, value: WriterEntry[1]) =>
  Array.from({ length: count }, (_, i): WriterEntry => [`key ${i}`, value]);

const architecture: WriterEntry = ['general.architecture', { type: 'string', value: 'x' }];
const cases: [title: string, entries: () => WriterEntry[], tensors: () => WriterTensor[], outcome: string][] = [
  ['two million two-letter strings', () => [['a', pairs(2 * mebibytes)]], () => [], 'read'],
  ['three million strings in two arrays', () => many(2, pairs(1.5 * mebibytes)), () => [], 'bad-file'],
  ['two million empty strings', () => [['a', arrayOf(8, 2 * mebibytes, Buffer.alloc(16 * mebibytes))]], () => [], 'read'],
  ['26 million numbers', () => [['a', arrayOf(6, 25 * mebibytes, Buffer.alloc(100 * mebibytes))]], () => [], 'read'],
  ['two million booleans', () => [['a', arrayOf(7, 2 * mebibytes, Buffer.alloc(2 * mebibytes, 1))]], () => [], 'read'],
  ['two million large integers', () => [['a', arrayOf(10, 2 * mebibytes, Buffer.alloc(16 * mebibytes, 0xee))]], () => [], 'read'],
  ['seven strings of 16 MiB', () => many(7, { type: 'string', value: 'x'.repeat(16 * mebibytes) }), () => [], 'read'],
  ['nine strings of 16 MiB', () => many(9, { type: 'string', value: 'x'.repeat(16 * mebibytes) }), () => [], 'bad-file'],
  [
    '65,536 entries and 65,536 tensors',
    () => many(65535, { type: 'u8', value: 1 }),
    () => Array.from({ length: 65536 }, (_, i) => ({ name: `tensor ${i}`.padEnd(63), dimensions: [1, 1, 1, 1], type: 0 })),
    'read',
  ],
]; // prettier-ignore

test.each(cases)('%s stay within time and memory', async (_, entries, tensors, outcome) => {
  const bytes = tinyGguf({}, { entries: [architecture, ...entries()], tensors: tensors() });
  const path = join(folder, 'model.gguf');
  await writeFile(path, bytes);
  const child = join(import.meta.dirname, 'read-gguf-child.ts');
  const { stdout } = await promisify(execFile)(process.execPath, [child, path], { timeout: 30_000 });
  const result = JSON.parse(stdout) as { outcome: string; milliseconds: number; peakBytes: number };
  expect(result.outcome).toBe(outcome);
  expect(result.milliseconds).toBeLessThan(5000);
  expect(result.peakBytes).toBeLessThan(4 * bytes.length + 256 * mebibytes);
});
