import { act, fireEvent, screen, waitFor, within } from '@testing-library/react';
import { useState } from 'react';
import { describe, expect, test } from 'vitest';
import type { ReplyToken } from '../../electron/contract/chats.ts';
import type { TraceRecord } from '../../electron/contract/trace.ts';
import { cursor, cursorToken, leaveCursor, pointAt } from '../../renderer/charts/cursor.ts';
import { TokenTimeline } from '../../renderer/features/timeline/token-timeline.tsx';
import { renderInPage, testShell } from './page.tsx';
import { sampleToken, sampleTokens, sampleTrace } from '../helpers/sample-tokens.ts';

interface Shown {
  readonly tokens: readonly ReplyToken[];
  readonly prefill?: readonly TraceRecord[];
  readonly live?: boolean;
}

function showTimeline({ tokens, prefill = [], live = false }: Shown, shell = testShell()) {
  const branches: [number, number][] = [];
  const hovers: (number | null)[] = [];
  let grow: (next: readonly ReplyToken[]) => void = () => undefined;
  function Around() {
    const [shown, setShown] = useState(tokens);
    const [hovered, setHovered] = useState<number | null>(null);
    grow = setShown;
    const onHover = (index: number | null) => {
      hovers.push(index);
      setHovered(index);
    };
    const onBranch = (token: number, alternative: number) => void branches.push([token, alternative]);
    return (
      <TokenTimeline
        tokens={shown}
        prefill={prefill}
        live={live}
        hovered={hovered}
        onHover={onHover}
        onBranch={onBranch}
      />
    );
  }
  const page = renderInPage(<Around />, { shell });
  return { page, branches, hovers, shell, grow: (next: readonly ReplyToken[]) => act(() => grow(next)) };
}

const slider = () => screen.getByRole('slider', { name: 'Token timeline, cursor' });
const press = (key: string) => fireEvent.keyDown(slider(), { key });

const withAlternatives = (step: number): ReplyToken => {
  const top = [
    { id: 100 + step, piece: ' this', logProbability: Math.log(0.6) },
    { id: 7, piece: ' that', logProbability: Math.log(0.3) },
    { id: 8, piece: '\n', logProbability: Math.log(0.0001) },
  ];
  return sampleToken(step, { total: 8, attention: 2, feedForward: 5, head: 0.5 }, {
    top,
    logProbability: Math.log(0.6),
    bytesTouched: 93 * 1024 * 1024,
  }); // prettier-ignore
};

describe('the token timeline', () => {
  test('says the finding first, with p50, p95 and the slowest token', async () => {
    showTimeline({
      tokens: [...sampleTokens(49), sampleToken(49, { total: 393, attention: 3, feedForward: 385 })],
    });
    expect(await screen.findByText('80 % of it was feed-forward.')).toBeDefined();
    expect(
      screen.getByText('A token took 8.0 ms (p50) or 8.0 ms (p95); the slowest, token 49 “·word49”, 393 ms.'),
    ).toBeDefined();
  });

  test('has a key with totals for causes that are known, and none for others', async () => {
    showTimeline({ tokens: sampleTokens(10) });
    const legend = within((await screen.findByText(/^attention/)).closest('ul')!);
    expect(legend.getAllByRole('listitem').map(({ textContent }) => textContent)).toEqual([
      'attention 20 ms 25 %',
      'feed-forward 50 ms 63 %',
      'sampling 5.0 ms 6 %',
      'other 5.0 ms 6 %',
    ]);
  });

  test('tells the reading of the prompt apart from the tokens', async () => {
    const prefill = [
      sampleTrace(0, { total: 900, attention: 300, feedForward: 600 }, { phase: 'prefill', tokens: 512 }),
    ];
    const first = sampleToken(
      1,
      { total: 100, attention: 40, feedForward: 50 },
      { phase: 'prefill', tokens: 88 },
    );
    showTimeline({ tokens: [first, ...sampleTokens(5, 2)], prefill });
    expect(screen.getByText(/^600 tokens of prompt read in 1\.0 s, 600\.0 tokens\/s/)).toBeDefined();
    expect(await screen.findByText(/A token took 8\.0 ms \(p50\)/)).toBeDefined();
  });

  test('grows with a reply that is written', async () => {
    const tokens = sampleTokens(40);
    const { grow } = showTimeline({ tokens: tokens.slice(0, 3), live: true });
    expect(await screen.findByText('attention', { exact: false })).toBeDefined();
    expect(screen.getByText('So far:')).toBeDefined();
    grow(tokens);
    await waitFor(() => expect(screen.getByText('80 ms 25 %')).toBeDefined());
    expect(slider().getAttribute('aria-valuemax')).toBe('39');
  });

  test('of a reply that has no token yet says so', async () => {
    showTimeline({ tokens: [], live: true });
    expect(await screen.findByText('No token yet.')).toBeDefined();
    press('ArrowRight');
    expect(screen.queryByRole('group', { name: /^Token \d/ })).toBeNull();
  });

  test('holds ten thousand tokens, with few elements', async () => {
    const { page } = showTimeline({ tokens: sampleTokens(10_000) });
    expect(await screen.findByText(/A token took 8\.0 ms/)).toBeDefined();
    fireEvent.click(screen.getByRole('radio', { name: 'table' }));
    expect(page.container.querySelectorAll('*').length).toBeLessThan(1000);
  });
});

