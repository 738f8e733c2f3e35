import { existsSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { root, startLimitMs, buildApp } from '../helpers/e2e/build.ts';
import { environmentFor, temporaryHome } from '../helpers/e2e/serve.ts';
import { runCommand } from '../helpers/project-copy.ts';

beforeAll(buildApp, startLimitMs);

describe('npm start', () => {
  it('without a display or as root opens the browser, with the reason and the address', async () => {
    const home = temporaryHome();
    const { DISPLAY: _display, WAYLAND_DISPLAY: _wayland, ...env } = environmentFor(home);
    let hasLink = false;
    const { code, stdout, stderr } = await runCommand(process.execPath, ['scripts/start.mjs'], {
      cwd: root,
      env,
      whenOutput: (pid, text) => {
        if (!hasLink && text.includes('#code=')) process.kill(pid, 'SIGTERM');
        hasLink ||= text.includes('#code=');
      },
    });
    rmSync(home, { recursive: true, force: true });
    expect(stdout).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/#code=[\w-]{43}\n$/);
    expect(stderr).toMatch(
      /^Retort opens in the browser, because (there is no display|Electron does not run for root with its sandbox on)\.\n/m,
    );
    expect(code).toBe(0);
  });

  it('takes no options', async () => {
    const { code, stderr } = await runCommand(process.execPath, ['scripts/start.mjs', '--port', '1'], {
      cwd: root,
    });
    expect(code).toBe(1);
    expect(stderr).toBe(
      '`npm start` takes no options; `npx retort serve --help` lists those of browser mode.\n',
    );
  });
});

describe('npm run build', () => {
  const build = () => runCommand(process.execPath, ['scripts/build.mjs'], { cwd: root });
  const index = join(root, 'out/app/renderer/index.html');

  it('builds nothing where no source has changed, also where files were touched', async () => {
    const before = statSync(index).mtimeMs;
    const source = join(root, 'renderer/index.html');
    const { atime, mtime } = statSync(source);
    utimesSync(source, new Date(), new Date());
    const { code, stdout, stderr } = await build();
    utimesSync(source, atime, mtime);
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: `${join(root, 'out')}\n`, stderr: '' });
    expect(statSync(index).mtimeMs).toBe(before);
  });

  it('builds what was not finished', async () => {
    const stamp = join(root, 'out/services/built-from');
    const built = readFileSync(stamp, 'utf8');
    writeFileSync(stamp, 'half');
    const { code, stderr } = await build();
    expect({ code, stderr }).toEqual({ code: 0, stderr: 'Building the app (a few seconds) …\n' });
    expect(readFileSync(stamp, 'utf8')).toBe(built);
    expect(existsSync(join(root, 'out/services/electron/host/process/host-process.mjs'))).toBe(true);
  });

  it('leaves files that any user may read, with every place outside the build found again', () => {
    expect(statSync(join(root, 'out/app')).mode & 0o055).toBe(0o055);
    const version = readFileSync(join(root, 'out/services/electron/host/version.mjs'), 'utf8');
    expect(version).toContain("'../../../../electron/host/../../package.json'");
    expect(version).not.toContain(".ts'");
  });
});
