import { execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { placeIn } from '../../electron/host/store/store.ts';
import type { FaultReport } from '../helpers/fault-writer.ts';
import { temporaryFolder } from '../helpers/test-host.ts';

const disk = fileURLToPath(new URL('../helpers/failing-disk.c', import.meta.url));
const writer = fileURLToPath(new URL('../helpers/fault-writer.ts', import.meta.url));

/** Everything that the writer reported until it ended itself. */
async function writeWithFaults(home: string): Promise<FaultReport[]> {
  const library = join(home, 'failing-disk.so');
  const control = join(home, 'control');
  execFileSync('cc', ['-shared', '-fPIC', '-O1', '-o', library, disk, '-ldl']);
  writeFileSync(control, '');
  const reports: FaultReport[] = [];
  const child = fork(writer, [home], {
    execArgv: ['--disable-warning=ExperimentalWarning'],
    env: { ...process.env, LD_PRELOAD: library, FAILING_DISK: control },
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  child.on('message', (report: FaultReport) => reports.push(report));
  await Promise.all([once(child, 'exit'), once(child, 'disconnect')]);
  return reports;
}

test.skipIf(process.platform !== 'linux')(
  'a disk that fails at any write loses nothing that was acknowledged, says what happened, and works again afterwards',
  async () => {
    const home = temporaryFolder();
    const reports = await writeWithFaults(home);
    expect(reports).toHaveLength(64);
    const database = new DatabaseSync(placeIn(home).file);
    onTestFinished(() => database.close());
    const stored = database.prepare('SELECT text, state FROM messages').all() as {
      text: string;
      state: string;
    }[];
    expect(database.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' });
    const count = (text: string) => stored.filter((message) => message.text === text).length;
    for (const { fault, failure, acknowledged, refused, retry, reading } of reports) {
      expect([fault, retry]).toEqual([fault, null]);
      expect([fault, acknowledged.filter((text) => count(text) !== 1)]).toEqual([fault, []]);
      // After a failed write nobody can say whether it came to the disk: once at most.
      expect([fault, refused.filter((text) => count(text) > 1)]).toEqual([fault, []]);
      if (failure === null) continue;
      expect([fault, failure.code]).toEqual([fault, expect.stringMatching(/^(disk-full|file-unreadable)$/)]);
      expect(failure.message).toMatch(/^retort\.db: .+Nothing of this (was|is sure to be) written: .+\.$/);
      // A full disk is known to have taken nothing, and what is there can be read.
      if (failure.code !== 'disk-full') continue;
      expect([fault, refused.filter((text) => count(text) > 0), reading]).toEqual([fault, [], null]);
    }
    expect(reports.filter(({ failure }) => failure !== null).length).toBeGreaterThan(30);
  },
);
