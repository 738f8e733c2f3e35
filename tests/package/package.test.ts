/** What `npm run package` makes: what is in it, what its program refuses, and that it answers. Made once, with the tests' older Electron. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { listPackage } from '@electron/asar';
import { FuseV1Options, getCurrentFuseWire } from '@electron/fuses';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { childrenOf } from '../helpers/cli.ts';
import { ask, beginChat, capital, ready } from '../helpers/e2e/app-steps.ts';
import { buildApp, journeyLimitMs, root } from '../helpers/e2e/build.ts';
import { describeWhere } from '../helpers/e2e/describe-where.ts';
import { electronPath } from '../helpers/e2e/electron.ts';
import { engineOf } from '../helpers/e2e/kills.ts';
import { programOf, startPackaged, type PackagedApp } from '../helpers/e2e/packaged.ts';
import { runCommand } from '../helpers/project-copy.ts';

vi.setConfig({ testTimeout: journeyLimitMs });
/** A bound on hanging: copies and compresses 350 MB. */
const packageLimitMs = 540_000;

const output = mkdtempSync(join(tmpdir(), 'retort-package-'));
afterAll(() => rmSync(output, { recursive: true, force: true }), journeyLimitMs);
const folder = join(output, 'linux-unpacked');
const program = join(folder, 'retort');
const resources = join(folder, 'resources');
const unpacked = join(resources, 'app.asar.unpacked');

const packageApp = (args: readonly string[], env = process.env) =>
  runCommand(process.execPath, ['scripts/package.mjs', ...args], { cwd: root, env });

/** Paths of the files below a folder, with `/`, sorted. */
function filesBelow(place: string): string[] {
  const entries = readdirSync(place, { recursive: true, encoding: 'utf8' });
  return entries.filter((name) => statSync(join(place, name)).isFile()).sort();
}

async function open(...given: Parameters<typeof startPackaged>): Promise<PackagedApp> {
  const app = await startPackaged(...given);
  onTestFinished(async () => {
    await app.close();
    expect(app.problems.take()).toEqual([]);
  });
  return app;
}

const read = (file: string) => readFileSync(file, 'utf8');
const hasDpkg = existsSync('/usr/bin/dpkg-deb');
if (!hasDpkg && process.env['CI']) throw new Error('dpkg-deb is not installed.');

