import { describe, expect, it } from 'vitest';

interface Suite {
  readonly name: string;
  readonly passed: number;
  readonly failures: readonly { readonly name: string; readonly message: string }[];
  readonly skipped: readonly string[];
}

/** scripts/ is plain JavaScript without types, so that it runs on any Node. */
interface TestReport {
  readonly parseExpectedSkips: (text: string) => Map<string, string>;
  readonly suiteOfCheck: (name: string, exitCode: number, output: string) => Suite;
  readonly suiteOfJunit: (name: string, xml: string) => Suite;
  readonly suitesOfVitest: (
    report: object,
    options: { testsFolder: string; folders: string[]; output: string },
  ) => Suite[];
  readonly suiteFolder: (label: string) => string;
  readonly judge: (suite: Suite, expectedSkips: Map<string, string>) => Suite;
  readonly countsOf: (suites: readonly Suite[]) => string;
}

const module = new URL('../../scripts/test-report.mjs', import.meta.url).href;
const { parseExpectedSkips, suiteOfCheck, suiteOfJunit, suiteFolder, suitesOfVitest, judge, countsOf } =
  (await import(module)) as TestReport;

const none = new Map<string, string>();
const suite = (changes: Partial<Suite>): Suite => ({
  name: 's',
  passed: 0,
  failures: [],
  skipped: [],
  ...changes,
});
const vitestTest = (title: string, status: string, ancestorTitles: string[] = []) => ({
  title,
  status,
  ancestorTitles,
  failureMessages: status === 'failed' ? ['because\n    at file:///p/node_modules/runner.js:1'] : [],
});
const vitestFile = (name: string, assertionResults: object[], status = 'passed', message = '') => ({
  name: `/p/tests/${name}`,
  status,
  message,
  assertionResults,
});
const options = { testsFolder: '/p/tests', folders: [], output: 'what vitest printed' };

it.each([
  ['setup.test.ts', 'tests'],
  ['host/store.test.ts', 'tests/host'],
  ['host/deep/store.test.ts', 'tests/host'],
  ['contract/rpc.test.ts', 'tests/contract'],
  ['contract/port/bad-calls.test.ts', 'tests/contract/port'],
  ['e2e/electron/shell.test.ts', 'tests/e2e/electron'],
  ['kill/host/store.test.ts', 'tests/kill/host'],
])('%s belongs to the suite %s', (label, folder) => {
  expect(suiteFolder(label)).toBe(folder);
});

describe('the rules', () => {
  it('a suite that ran no test fails', () => {
    expect(judge(suite({}), none).failures).toEqual([{ name: 's', message: 'No test ran.' }]);
  });

  it('a suite whose every test was skipped as expected fails too', () => {
    const judged = judge(suite({ skipped: ['a'] }), new Map([['a', 'no such device']]));
    expect(countsOf([judged])).toBe('0 passed, 1 failed, 1 skipped');
  });

  it('a skip that is not listed is a failure with its name', () => {
    const judged = judge(suite({ passed: 3, skipped: ['a', 'b'] }), new Map([['a', 'no such device']]));
    expect(judged.failures.map(({ name }) => name)).toEqual(['b']);
    expect(countsOf([judged])).toBe('3 passed, 1 failed, 1 skipped');
  });

  it('a listed skip that runs after all is only counted', () => {
    const judged = judge(suite({ passed: 1 }), new Map([['a', 'no such device']]));
    expect(countsOf([judged])).toBe('1 passed, 0 failed');
  });

  it('the sum counts every suite', () => {
    const failing = suite({ passed: 2, failures: [{ name: 'x', message: '' }] });
    expect(countsOf([failing, suite({ passed: 5 }), suite({ passed: 1, skipped: ['a'] })])).toBe(
      '8 passed, 1 failed, 1 skipped',
    );
  });
});

describe('the list of expected skips', () => {
  it('holds names and reasons; comments and empty lines do not count', () => {
    const parsed = parseExpectedSkips('# comment\n\n a > b | no GPU here\nx | y | z\n');
    expect([...parsed]).toEqual([['a > b', 'no GPU here'], ['x | y', 'z']]); // prettier-ignore
  });

  it('is refused where a line gives no reason', () => {
    expect(() => parseExpectedSkips('a > b\n')).toThrow('"a > b" is not "name | reason"');
    expect(() => parseExpectedSkips('a > b | \n')).toThrow('is not "name | reason"');
  });
});

