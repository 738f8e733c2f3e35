import { cleanup, render } from '@testing-library/react';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { ReplyText } from '../../renderer/features/chat/ReplyText.tsx';
import { tintStep, usualTime } from '../../renderer/features/chat/markdown/tint.ts';
import { alignText } from '../../renderer/features/chat/markdown/token-spans.ts';
import { tokenOf } from '../helpers/chat-host.ts';

afterEach(cleanup);

/** The reply as these tokens, all of its text drawn; each drawn piece as "number:text". */
async function drawn(...texts: string[]): Promise<{ pieces: string[]; text: string }> {
  const tokens = texts.map((text, index) => tokenOf(index, text));
  const shown = { tokens, tint: 'probability' as const };
  const view = <ReplyText text={texts.join('')} isGrowing={false} shown={shown} />;
  const { container, rerender } = render(view);
  await vi.dynamicImportSettled();
  rerender(<ReplyText text={texts.join('')} isGrowing={false} shown={{ ...shown }} />);
  const pieces = [...container.querySelectorAll<HTMLElement>('[data-token]')].map(
    (element) => `${element.dataset['token'] ?? ''}:${element.textContent}`,
  );
  return { pieces, text: container.textContent };
}

describe('tokens in drawn Markdown', () => {
  test('are found in plain text, the space before a word not with it', async () => {
    const { pieces, text } = await drawn('The', ' sky', ' is', ' blue.');
    expect(pieces).toEqual(['0:The', '1:sky', '2:is', '3:blue.']);
    expect(text).toBe('The sky is blue.');
  });

  test('are found through marks that are not drawn', async () => {
    const { pieces } = await drawn('A', ' **b', 'old', '** and', ' [li', 'nk](', 'https://e.example', ')');
    expect(pieces.slice(0, 6)).toEqual(['0:A', '1:b', '2:old', '3:and', '4:li', '5:nk']);
  });

  test('are found in headings, lists, quotes and cells', async () => {
    const { pieces } = await drawn(
      '# Ti',
      'tle\n\n',
      '- on',
      'e\n- t',
      'wo\n\n',
      '> quo',
      'ted\n> li',
      'nes\n\n',
      '| a | ',
      'b |\n|--|--|\n| c',
      ' | d |',
    );
    expect(pieces).toEqual([
      ...['0:Ti', '1:tle', '2:on', '3:e', '3:t', '4:wo', '5:quo', '6:ted\nli', '7:nes'],
      ...['8:a', '9:b', '9:c', '10:d'],
    ]);
  });

  test('are found in code, spaces and all', async () => {
    const { pieces } = await drawn(
      '```py\n',
      'def',
      ' f():\n',
      '    return',
      ' 1\n',
      '```\nor `',
      'x = 1',
      '`',
    );
    expect(pieces).toContain('1:def');
    expect(pieces).toContain('2:f():\n');
    expect(pieces).toContain('3:return');
    expect(pieces).toContain('6:x = 1');
  });

  test('are found behind escapes, entities and characters of two units', async () => {
    const { pieces, text } = await drawn('a \\*', 'b\\* &am', 'p; 😀', ' ende');
    expect(text).toBe('a *b* & 😀 ende');
    expect(pieces.at(-1)).toBe('3:ende');
    expect(pieces).toContain('2:😀');
  });

  test('are found before and behind a formula, which none has a part of', async () => {
    const { pieces } = await drawn('Be', ' $x', '^2$', ' af', 'ter $5');
    expect(pieces).toEqual(['0:Be', '3:af', '4:ter $5']);
  });

  test('are found behind a thought', async () => {
    const { pieces } = await drawn('<think>', 'Hm.', '</think>', 'So', ' 1.');
    expect(pieces).toEqual(['1:Hm.', '3:So', '4:1.']);
  });

  test('only the improbable are painted', async () => {
    const { container } = render(
      <ReplyText
        text="a 7"
        isGrowing={false}
        shown={{ tokens: [tokenOf(0, 'a'), tokenOf(1, ' 7')], tint: 'probability' }}
      />,
    );
    await vi.dynamicImportSettled();
    expect(
      [...container.querySelectorAll('[class*="token-"]')].map(({ textContent }) => textContent),
    ).toEqual(['7']);
  });
});

describe('the tint', () => {
  const withProbability = (probability: number) => {
    const token = tokenOf(0, 'x');
    return { ...token, trace: { ...token.trace, logProbability: Math.log(probability) } };
  };

  test('by probability begins at 0.9 bits of surprise', () => {
    expect(tintStep(withProbability(2 ** -0.9), 'probability', 0)).toBe(0);
    expect(tintStep(withProbability(2 ** -0.92), 'probability', 0)).toBe(1);
    expect(tintStep(withProbability(2 ** -9), 'probability', 0)).toBe(9);
  });

  test('by time begins a tenth above what is usual', () => {
    const token = tokenOf(0, 'x');
    expect(tintStep(token, 'time', token.trace.timeNs.total)).toBe(0);
    expect(tintStep(token, 'time', token.trace.timeNs.total / 1.15)).toBe(1);
    expect(tintStep(token, 'time', token.trace.timeNs.total / 3)).toBe(9);
  });

  test('of a token whose probability is not known is none', () => {
    const token = tokenOf(0, 'x');
    const { logProbability: _unknown, ...trace } = token.trace;
    expect(tintStep({ ...token, trace }, 'probability', 0)).toBe(0);
  });

  test('takes the median of decoding as usual', () => {
    const times = [9, 1, 5].map((ms, index) => {
      const token = tokenOf(index, 'x');
      return { ...token, trace: { ...token.trace, timeNs: { total: ms * 1e6 } } };
    });
    expect(usualTime(times, 'time')).toBe(5e6);
    expect(usualTime([], 'time')).toBe(0);
  });

  test('by flash stall begins above the usual wait, and above a twentieth of the usual time', () => {
    const waiting = (ms: number) => {
      const token = tokenOf(0, 'x');
      return { ...token, trace: { ...token.trace, timeNs: { total: 100e6, readWait: ms * 1e6 } } };
    };
    expect(usualTime([60, 50, 90].map(waiting), 'flash')).toBe(60e6);
    expect(usualTime([0, 0, 90].map(waiting), 'flash')).toBe(5e6);
    expect(tintStep(waiting(60), 'flash', 60e6)).toBe(0);
    expect(tintStep(waiting(90), 'flash', 60e6)).toBe(5);
    expect(tintStep(tokenOf(0, 'x'), 'flash', 60e6)).toBe(0);
  });
});

test('a text is aligned with its source by the nearest like characters', () => {
  expect(alignText('a*b', 'a\\*b', 0)).toEqual([0, 2, 3]);
  expect(alignText('bc', 'abc', 0)).toEqual([1, 2]);
});
