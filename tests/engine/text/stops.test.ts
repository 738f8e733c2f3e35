import { describe, expect, it } from 'vitest';
import { stopMatcher } from '../../../electron/engine/text/stops.ts';

/** Pushes parts; what was emitted and what stopped it. */
function run(stops: readonly string[], parts: readonly string[]): { emitted: string[]; stopped: string | null; rest: string } {
  const matcher = stopMatcher(stops);
  const steps = parts.map((part) => matcher.push(part));
  return {
    emitted: steps.map((step) => step.emit),
    stopped: steps.map((step) => step.stopped).find((stop) => stop !== null) ?? null,
    rest: matcher.end(),
  };
} // prettier-ignore

describe('stop strings', () => {
  it('hold back only what may still become one', () => {
    expect(run(['END'], ['abc E', 'N', 'x E'])).toEqual({
      emitted: ['abc ', '', 'ENx '],
      stopped: null,
      rest: 'E',
    });
  });

  it('stop when split over pieces and emit nothing of themselves or after', () => {
    expect(run(['\n\nUser:'], ['Hi', '\n', '\nUs', 'er: more', 'text'])).toEqual({
      emitted: ['Hi', '', '', '', ''],
      stopped: '\n\nUser:',
      rest: '',
    });
  });

  it('let the first in the text win, and the longest of those that start together', () => {
    expect(run(['b', 'ab', 'abc'], ['xabc'])).toMatchObject({ emitted: ['x'], stopped: 'abc' });
    expect(run(['zz', 'y'], ['x y zz'])).toMatchObject({ emitted: ['x '], stopped: 'y' });
  });

  it('survive a false start that overlaps the true one', () => {
    expect(run(['aab'], ['a', 'a', 'a', 'b', 'c'])).toMatchObject({
      emitted: ['', '', 'a', '', ''],
      stopped: 'aab',
    });
  });

  it('give the same text however it is cut', () => {
    const text = 'one two three STOP four';
    for (let size = 1; size <= text.length; size += 1) {
      const parts = text.match(new RegExp(`.{1,${size}}`, 'gs')) as string[];
      const { emitted, stopped } = run(['STOP', 'STAR', 'thread'], parts);
      expect(emitted.join('')).toBe('one two three ');
      expect(stopped).toBe('STOP');
    }
  });

  it('change nothing where there are none, or only empty ones', () => {
    expect(run(['', ''], ['a', 'b'])).toEqual({ emitted: ['a', 'b'], stopped: null, rest: '' });
  });
});
