import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { ownChats } from '../../electron/host/chats/owner.ts';
import { openStore } from '../../electron/host/store/store.ts';
import { temporaryFolder } from '../helpers/test-host.ts';

const owner = fileURLToPath(new URL('../helpers/chat-owner.ts', import.meta.url));

async function startOwner(home: string): Promise<{ child: ChildProcess; answer: string }> {
  const child = fork(owner, [home], { execArgv: [] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const [answer] = (await once(child, 'message')) as [string];
  return { child, answer };
}

function own(home: string): () => void {
  const release = ownChats(home);
  onTestFinished(release);
  return release;
}

test('one process owns the chats, and another is told which', async () => {
  const home = temporaryFolder();
  const { child, answer } = await startOwner(home);
  expect(answer).toBe('owns');
  expect(() => ownChats(home)).toThrow(
    `Another Retort (process ${child.pid}) has the chats of this data folder open.`,
  );
});

test('in one process too they are owned once, until they are let go', () => {
  const home = temporaryFolder();
  const release = own(home);
  expect(() => ownChats(home)).toThrow(`(process ${process.pid})`);
  release();
  release();
  own(home);
});

test('what a killed owner held is free at once', async () => {
  const home = temporaryFolder();
  const { child } = await startOwner(home);
  child.kill('SIGKILL');
  await once(child, 'exit');
  own(home);
});

test('of eight processes that begin at once one owns the chats', async () => {
  const home = temporaryFolder();
  const started = await Promise.all(Array.from({ length: 8 }, () => startOwner(home)));
  const owners = started.filter(({ answer }) => answer === 'owns');
  expect(owners).toHaveLength(1);
  const others = started.filter(({ answer }) => answer !== 'owns');
  expect(others.every(({ answer }) => answer.startsWith('Another Retort'))).toBe(true);
}, 60_000);

test('a lock file that is no lock file is replaced', () => {
  const home = temporaryFolder();
  writeFileSync(join(home, 'chats.lock'), 'nonsense '.repeat(1000));
  own(home);
  expect(() => ownChats(home)).toThrow('Another Retort');
});

test('the library and runs are shared while another process owns the chats', async () => {
  const home = temporaryFolder();
  await startOwner(home);
  const store = openStore(home);
  onTestFinished(() => store.close());
  expect(await store.run('SELECT count(*) AS runs FROM runs')).toEqual([{ runs: 0 }]);
  expect(existsSync(join(home, 'retort.db'))).toBe(true);
});