describe('a check', () => {
  it('counts as one test and keeps what it printed when it fails', () => {
    expect(suiteOfCheck('lint', 0, 'fine')).toEqual(suite({ name: 'lint', passed: 1 }));
    const failed = suiteOfCheck('lint', 2, 'an error');
    expect(failed).toMatchObject({ passed: 0, failures: [{ name: 'lint', message: 'an error' }] });
  });
});

describe('a JUnit file of ctest', () => {
  it('gives passed, failed and skipped tests with their names', () => {
    const xml = `<?xml version="1.0"?><testsuite tests="4">
      <testcase name="a &lt;b&gt; &amp; &quot;c&quot;" classname="x" time="0.1" status="run"><system-out>ok</system-out></testcase>
      <testcase name="bad" status="fail"><failure message=""/><system-out>1 &lt; 2
is wrong</system-out></testcase>
      <testcase name="left out" status="notrun"><skipped message="SKIP"/></testcase>
      <testcase name="off" status="disabled"/></testsuite>`;
    const read = suiteOfJunit('native', xml);
    expect(read.passed).toBe(1);
    expect(read.failures).toEqual([{ name: 'bad', message: '1 < 2\nis wrong' }]);
    expect(read.skipped).toEqual(['left out', 'off']);
    expect(suiteOfJunit('native', xml.replace('status="run"', 'status="notrun"')).skipped[0]).toBe(
      'a <b> & "c"',
    );
  });

  it('without a test gives a suite that fails the rules', () => {
    const read = suiteOfJunit('native', '<testsuite tests="0"></testsuite>');
    expect(countsOf([judge(read, none)])).toBe('0 passed, 1 failed');
  });
});

describe('a JSON report of Vitest', () => {
  it('becomes one suite per folder below tests/', () => {
    const testResults = [
      vitestFile('formats/gguf/a.test.ts', [
        vitestTest('one', 'passed'),
        vitestTest('two', 'pending', ['deep', 'er']),
      ]),
      vitestFile('formats/b.test.ts', [vitestTest('three', 'todo'), vitestTest('four', 'skipped')]),
      vitestFile('native/c.test.ts', [vitestTest('five', 'failed', ['outer'])], 'failed'),
      vitestFile('top.test.ts', [vitestTest('six', 'passed')]),
    ];
    expect(suitesOfVitest({ success: false, testResults }, options)).toEqual([
      suite({ name: 'tests/formats', passed: 1, skipped: ['deep > er > two', 'three', 'four'] }),
      suite({
        name: 'tests/native',
        failures: [{ name: 'native/c.test.ts: outer > five', message: 'because' }],
      }),
      suite({ name: 'tests', passed: 1 }),
    ]);
  });

  it('counts a file that could not be loaded as a failure', () => {
    const testResults = [vitestFile('cli/a.test.ts', [], 'failed', 'SyntaxError')];
    const [read] = suitesOfVitest({ success: false, testResults }, options);
    expect(read?.failures).toEqual([{ name: 'cli/a.test.ts', message: 'SyntaxError' }]);
  });

  it('misses a folder that holds test files and ran none', () => {
    const testResults = [vitestFile('cli/a.test.ts', [vitestTest('one', 'passed')])];
    const suites = suitesOfVitest(
      { success: true, testResults },
      { ...options, folders: ['tests/cli', 'tests/lab'] },
    );
    expect(countsOf(suites.map((read) => judge(read, none)))).toBe('1 passed, 1 failed');
  });

  it('of a run that failed outside of any test gives a failure with its output', () => {
    const testResults = [vitestFile('cli/a.test.ts', [vitestTest('one', 'passed')])];
    const suites = suitesOfVitest({ success: false, testResults }, options);
    expect(suites.at(-1)?.failures).toEqual([{ name: 'vitest', message: 'what vitest printed' }]);
    expect(countsOf(suites)).toBe('1 passed, 1 failed');
  });
});
