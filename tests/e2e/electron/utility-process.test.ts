/**
 * The host and its engines as utility processes, as in production. The services need a newer Node than the tests' Electron has, so small
 * ones stand in for them; the shell's, the host's and the engine's ends of every channel are the real ones.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'vite';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWhere } from '../../helpers/e2e/describe-where.ts';
import { startDisplay } from '../../helpers/e2e/display.ts';
import { electronPath } from '../../helpers/e2e/electron.ts';
import type { UtilityReport } from '../../helpers/e2e/utility/main.ts';
import { runCommand } from '../../helpers/project-copy.ts';

const source = join(import.meta.dirname, '../../helpers/e2e/utility');
const folder = mkdtempSync(join(tmpdir(), 'retort-utility-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** As the app itself is built for the tests' Electron. */
async function bundle(): Promise<void> {
  const input = Object.fromEntries(
    ['main', 'host', 'engine'].map((name) => [name, join(source, `${name}.ts`)]),
  );
  await build({
    configFile: false,
    logLevel: 'error',
    ssr: { noExternal: true, external: ['electron'] },
    build: {
      ssr: true,
      outDir: folder,
      target: 'node16.17',
      rolldownOptions: {
        input,
        output: { format: 'cjs', entryFileNames: '[name].cjs', chunkFileNames: '[name].cjs' },
      },
    },
  });
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({ name: 'utility', version: '1.0.0', main: 'main.cjs' }),
  );
}

describeWhere(electronPath !== null, 'the host as a utility process', () => {
  let report: UtilityReport;
  beforeAll(async () => {
    await bundle();
    const display = await startDisplay();
    const env = { ...process.env, DISPLAY: display?.name };
    const asRoot = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
    const { stdout, stderr } = await runCommand(electronPath ?? '', [...asRoot, folder], {
      cwd: folder,
      env,
    });
    display?.close();
    const line = stdout.split('\n').find((text) => text.startsWith('{'));
    if (line === undefined) throw new Error(stderr);
    report = JSON.parse(line) as UtilityReport;
  }, 120_000);

  it('gets its arguments, and serves a page over a port of its own', () => {
    expect(report).toMatchObject({
      isUtilityProcess: true,
      arguments: ['data folder', 'cache'],
      afterPageEnd: 'closed',
    });
  });

  it('has engines that the shell starts for it, each with a port of its own', () => {
    expect(report.decoded).toEqual(['text 1,2', 'weights 1,2']);
  });

  it('hears how an engine ended, and with which words', () => {
    expect(report.lost).toEqual({
      error: 'The engine process ended with code 7: the last words',
      reason: 'The engine process ended with code 7: the last words',
    });
  });

  it('ends an engine that it closes', () => {
    expect(report.closed).toMatchObject({
      isAlive: false,
      reason: expect.stringMatching(/^The engine process ended/) as string,
    });
  });

  it('answers the shell, and ends when it is asked to', () => {
    expect(report.grant).toBe('grant-of-model');
    expect(report.end).toEqual({ reason: 'exit code 0', failure: null });
    expect(report.isHostAlive).toBe(false);
  });
});
