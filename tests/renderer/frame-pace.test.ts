import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { framePace } from '../../renderer/features/chat/frame-pace.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'requestAnimationFrame', 'performance'] });
});
afterEach(() => void vi.useRealTimers());

/** Draws ten times one after the other, each taking `costMs` of the page; returns when each began. */
async function draw(costMs: number): Promise<number[]> {
  const pace = framePace();
  const times: number[] = [];
  const next = () =>
    pace(() => {
      times.push(performance.now());
      vi.advanceTimersByTime(costMs); // what the drawing and its paint take
      if (times.length < 10) next();
    });
  next();
  await vi.advanceTimersByTimeAsync(20_000);
  return times;
}

const gaps = (times: readonly number[]) => times.slice(1).map((time, index) => time - (times[index] ?? 0));

test('cheap drawings come once a frame', async () => {
  const times = await draw(2);
  expect(times.length).toBe(10);
  for (const gap of gaps(times)) expect(gap).toBeLessThanOrEqual(17);
});

test('a drawing that takes long is followed by a rest as long', async () => {
  const times = await draw(100);
  expect(times.length).toBe(10);
  for (const gap of gaps(times).slice(1)) expect(gap).toBeGreaterThanOrEqual(180);
});
