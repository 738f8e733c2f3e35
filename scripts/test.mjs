// `npm test`: sets up, runs every suite, prints one line with its count for each and the sum last. `npm test -- FILTER` runs only
// the Vitest files whose path matches. Fails also where a suite ran no test, or skipped one that tests/expected-skips.txt does not name.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildFolders, buildNative, SetUpError } from './native.mjs';
import { setUp } from './set-up.mjs';
import {
  countsOf,
  judge,
  parseExpectedSkips,
  suiteFolder,
  suiteOfCheck,
  suiteOfJunit,
  suitesOfVitest,
} from './test-report.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const reports = join(root, '.cache', 'test-reports');
const suiteLimitMs = 40 * 60_000;
const shownLines = 120;

/** Runs a command to its end; resolves with its exit code and everything it printed. */
function run(command, args) {
  const binaries = join(root, 'node_modules', '.bin');
  const env = { ...process.env, PATH: `${binaries}${delimiter}${process.env.PATH}`, NO_COLOR: '1' };
  delete env.FORCE_COLOR;
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: root,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: suiteLimitMs,
    });
    const stop = () => child.kill();
    process.once('SIGTERM', stop);
    let output = '';
    const add = (chunk) => (output += chunk);
    child.stdout.setEncoding('utf8').on('data', add);
    child.stderr.setEncoding('utf8').on('data', add);
    child.on('error', (error) => add(error.message));
    child.on('close', (code) => {
      process.off('SIGTERM', stop);
      resolve({ code: code ?? 1, output });
    });
  });
}

/** The script behind a package's command, so that the right Node runs it on every system. */
function commandOf(packageName) {
  const folder = join(root, 'node_modules', packageName);
  const { bin } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  return join(
    folder,
    typeof bin === 'string' ? bin : bin[packageName === 'typescript' ? 'tsc' : packageName],
  );
}

function readReport(file) {
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}

async function runCheck(node, name, packageName, args) {
  const { code, output } = await run(node, [commandOf(packageName), ...args]);
  return [suiteOfCheck(name, code, output)];
}

/** Sanitizers of GCC 12 end on systems that spread addresses wider than they know: without it they run everywhere. */
async function withFixedAddresses(command) {
  const fixed = ['setarch', '--addr-no-randomize'];
  const { code } = await run(fixed[0], [...fixed.slice(1), 'true']);
  return code === 0 ? [...fixed, ...command] : command;
}

async function runCtest(sanitize) {
  const folder = join(root, buildFolders[sanitize]);
  const name = basename(folder);
  try {
    await buildNative({ root, sanitize, tests: true });
  } catch (error) {
    if (!(error instanceof SetUpError)) throw error;
    return [suiteOfCheck(name, 1, error.message)];
  }
  const file = join(reports, `${name}.xml`);
  const ctest = ['ctest', '--test-dir', folder, '--output-junit', file];
  // Only the plain build has tests that measure time and must run alone.
  const [command, ...args] =
    sanitize === ''
      ? ctest
      : await withFixedAddresses([...ctest, '--parallel', String(availableParallelism())]);
  const { output } = await run(command, args);
  const report = readReport(file);
  return [report === undefined ? suiteOfCheck(name, 1, output) : suiteOfJunit(name, report)];
}

/** Suites that must have run, also where their files are gone. */
const requiredSuites = [
  'contract/port',
  'contract/websocket',
  'e2e/chromium',
  'e2e/electron',
  'e2e/sandboxed-user',
  'kill/engine',
  'kill/host',
  'keyboard',
  'axe',
].map((name) => `tests/${name}`);

/** Every suite that has a test file. */
function testFolders() {
  const files = readdirSync(join(root, 'tests'), { recursive: true }).filter((file) =>
    /\.test\.tsx?$/.test(file),
  );
  const found = files.map((file) => suiteFolder(file.split(/[\\/]/).join('/')));
  return [...new Set([...requiredSuites, ...found])].sort();
}

async function runVitest(node, filters) {
  const file = join(reports, 'vitest.json');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
  const { code, output } = await run(node, [commandOf('vitest'), 'run', ...reporters, ...filters]);
  const report = readReport(file);
  if (report === undefined) return [suiteOfCheck('vitest', 1, output)];
  const parsed = JSON.parse(report);
  return suitesOfVitest(
    { ...parsed, success: parsed.success && code === 0 },
    { testsFolder: join(root, 'tests'), folders: filters.length > 0 ? [] : testFolders(), output },
  );
}

function lastLines(text) {
  const lines = text.trimEnd().split('\n');
  return lines.length > shownLines ? ['…', ...lines.slice(-shownLines)].join('\n') : lines.join('\n');
}

function print(suite, seconds) {
  console.log(
    `${suite.name.padEnd(18)} ${countsOf([suite])}${seconds === undefined ? '' : ` (${seconds.toFixed(1)} s)`}`,
  );
  for (const failure of suite.failures)
    console.log(`  FAILED ${failure.name}\n${lastLines(failure.message)}\n`);
}

function allSuites(node) {
  const suites = [
    () => runCheck(node, 'typecheck', 'typescript', ['--build']),
    () => runCheck(node, 'lint', 'eslint', ['.', '--max-warnings', '0']),
    () => runCheck(node, 'format', 'prettier', ['--check', '.']),
    () => runCheck(node, 'knip', 'knip', []),
    () => runCtest(''),
  ];
  // The sanitizers' options are those of GCC and Clang.
  if (process.platform !== 'win32') {
    suites.push(() => runCtest('address'));
    suites.push(() => runCtest('thread'));
  }
  return [...suites, () => runVitest(node, [])];
}

async function main(filters) {
  const node = await setUp({ root });
  const expectedSkips = parseExpectedSkips(readFileSync(join(root, 'tests', 'expected-skips.txt'), 'utf8'));
  rmSync(reports, { recursive: true, force: true });
  mkdirSync(reports, { recursive: true });
  const judged = [];
  for (const runSuite of filters.length > 0 ? [() => runVitest(node, filters)] : allSuites(node)) {
    const start = performance.now();
    const suites = (await runSuite()).map((suite) => judge(suite, expectedSkips));
    const seconds = (performance.now() - start) / 1000;
    for (const suite of suites) print(suite, suites.length === 1 ? seconds : undefined);
    judged.push(...suites);
  }
  console.log(countsOf(judged));
  return judged.every((suite) => suite.failures.length === 0);
}

try {
  process.exitCode = (await main(process.argv.slice(2))) ? 0 : 1;
} catch (error) {
  console.error(error instanceof SetUpError ? error.message : error);
  console.log('0 passed, 1 failed');
  process.exitCode = 1;
}