describe('the cursor of the timeline', () => {
  test('goes from token to token by keys, and says each in words', () => {
    const { hovers } = showTimeline({
      tokens: [withAlternatives(0), withAlternatives(1), withAlternatives(2)],
    });
    press('ArrowRight');
    expect(slider().getAttribute('aria-valuetext')).toBe('token 0 “·word0”, probability 0.600, 8.0 ms');
    press('End');
    press('ArrowLeft');
    press('Home');
    expect(hovers).toEqual([0, 2, 1, 0]);
  });

  test('shows what is known of a token', () => {
    showTimeline({ tokens: [withAlternatives(0)] });
    press('ArrowRight');
    const card = within(screen.getByRole('group', { name: 'Token 0' }));
    expect(card.getByText('·word0')).toBeDefined();
    expect(card.getByText('feed-forward').parentElement?.textContent).toBe('feed-forward5.0 ms');
    expect(card.getByText('other').parentElement?.title).toBe('output head 0.5 ms');
    expect(card.getByText('93.0 MiB')).toBeDefined();
    expect(card.getAllByRole('button').map(({ textContent }) => textContent)).toEqual([
      'this token ·this, probability 0.600',
      'branch with ·that, probability 0.300',
      'branch with ⏎, probability < 0.001',
    ]);
  });

  test('branches from an alternative, and not from the token itself', () => {
    const { branches } = showTimeline({ tokens: [withAlternatives(0), withAlternatives(1)] });
    press('End');
    fireEvent.click(screen.getByRole('button', { name: /^this token/ }));
    expect(branches).toEqual([]);
    fireEvent.click(screen.getByRole('button', { name: /^branch with ·that/ }));
    expect(branches).toEqual([[1, 7]]);
  });

  test('is kept by Enter, goes to the alternatives, and left by Escape', async () => {
    const { hovers } = showTimeline({ tokens: [withAlternatives(0), withAlternatives(1)] });
    press('End');
    press('Enter');
    await waitFor(() => expect(document.activeElement?.textContent).toMatch(/^branch with ·that/));
    fireEvent.keyDown(document.activeElement!, { key: 'Escape' });
    expect(hovers.at(-1)).toBeNull();
    expect(screen.queryByRole('group', { name: /^Token \d/ })).toBeNull();
  });

  test('is one with the live charts, in both directions', () => {
    const tokens = sampleTokens(5);
    const { hovers } = showTimeline({ tokens });
    press('End');
    expect(cursor.getState().token).toEqual(cursorToken(tokens[4]!.trace));
    act(() => pointAt({ at: 1, token: cursorToken(tokens[2]!.trace) }));
    expect(hovers.at(-1)).toBe(2);
    expect(cursor.getState().at).toBe(1);
    act(() => leaveCursor());
    expect(hovers.at(-1)).toBeNull();
  });

  test('leaves alone what other charts point at', () => {
    const { hovers } = showTimeline({ tokens: sampleTokens(5) });
    act(() => pointAt({ at: 1, token: { startNs: 1, totalNs: 2 } }));
    expect(hovers).toEqual([]);
    expect(cursor.getState().token).toEqual({ startNs: 1, totalNs: 2 });
    act(() => leaveCursor());
  });
});

describe('the timeline as text', () => {
  test('has the same numbers as a table', () => {
    showTimeline({ tokens: [withAlternatives(0), sampleToken(1)] });
    fireEvent.click(screen.getByRole('radio', { name: 'table' }));
    const table = within(screen.getByRole('table', { name: 'Tokens of the reply' }));
    const rows = table.getAllByRole('row').map((row) => [...row.children].map((cell) => cell.textContent));
    expect(rows[0]).toEqual(['token', 'text', 'probability', 'time, ms', 'attention, ms', 'feed-forward, ms', 'sampling, ms', 'other, ms', 'KV']); // prettier-ignore
    expect(rows[1]).toEqual(['0', '·word0', '0.600', '8.00', '2.00', '5.00', '', '1.00', '1.0 MiB']);
  });

  test('is saved as CSV', async () => {
    const { shell } = showTimeline({ tokens: sampleTokens(3) });
    fireEvent.click(screen.getByRole('button', { name: 'Save timeline as CSV' }));
    await waitFor(() => expect(shell.saved.map(({ fileName }) => fileName)).toEqual(['retort-timeline.csv']));
    expect(shell.saved[0]?.text.trimEnd().split('\r\n')).toHaveLength(4);
  });
});