describeWhere(electronPath !== null, 'the packaged app', () => {
  beforeAll(async () => {
    const args = ['--electron-dist', dirname(electronPath ?? ''), '--output', output];
    const { code, stdout, stderr } = await packageApp(args);
    expect(code, stderr).toBe(0);
    expect(stdout).toContain(`${folder}\n`);
  }, packageLimitMs);

  describe('holds', () => {
    it('the shell and the pages in an archive, the rest in plain files', () => {
      const packed = listPackage(join(resources, 'app.asar'), { isPack: true })
        .filter((line) => line.startsWith('pack   '))
        .map((line) => line.slice('pack   : /'.length));
      const files = packed.filter((name) => /\.\w+$/.test(name.split('/').at(-1) ?? ''));
      expect(files).toContain('out/app/main/main.cjs');
      expect(files).toContain('out/app/preload/preload.cjs');
      expect(files).toContain('out/app/renderer/index.html');
      expect(files.filter((name) => !/^out\/app\//.test(name))).toEqual([]);
      expect(readdirSync(resources).sort()).toEqual([
        'LICENSE',
        'THIRD-PARTY-NOTICES.md',
        'app.asar',
        'app.asar.unpacked',
      ]);
      expect(readdirSync(unpacked).sort()).toEqual([
        'build',
        'models',
        'node_modules',
        'out',
        'package.json',
      ]);
    });

    it('the libraries of this system alone', () => {
      const libraries = filesBelow(unpacked).filter((name) => /\.(node|dylib|dll|so(\.\d+)*)$/.test(name));
      const runtime = `node_modules/onnxruntime-node/bin/napi-v6/${process.platform}/${process.arch}`;
      expect(libraries).toEqual([
        'build/native/retort.node',
        `${runtime}/libonnxruntime.so.1`,
        `${runtime}/onnxruntime_binding.node`,
      ]);
    });

    it('nothing of development', () => {
      const model = 'models/smollm2-135m-instruct/README.md';
      const development =
        /\.(ts|tsx|mts|cts|map|md|flow|cpp|h)$|(^|\/)(tests?|scripts?|docs|tsconfig\.json|built-from)(\/|$)/;
      const found = [...filesBelow(unpacked), ...listPackage(join(resources, 'app.asar'), { isPack: false })];
      expect(found.filter((name) => development.test(name) && !name.endsWith(model))).toEqual([]);
    });

    it('the bundled model', () => {
      const [{ path, bytes }] = JSON.parse(read(join(unpacked, 'models/catalogue.json'))) as [
        { path: string; bytes: number },
      ];
      expect(statSync(join(unpacked, 'models', path)).size).toBe(bytes);
    });

    it('every licence, and in the notices each package that is inside', () => {
      const notices = read(join(resources, 'THIRD-PARTY-NOTICES.md'));
      expect(notices).toBe(read(join(root, 'THIRD-PARTY-NOTICES.md')));
      expect(read(join(resources, 'LICENSE'))).toBe(read(join(root, 'LICENSE')));
      expect(readdirSync(folder)).toEqual(
        expect.arrayContaining(['LICENSE.electron.txt', 'LICENSES.chromium.html']),
      );
      const modules = join(unpacked, 'node_modules');
      const names = readdirSync(modules).flatMap((name) =>
        name.startsWith('@') ? readdirSync(join(modules, name)).map((each) => `${name}/${each}`) : [name],
      );
      expect(names).toContain('onnxruntime-node');
      expect(names.filter((name) => !notices.includes(`| ${name} |`))).toEqual([]);
    });

    it('onnxruntime as it is needed to run', async () => {
      const runtime = join(unpacked, 'out/services/electron/engine/onnx/runtime.mjs');
      const code = `import(${JSON.stringify(runtime)}).then(({ onnxruntimeVersion }) => console.log(onnxruntimeVersion))`;
      const { stdout, stderr } = await runCommand(process.execPath, ['--eval', code], { cwd: output });
      expect({ stdout, stderr }).toEqual({ stdout: '1.30.0\n', stderr: '' });
    });
  });

  it('has its fuses set in the program', async () => {
    const { version: _version, ...wire } = await getCurrentFuseWire(program);
    const on = '1';
    const set = Object.entries(wire).map(([fuse, state]) => [
      FuseV1Options[Number(fuse)],
      String.fromCharCode(Number(state)) === on,
    ]);
    // This older Electron has no GrantFileProtocolExtraPrivileges.
    expect(Object.fromEntries(set)).toEqual({
      RunAsNode: false,
      EnableCookieEncryption: true,
      EnableNodeOptionsEnvironmentVariable: false,
      EnableNodeCliInspectArguments: false,
      EnableEmbeddedAsarIntegrityValidation: true,
      OnlyLoadAppFromAsar: true,
      LoadBrowserProcessSpecificV8Snapshot: false,
    });
  });

  it('answers, whatever Node’s variables and a debugger’s option ask for, with what lies in it', async () => {
    const marker = join(output, 'a-module-of-others-ran');
    const app = await open(program, {
      args: ['--inspect=0'],
      env: {
        ELECTRON_RUN_AS_NODE: '1',
        NODE_OPTIONS: `--require=${join(root, 'tests/package/marker.cjs')}`,
        RETORT_TEST_MARKER: marker,
      },
    });
    const { page, pid } = app;
    await ready(page);
    await beginChat(page);
    expect(await ask(page, capital.question)).toBe(capital.answer);
    expect(programOf(pid)).toBe(program);
    expect(existsSync(marker)).toBe(false);
    expect(app.words()).not.toContain('Debugger listening');
    const host = childrenOf(pid).find((child) => commandOf(child).includes('host-process.mjs')) ?? 0;
    const engine = engineOf(host) ?? 0;
    expect(commandOf(host)).toContain(unpacked);
    expect(commandOf(engine)).toContain(unpacked);
    expect(read(`/proc/${engine}/maps`)).toContain(join(unpacked, 'build/native/retort.node'));
  });

  describe.skipIf(!hasDpkg)('as a .deb', () => {
    const { version } = JSON.parse(read(join(root, 'package.json'))) as { version: string };
    const deb = join(output, `retort_${version}_amd64.deb`);
    const dpkg = async (...args: string[]) => {
      const { code, stdout, stderr } = await runCommand('dpkg-deb', args, { cwd: output });
      expect(code, stderr).toBe(0);
      return stdout;
    };

    it('says what it is and what it needs', async () => {
      const control = await dpkg('--field', deb);
      expect(control).toContain(`Package: retort\nVersion: ${version}\nArchitecture: amd64\n`);
      expect(control).toMatch(/^Depends: libc6 \(>= 2\.\d+\), .*libgtk-3-0/m);
    });

    it('lists the app, its link, entry, icon and licence, all of root', async () => {
      const lines = (await dpkg('--contents', deb)).trimEnd().split('\n');
      expect(lines.filter((line) => !/^\S+ root\/root /.test(line))).toEqual([]);
      const names = lines.map((line) => line.replace(/^.*? \.\//, './'));
      expect(names).toEqual(
        expect.arrayContaining([
          './usr/bin/retort -> ../lib/retort/retort',
          './usr/lib/retort/resources/app.asar',
          './usr/lib/retort/resources/THIRD-PARTY-NOTICES.md',
          './usr/share/applications/retort.desktop',
          './usr/share/icons/hicolor/scalable/apps/retort.svg',
          './usr/share/doc/retort/copyright',
        ]),
      );
      // Chromium's sandbox, where the system gives people no namespaces, needs root's rights.
      expect(lines.find((line) => line.endsWith('/chrome-sandbox'))).toMatch(/^-rwsr-xr-x /);
    });

    it('opens from where it is unpacked', async () => {
      const place = join(output, 'installed');
      await dpkg('--extract', deb, place);
      const { page, pid } = await open(join(place, 'usr/bin/retort'));
      await ready(page);
      expect(programOf(pid)).toBe(join(place, 'usr/lib/retort/retort'));
    });
  });
});

describe('npm run package', () => {
  beforeAll(buildApp, packageLimitMs);

  it('says in one sentence that there is no Electron', async () => {
    const { code, stderr } = await packageApp(['--output', output], {
      ...process.env,
      ELECTRON_OVERRIDE_DIST_PATH: join(output, 'none'),
    });
    expect(code).toBe(1);
    expect(stderr.replace(/^Downloading Electron.*\n/, '')).toBe(
      'A package needs Electron’s own program, which could not be downloaded: `npx install-electron` tries again without a time limit, and ' +
        '`npm run package -- --electron-dist FOLDER` takes one that lies elsewhere.\n',
    );
  });

  it('takes no folder without one', async () => {
    const { code, stderr } = await packageApp(['--electron-dist', output]);
    expect(code).toBe(1);
    expect(stderr).toBe(`There is no unpacked Electron in ${output}: it has no file \`version\`.\n`);
  });

  it('takes no other options', async () => {
    const { code, stderr } = await packageApp(['--fast']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^Unknown option '--fast'.* `npm run package -- --electron-dist FOLDER/);
  });
});

function commandOf(pid: number): string {
  return read(`/proc/${pid}/cmdline`);
}
