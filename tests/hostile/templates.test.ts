/** T1 of docs/reliability.md: templates made to hang, to fill the memory or to reach out. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LabError } from '../../electron/contract/errors.ts';
import { limits, measure, mebibyte, startTextProcess } from '../helpers/text-process.ts';
import type { TextProcess } from '../helpers/text-process.ts';

/** What may come out: error codes, or 'answer'. */
type Allowed = readonly string[];
const refused: Allowed = ['template-failed'];
const stopped: Allowed = ['time-limit', 'memory-limit'];
/** Refused by a limit of the language where there is one, otherwise by the guard. */
const either: Allowed = [...refused, ...stopped];
const harmless: Allowed = ['template-failed', 'answer'];

const nested = (open: string, close: string, count: number): string =>
  open.repeat(count) + close.repeat(count);

const bombs: readonly (readonly [string, string, Allowed])[] = [
  ['range(1e9)', '{% for i in range(1000000000) %}x{% endfor %}', refused],
  [
    'three nested loops of 1e4',
    `${[1, 2, 3].map(() => '{% for i in range(10000) %}').join('')}{% endfor %}{% endfor %}{% endfor %}`,
    stopped,
  ],
  ['a macro that calls itself', '{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}', refused],
  [
    'a macro that calls itself twice, 60 deep',
    '{% macro f(n) %}{% if n > 0 %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(60) }}',
    stopped,
  ],
  ['10,000 parentheses', `{{ ${'('.repeat(10_000)}1${')'.repeat(10_000)} }}`, harmless],
  ['10,000 brackets', `{{ ${nested('[', ']', 10_000)} }}`, harmless],
  ['10,000 nested conditions', nested('{% if true %}', '{% endif %}', 10_000), harmless],
  [
    'a string doubled 64 times',
    `{% set s = 'ab' %}${'{% set s = s ~ s %}'.repeat(64)}{{ s | length }}`,
    refused,
  ],
  [
    'a list doubled 64 times',
    `{% set s = [1, 2] %}${'{% set s = s + s %}'.repeat(64)}{{ s | length }}`,
    either,
  ],
  ['a string repeated 1e9 times', "{{ 'a' * 1000000000 }}", refused],
  ['a replacement that grows a thousandfold twice', "{% set s = 'a' * 1000000 %}{{ s | replace('a', 'b' * 1000) | replace('b', s) }}", either],
  ['1 MB of spaces before a tag', `${' '.repeat(1_000_000)}x{{ 1 }}`, [...either, 'answer']],
  ['__class__', "{{ ''.__class__.__mro__[1].__subclasses__() }}", harmless],
  ['constructor', "{{ messages.constructor.constructor('return process')().pid }}", harmless],
  ['the constructor of a function', "{{ range.constructor('return 1')() }}", harmless],
  ['__proto__', '{{ messages[0].__proto__.polluted }}{% set x = namespace() %}{% set x.__proto__ = 1 %}{{ {}.polluted }}', harmless],
  ['include', "{% include '/etc/passwd' %}", refused],
  ['import', "{% import 'os' as os %}{{ os }}", refused],
  ['extends', "{% extends '/etc/passwd' %}", refused],
  ['50 MB of template', 'x'.repeat(50_000_000), refused],
  ['raise_exception', "{{ raise_exception('no') }}", refused],
  ['an endless text in a loop', `{% for i in range(1000000) %}${'{{ i }}'.repeat(10)}{% endfor %}`, either],
  ['a comment that never ends', `{#${'-'.repeat(500_000)}`, refused],
]; // prettier-ignore

const killSlackMs = 2000;
const pollSlackBytes = 192 * mebibyte;

describe('T1: hostile templates', () => {
  let child: TextProcess;
  beforeAll(async () => {
    child = await startTextProcess();
  });
  afterAll(() => child.kill());

  it.each(bombs)('%s', async (_, template, allowed) => {
    if (!child.isAlive()) child = await startTextProcess();
    const { value, error, elapsedMs, grownBytes } = await measure(child, { operation: 'render', template });
    expect(elapsedMs).toBeLessThan(limits.timeMs + killSlackMs);
    expect(grownBytes).toBeLessThan(limits.memoryBytes + pollSlackBytes);
    if (error !== null) expect(error).toBeInstanceOf(LabError);
    expect(allowed).toContain(error?.code ?? 'answer');
    if (error === null) expect(String(value)).not.toMatch(/native code|function|\d{3,}/);
    if (error?.code.endsWith('-limit') === true) await child.ended;
  });

  it('leave the next template to an unharmed process', async () => {
    if (!child.isAlive()) child = await startTextProcess();
    const { value } = await measure(child, {
      operation: 'render',
      template: '{{ messages[0].content }} {{ {}.polluted }}',
    });
    expect(value).toBe('Hi ');
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
  });
});
