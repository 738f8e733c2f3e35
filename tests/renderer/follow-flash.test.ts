import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { PageContract } from '../../electron/contract/page-contract.ts';
import type { Client } from '../../electron/contract/rpc.ts';
import { flashIntervalMs, followFlash } from '../../renderer/features/models/follow-flash.ts';

let reads = 0;
let isBroken = false;
const client = {
  readFlash: () => {
    reads += 1;
    return isBroken ? Promise.reject(new Error('gone')) : Promise.resolve(null);
  },
} as unknown as Client<PageContract>;

function setVisible(isVisible: boolean): void {
  Object.defineProperty(document, 'visibilityState', {
    configurable: true,
    get: () => (isVisible ? 'visible' : 'hidden'),
  });
  document.dispatchEvent(new Event('visibilitychange'));
}

beforeEach(() => {
  vi.useFakeTimers();
  [reads, isBroken] = [0, false];
});
afterEach(() => {
  setVisible(true);
  vi.useRealTimers();
});

test('what flash does is read at most twice a second while it is live, and once where it is not', async () => {
  const stop = followFlash(client, true, () => undefined);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(reads).toBe(10_000 / flashIntervalMs + 1);
  expect(flashIntervalMs).toBeGreaterThanOrEqual(500);
  stop();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(reads).toBe(10_000 / flashIntervalMs + 1);
  followFlash(client, false, () => undefined)();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(reads).toBe(10_000 / flashIntervalMs + 2);
});

test('nothing is read while the page is hidden, and at once when it is seen again', async () => {
  const stop = followFlash(client, true, () => undefined);
  await vi.advanceTimersByTimeAsync(0);
  setVisible(false);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(reads).toBe(1);
  setVisible(true);
  await vi.advanceTimersByTimeAsync(0);
  expect(reads).toBe(2);
  await vi.advanceTimersByTimeAsync(flashIntervalMs);
  expect(reads).toBe(3);
  stop();
});

test('a reading that fails is followed by another, and what comes after the end is not taken', async () => {
  isBroken = true;
  const taken: unknown[] = [];
  const stop = followFlash(client, true, (reading) => taken.push(reading));
  await vi.advanceTimersByTimeAsync(flashIntervalMs);
  expect([reads, taken]).toEqual([2, []]);
  isBroken = false;
  await vi.advanceTimersByTimeAsync(flashIntervalMs);
  expect(taken).toEqual([null]);
  await vi.advanceTimersByTimeAsync(flashIntervalMs - 1);
  stop();
  await vi.advanceTimersByTimeAsync(flashIntervalMs);
  expect(taken).toEqual([null]);
});
