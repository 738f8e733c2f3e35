/** `npm start` of a user who is not root, with a display: in Electron, and in the browser where Electron does not start. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { isRunning } from '../../../electron/host/process-identity.ts';
import { childrenOf } from '../../helpers/cli.ts';
import { buildApp, root } from '../../helpers/e2e/build.ts';
import { describeWhere } from '../../helpers/e2e/describe-where.ts';
import { startDisplay } from '../../helpers/e2e/display.ts';
import { electronPath } from '../../helpers/e2e/electron.ts';
import { canBeOtherUser, otherUser } from '../../helpers/e2e/other-user.ts';
import { environmentFor, temporaryHome } from '../../helpers/e2e/serve.ts';
import { eventually } from '../../helpers/eventually.ts';

const limitMs = 120_000;

interface Start {
  readonly child: ChildProcess;
  readonly output: () => string;
  readonly exited: Promise<number | null>;
}

/** Runs scripts/start.mjs as the other user, with `electron`, below the home, in place of the package's own binary. */
async function start(home: string, electron: (project: string) => string): Promise<Start> {
  // That user may not build what changed since.
  await buildApp();
  const display = await startDisplay();
  const other = otherUser(home, process.execPath);
  const env = environmentFor(home, {
    DISPLAY: display?.name,
    ELECTRON_OVERRIDE_DIST_PATH: electron(other.root),
    NODE_COMPILE_CACHE: join(home, 'compile'),
  });
  const child = spawn(other.program, [join(other.root, 'scripts/start.mjs')], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text));
  const exited = new Promise<number | null>((resolve) => child.on('close', (code) => resolve(code)));
  onTestFinished(() => {
    child.kill('SIGKILL');
    display?.close();
    rmSync(home, { recursive: true, force: true });
  });
  return { child, output: () => output, exited };
}

/** The first value that is there; throws with what was said where it ends before. */
async function until<T>({ exited, output }: Start, check: () => T | undefined): Promise<T> {
  let hasEnded = false;
  void exited.then(() => (hasEnded = true));
  for (;;) {
    const value = check();
    if (value !== undefined) return value;
    if (hasEnded) throw new Error(`It ended: ${output()}`);
    await sleep(100);
  }
}

function descendants(pid: number): number[] {
  return childrenOf(pid).flatMap((child) => [child, ...descendants(child)]);
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

describeWhere(electronPath !== null && canBeOtherUser, 'npm start of a user who is not root', () => {
  it(
    'opens the app in Electron and ends with it',
    async () => {
      const home = temporaryHome();
      const started = await start(home, (project) =>
        join(project, (electronPath ?? '').slice(root.length), '..'),
      );
      const { child, exited, output } = started;
      const all = await until(started, () => {
        const found = descendants(child.pid ?? 0);
        const has = (part: string) => found.some((pid) => commandOf(pid).includes(part));
        return has('host-process.mjs') && has('--type=renderer') ? found : undefined;
      });
      child.kill('SIGTERM');
      expect(await exited).toBe(0);
      await eventually(() => expect(all.filter(isRunning)).toEqual([]));
      expect(output()).not.toContain('browser');
    },
    limitMs,
  );

  it.each([
    ['ends at once', 'exit 3', 'Electron ended at once (code 3)'],
    [
      'lacks a library',
      'echo "libnss3.so: cannot open shared object file" >&2; exit 127',
      'Electron does not start: libnss3.so: cannot open shared object file',
    ],
  ])(
    'opens the browser where Electron %s, and says so',
    async (what, script, reason) => {
      const home = temporaryHome();
      const folder = join(home, 'electron');
      mkdirSync(folder);
      const probe = what === 'ends at once' ? '[ -n "$ELECTRON_RUN_AS_NODE" ] && exit 0\n' : '';
      writeFileSync(join(folder, 'electron'), `#!/bin/sh\n${probe}${script}\n`, { mode: 0o755 });
      const started = await start(home, () => folder);
      const { child, exited, output } = started;
      const link = await until(started, () => /http:\/\/127\.0\.0\.1:\d+\/#code=\S+/.exec(output())?.[0]);
      expect(output()).toContain(`Retort opens in the browser, because ${reason}.\n`);
      expect((await fetch(new URL('/', link))).status).toBe(200);
      child.kill('SIGTERM');
      expect(await exited).toBe(0);
    },
    limitMs,
  );
});
