import { expect, test } from 'vitest';
import { protectFormulas, restoreDollars } from '../../renderer/features/chat/markdown/protect-formulas.ts';

/** A dollar that begins or ends no formula, as a person would mark it. */
const shown = (source: string) => protectFormulas(source).replaceAll('\ufdd0', '¤');

test.each([
  ['costs $5 and $10', 'costs ¤5 and ¤10'],
  ['is $x$ here', 'is $x$ here'],
  ['$a + b$ and $c$', '$a + b$ and $c$'],
  ['$x $ is none', '¤x ¤ is none'],
  ['$20,000 and USD$30', '¤20,000 and USD¤30'],
  ['\\(x\\) and \\[y\\]', '$$x$$ and $$y$$'],
  ['`$x$` and `` \\(y\\) ``', '`$x$` and `` \\(y\\) ``'],
  ['$$x$$', '$$x$$'],
  ['an \\$escaped\\$ one', 'an \\$escaped\\$ one'],
  ['$\\alpha\\$\\beta$', '$\\alpha\\$\\beta$'],
  ['$a\n\nb$', '¤a\n\nb¤'],
  ['a lone $', 'a lone ¤'],
  ['`unclosed $x$', '`unclosed $x$'],
])('%j is read as %j', (source, read) => {
  expect(shown(source)).toBe(read);
});

test('no character moves, so that tokens keep their places', () => {
  const source = 'from $5 to \\(x\\), `a$b`, \\[y\\] and $z$ or $';
  expect(protectFormulas(source).length).toBe(source.length);
});

test('what was no formula is written as dollars again', () => {
  expect(restoreDollars(protectFormulas('costs $5'))).toBe('costs $5');
});

test('a text full of dollars is read at once', () => {
  const start = performance.now();
  protectFormulas('$'.repeat(50_000));
  protectFormulas('$a'.repeat(25_000));
  protectFormulas('`'.repeat(50_000));
  expect(performance.now() - start).toBeLessThan(2000);
});
