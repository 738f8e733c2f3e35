import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { copyProject, runCommand, type ProjectCopy } from '../helpers/project-copy.ts';

let project: ProjectCopy;
const addon = () => join(project.folder, 'build/native/retort.node');
const build = (env: NodeJS.ProcessEnv = process.env) =>
  runCommand(process.execPath, ['scripts/native.mjs'], { cwd: project.folder, env });

beforeAll(() => {
  project = copyProject(['package.json', 'scripts', 'native'], { linkPackages: true });
});
afterAll(() => project.remove());

describe('building the addon', () => {
  it('names every missing tool and how to install it in one sentence', async () => {
    const tools = join(project.folder, 'no-tools');
    mkdirSync(tools);
    symlinkSync(process.execPath, join(tools, 'node'));
    const { code, stderr } = await build({ PATH: tools });
    expect(code).toBe(1);
    expect(stderr.split('\n').at(-2)).toMatch(
      /^Building the native addon needs CMake 3\.21 or newer and Ninja and a C\+\+20 compiler: install them with .+\.$/,
    );
    expect(stderr).not.toContain('    at ');
  });

  it('takes over the lock of a process that died', async () => {
    const dead = await runCommand(process.execPath, ['-p', 'process.pid'], { cwd: project.folder });
    mkdirSync(join(project.folder, 'build'), { recursive: true });
    writeFileSync(join(project.folder, 'build/native.lock'), dead.stdout);
    const results = await Promise.all([build(), build()]);
    expect(results.map(({ code }) => code)).toEqual([0, 0]);
    const printed = results.map(({ stdout }) => stdout.trim()).sort();
    // Two at once: one builds, the other waits for it and finds it done.
    expect(printed).toEqual(['Built build/native/retort.node.', 'build/native/retort.node is up to date.']);
    expect(existsSync(join(project.folder, 'build/native.lock'))).toBe(false);
  }, 300_000);

  it('does nothing where nothing changed', async () => {
    const before = statSync(addon()).mtimeMs;
    expect((await build()).stdout).toBe('build/native/retort.node is up to date.\n');
    expect(statSync(addon()).mtimeMs).toBe(before);
  });

  it('builds again after a source changed, and says what the compiler says', async () => {
    const source = join(project.folder, 'native/src/sampling/pcg32.cpp');
    const original = readFileSync(source, 'utf8');
    appendFileSync(source, 'int unfinished = ;\n');
    const broken = await build();
    expect(broken.code).toBe(1);
    expect(broken.stderr).toContain('pcg32.cpp');
    expect(broken.stderr).toContain('The native addon could not be built');
    writeFileSync(source, original);
    expect((await build()).code).toBe(0);
  }, 300_000);
});

describe('a build with sanitizers', () => {
  const configure = (sanitize: string) =>
    runCommand(
      'cmake',
      ['-S', 'native', '-B', `build/${sanitize}`, '-G', 'Ninja', `-DRETORT_SANITIZE=${sanitize}`],
      {
        cwd: project.folder,
      },
    );

  it.each([
    ['address', '-fsanitize=address,undefined', ['sampling', 'thread_pool']],
    ['thread', '-fsanitize=thread', ['thread_pool']],
  ])('of %s compiles with %s and holds the tests it is for', async (sanitize, flag, programs) => {
    expect((await configure(sanitize)).code).toBe(0);
    const commands = readFileSync(join(project.folder, `build/${sanitize}/compile_commands.json`), 'utf8');
    for (const { command } of JSON.parse(commands) as { command: string }[]) expect(command).toContain(flag);
    const { stdout } = await runCommand('ctest', ['--test-dir', `build/${sanitize}`, '--show-only'], {
      cwd: project.folder,
    });
    const listed = new Set([...stdout.matchAll(/Test +#\d+: (\w+):/g)].map((match) => match[1]));
    expect(['sampling', 'thread_pool'].filter((program) => listed.has(program))).toEqual(programs);
  });

  it('of an unknown kind is refused', async () => {
    const { code, stderr } = await configure('memory');
    expect(code).not.toBe(0);
    expect(stderr).toContain("RETORT_SANITIZE is 'memory': choose 'address' or 'thread'.");
  });
});
