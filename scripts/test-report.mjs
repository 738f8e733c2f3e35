// Counts what test runners report and judges it; reads and prints nothing itself.
// A suite is { name, passed, failures: [{ name, message }], skipped: [name] }.
import { relative, sep } from 'node:path';

/** Lines `name | reason`; `#` starts a comment line. Throws where a line gives no reason. */
export function parseExpectedSkips(text) {
  const lines = text.split('\n').map((line) => line.trim());
  const entries = lines.filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    entries.map((line) => {
      const [, name, reason] = /^(.*\S)\s+\|\s+(.+)$/.exec(line) ?? [];
      if (!name) throw new Error(`tests/expected-skips.txt: "${line}" is not "name | reason".`);
      return [name, reason];
    }),
  );
}

/** A check that passes or fails as a whole (types, lint …) counts as one test. */
export function suiteOfCheck(name, exitCode, output) {
  const failures = exitCode === 0 ? [] : [{ name, message: output }];
  return { name, passed: exitCode === 0 ? 1 : 0, failures, skipped: [] };
}

const entities = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' };

function unescapeXml(text) {
  return text.replace(/&(?:#(\d+)|(\w+));/g, (whole, code, name) =>
    code ? String.fromCodePoint(Number(code)) : (entities[name] ?? whole),
  );
}

/** ctest's JUnit file. */
export function suiteOfJunit(name, xml) {
  const suite = { name, passed: 0, failures: [], skipped: [] };
  for (const [, attributes, body = ''] of xml.matchAll(/<testcase\s([^>]*?)(?:\/>|>(.*?)<\/testcase>)/gs)) {
    const title = unescapeXml(/\bname="([^"]*)"/.exec(attributes)?.[1] ?? '');
    const status = /\bstatus="([^"]*)"/.exec(attributes)?.[1];
    if (status === 'run') suite.passed++;
    else if (status === 'fail') {
      const output = /<system-out>(.*?)<\/system-out>/s.exec(body)?.[1] ?? '';
      suite.failures.push({ name: title, message: unescapeXml(output) });
    } else suite.skipped.push(title);
  }
  return suite;
}

/** Without the lines of a stack that lie in the test runner itself. */
function messageOf(test) {
  const lines = test.failureMessages.join('\n').split('\n');
  return lines.filter((line) => !/^ +at .*node_modules/.test(line)).join('\n');
}

function addTestFile(suite, file, label) {
  for (const test of file.assertionResults) {
    const title = [...test.ancestorTitles, test.title].join(' > ');
    if (test.status === 'passed') suite.passed++;
    else if (test.status === 'failed') {
      suite.failures.push({ name: `${label}: ${title}`, message: messageOf(test) });
    } else suite.skipped.push(title);
  }
  // A file that could not be loaded, or holds no test, fails without a failed test.
  const hasFailedTest = file.assertionResults.some((test) => test.status === 'failed');
  if (file.status === 'failed' && !hasFailedTest) suite.failures.push({ name: label, message: file.message });
}

/** Folders of tests/ whose own folders are suites of their own: one line each. */
const nested = ['contract', 'e2e', 'kill'];

/** The suite that a test file belongs to, by its path below tests/: `tests/host`, `tests/e2e/electron`. */
export function suiteFolder(label) {
  const [first, second, third] = label.split('/');
  if (second === undefined) return 'tests';
  return nested.includes(first) && third !== undefined ? `tests/${first}/${second}` : `tests/${first}`;
}

/**
 * Vitest's JSON report: one suite per folder as suiteFolder names them. `folders` are those that hold test files; each must have run.
 * A run that fails without a failed test (an error outside of any, no file that matches) is a failure too, told by its `output`.
 */
export function suitesOfVitest(report, { testsFolder, folders, output }) {
  const suites = new Map(
    folders.map((folder) => [folder, { name: folder, passed: 0, failures: [], skipped: [] }]),
  );
  for (const file of report.testResults) {
    const label = relative(testsFolder, file.name).split(sep).join('/');
    const folder = suiteFolder(label);
    if (!suites.has(folder)) suites.set(folder, { name: folder, passed: 0, failures: [], skipped: [] });
    addTestFile(suites.get(folder), file, label);
  }
  const all = [...suites.values()];
  if (!report.success && all.every((suite) => suite.failures.length === 0)) {
    all.push(suiteOfCheck('vitest', 1, output));
  }
  return all;
}

/** Turns what must not happen into failures: a suite without a test that ran, a skip nobody expected. */
export function judge(suite, expectedSkips) {
  const isExpected = (name) => expectedSkips.has(name);
  const unexpected = suite.skipped.filter((name) => !isExpected(name));
  const failures = [
    ...suite.failures,
    ...unexpected.map((name) => ({ name, message: 'Skipped, and not listed in tests/expected-skips.txt.' })),
  ];
  if (suite.passed + suite.failures.length === 0)
    failures.push({ name: suite.name, message: 'No test ran.' });
  return { ...suite, failures, skipped: suite.skipped.filter(isExpected) };
}

/** `12 passed, 0 failed`, with `, 1 skipped` where there is one. */
export function countsOf(suites) {
  const sum = (count) => suites.reduce((total, suite) => total + count(suite), 0);
  const skipped = sum((suite) => suite.skipped.length);
  const counts = `${sum((suite) => suite.passed)} passed, ${sum((suite) => suite.failures.length)} failed`;
  return skipped > 0 ? `${counts}, ${skipped} skipped` : counts;
}
