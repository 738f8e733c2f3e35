/** A text process lives as long as the app: nothing of a call may live as long as that. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { guardedCall, type GuardedProcess } from '../../electron/host/guarded-call.ts';

const limits = { timeMs: 10_000, memoryBytes: 2 ** 30 };

function running(): { process: GuardedProcess; end: (reason: string) => void } {
  let end: (reason: string) => void = () => undefined;
  const ended = new Promise<string>((resolve) => (end = resolve));
  return { process: { pid: process.pid, kill: () => undefined, ended }, end };
}

function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}

test('what calls brought is freed while their process runs', async () => {
  const { process } = running();
  const brought: WeakRef<object>[] = [];
  for (let i = 0; i < 50; i++) {
    const result = await guardedCall(process, limits, () => Promise.resolve({ ids: [i] }));
    brought.push(new WeakRef(result));
  }
  await new Promise((resolve) => setTimeout(resolve, 50));
  collectGarbage();
  // The latest may still lie on the stack.
  expect(brought.filter((result) => result.deref()).length).toBeLessThan(5);
});

test('a call hears that its process ended, during it and before it', async () => {
  const { process, end } = running();
  const during = guardedCall(process, limits, () => new Promise(() => undefined));
  setTimeout(() => end('It ended by SIGSEGV.'), 20);
  await expect(during).rejects.toMatchObject({ code: 'engine-gone', message: 'It ended by SIGSEGV.' });
  const after = guardedCall(process, limits, () => new Promise(() => undefined));
  await expect(after).rejects.toMatchObject({ code: 'engine-gone' });
});
