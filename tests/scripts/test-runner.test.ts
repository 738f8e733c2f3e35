import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { copyProject, runCommand, type ProjectCopy } from '../helpers/project-copy.ts';

let project: ProjectCopy;

beforeAll(() => {
  const needed = ['package.json', 'package-lock.json', 'scripts', 'native', 'build/native'];
  project = copyProject(needed, { linkPackages: true });
  mkdirSync(join(project.folder, 'tests/small'), { recursive: true });
  writeFileSync(
    join(project.folder, 'vitest.config.ts'),
    `export default { test: { include: ['tests/**/*.test.ts'] } };`,
  );
});

afterAll(() => project.remove());

/** Runs the copy's `npm test -- tests/small` on one test file. */
async function runOn(testFile: string, expectedSkips = '') {
  const imports = `import { describe, expect, it } from 'vitest';\n`;
  writeFileSync(join(project.folder, 'tests/small/small.test.ts'), imports + testFile);
  writeFileSync(join(project.folder, 'tests/expected-skips.txt'), expectedSkips);
  const { code, stdout } = await runCommand(process.execPath, ['scripts/test.mjs', 'tests/small'], {
    cwd: project.folder,
  });
  const lines = stdout.trimEnd().split('\n');
  return { code, lines, last: lines.at(-1) };
}

const passing = `it('holds', () => expect(1).toBe(1));\n`;
const skipped = `describe('on a GPU', () => it.skip('runs', () => {}));\n`;

it('a run of passing tests ends with its count and exit code 0', async () => {
  const { code, lines, last } = await runOn(passing);
  expect(lines[0]).toMatch(/^tests\/small +1 passed, 0 failed/);
  expect(last).toBe('1 passed, 0 failed');
  expect(code).toBe(0);
});

it('a failing test is shown with its message and makes the run fail', async () => {
  const { code, lines, last } = await runOn(`${passing}it('breaks', () => expect(1).toBe(2));\n`);
  expect(last).toBe('1 passed, 1 failed');
  expect(lines.join('\n')).toContain('FAILED small/small.test.ts: breaks');
  expect(lines.join('\n')).toContain('expected 1 to be 2');
  expect(code).toBe(1);
});

it('a skip fails the run unless it is listed with a reason', async () => {
  const unlisted = await runOn(passing + skipped);
  expect(unlisted).toMatchObject({ code: 1, last: '1 passed, 1 failed' });
  const listed = await runOn(passing + skipped, 'on a GPU > runs | this machine has none\n');
  expect(listed).toMatchObject({ code: 0, last: '1 passed, 0 failed, 1 skipped' });
});

it('a test file without a test, or with an error outside of one, fails the run', async () => {
  expect(await runOn('')).toMatchObject({ code: 1, last: '0 passed, 1 failed' });
  const rejection = `${passing}void Promise.reject(new Error('nobody waits'));\n`;
  const outside = await runOn(rejection);
  expect(outside).toMatchObject({ code: 1, last: '1 passed, 1 failed' });
  expect(outside.lines.join('\n')).toContain('nobody waits');
});

it('a skip list without a reason stops the run', async () => {
  expect(await runOn(passing, 'on a GPU > runs\n')).toMatchObject({ code: 1, last: '0 passed, 1 failed' });
});
