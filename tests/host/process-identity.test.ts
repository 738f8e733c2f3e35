import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { isProcessAlive, isRunning, processIdentity } from '../../electron/host/process-identity.ts';

test('this process is alive under its own identity', () => {
  expect(isProcessAlive(processIdentity())).toBe(true);
});

test('the same id with another start time is another process', () => {
  expect(isProcessAlive(`${process.pid}:1`)).toBe(false);
});

test('a process that has ended is dead', async () => {
  const child = spawn(process.execPath, ['-e', '']);
  const identity = processIdentity(child.pid ?? 0);
  await once(child, 'exit');
  expect(isProcessAlive(identity)).toBe(false);
});

test.each(['', 'x', '-1:0', '0:0', '1.5:0', '99999999999999999999:0'])(
  '%j is no running process',
  (identity) => {
    expect(isProcessAlive(identity)).toBe(false);
  },
);

test('the first process of the system runs although it is not ours', () => {
  expect(isRunning(1)).toBe(true);
});
