/** What the C library's heap keeps of freed memory goes back to the system: Linux with glibc tells how much a process has. */
import { expect, it } from 'vitest';
import { residentBytesNow } from '../../electron/engine/memory.ts';
import { releaseHeapPages } from '../../electron/engine/native/heap-pages.ts';

const mebibyte = 1024 ** 2;

function allocate(count: number, bytes: number): ArrayBuffer[] {
  return Array.from({ length: count }, () => new Uint8Array(bytes).fill(1).buffer);
}

const free = (buffer: ArrayBuffer) => void (buffer as unknown as { transfer(bytes: number): void }).transfer(0);

it.skipIf(process.platform !== 'linux')('gives pages between blocks in use back', () => {
  // Small enough to lie in the heap; a block in use at each end keeps the C library from giving back what lies between.
  const blocks = allocate(1000, 100_000);
  const kept = [blocks.shift(), blocks.pop()];
  blocks.forEach(free);
  const before = residentBytesNow();
  releaseHeapPages();
  expect(before - residentBytesNow()).toBeGreaterThan(64 * mebibyte);
  expect(kept.map((block) => new Uint8Array(block!)[0])).toEqual([1, 1]);
});
