import { act, fireEvent, screen, waitFor, within } from '@testing-library/react';
import { describe, expect, test } from 'vitest';
import type { MemoryReading } from '../../electron/contract/machine.ts';
import { leaveCursor } from '../../renderer/charts/cursor.ts';
import { InstrumentPanel } from '../../renderer/features/instruments/InstrumentPanel.tsx';
import { Instruments } from '../../renderer/features/instruments/instruments.ts';
import { renderInPage, testShell } from './page.tsx';
import { sampleToken } from '../helpers/sample-tokens.ts';

const mebi = 1024 ** 2;
// The middle of a slot, so that what is added now is in the latest one.
const now = 1_000_000_000 + 200;

const reading = (at: number): MemoryReading => ({
  at,
  weightsBytes: 93 * mebi,
  kvBytes: 20 * mebi,
  scratchBytes: 60 * mebi,
  baselineBytes: null,
  memoryBudgetBytes: null,
  engineRssBytes: 180 * mebi,
  enginePssBytes: null,
  appRssBytes: 240 * mebi,
  appPssBytes: 160 * mebi,
  systemFreeBytes: 4096 * mebi,
  systemBytes: 8192 * mebi,
  reserveBytes: 1024 * mebi,
});

function showPanel(shell = testShell()) {
  const data = new Instruments(() => now);
  data.addTokens([sampleToken(0), sampleToken(1, { total: 12, attention: 4, feedForward: 6, sampling: 1 })]);
  const page = renderInPage(<InstrumentPanel data={data} />, { shell, state: { memory: reading(now) } });
  return { page, data, shell };
}

const chart = (name: string) => within(screen.getByRole('figure', { name }));

describe('the instrument panel', () => {
  test('has a headline for each chart, with units', async () => {
    showPanel();
    const headline = (name: string) =>
      screen.getByRole('figure', { name }).querySelector('figcaption')?.textContent;
    await waitFor(() => expect(headline('Memory')).toBe('Memory173 MiB of 3.17 GiB'));
    expect(headline('Time per token')).toBe('Time per token8.0 ms p5012.0 ms p95');
    expect(headline('Speed')).toBe('Speed2 tokens, mean 100.0100.0 tokens/s');
    expect(headline('KV')).toBe('KV2.0 MiB');
  });
});

describe('a live chart', () => {
  test('follows what comes', async () => {
    const { data } = showPanel();
    await waitFor(() => expect(chart('Speed').getByText('100.0')).toBeDefined());
    act(() => data.addTokens([sampleToken(2, { total: 80 })]));
    await waitFor(() => expect(chart('Speed').getByText('30.0')).toBeDefined());
  });

  test('is a slider whose every value is said, and all charts show the same place', async () => {
    showPanel();
    await waitFor(() => expect(chart('Memory').getByText(/^MiB of/)).toBeDefined());
    const time = chart('Time per token').getByRole('slider');
    expect(time.getAttribute('aria-valuetext')).toBe('8.0 ms p50, 12.0 ms p95');
    fireEvent.keyDown(time, { key: 'End' });
    expect(time.getAttribute('aria-valuetext')).toBe(
      'now: attention 3.0 ms, feed-forward 5.5 ms, sampling 0.75 ms, other 0.75 ms, slowest 12.0 ms',
    );
    expect(chart('Memory').getByRole('slider').getAttribute('aria-valuetext')).toBe(
      'now: weights 93.0 MiB, KV 20.0 MiB, scratch 60.0 MiB, app 240 MiB',
    );
    fireEvent.keyDown(time, { key: 'Home' });
    expect(time.getAttribute('aria-valuetext')).toBe('59.6 s ago: nothing');
    fireEvent.keyDown(time, { key: 'Escape' });
    expect(time.getAttribute('aria-valuetext')).toBe('8.0 ms p50, 12.0 ms p95');
    act(() => leaveCursor());
  });

  test('says where there is nothing to draw', async () => {
    renderInPage(<InstrumentPanel data={new Instruments(() => now)} />);
    await waitFor(() => expect(screen.getAllByText('No token in the last 60 s.').length).toBe(2));
    expect(await screen.findByText('No reading of memory yet.')).toBeDefined();
  });
});

describe('the same numbers as text', () => {
  test('stand in a table for each chart', async () => {
    showPanel();
    fireEvent.click(screen.getByRole('radio', { name: 'table' }));
    const table = within(await screen.findByRole('table', { name: 'Time per token, table' }));
    const rows = table.getAllByRole('row').map((row) => [...row.children].map((cell) => cell.textContent));
    expect(rows).toEqual([
      ['time, s', 'attention ms', 'feed-forward ms', 'sampling ms', 'other ms', 'slowest ms'],
      ['0.0', '3.0', '5.5', '0.75', '0.75', '12.0'],
    ]);
  });

  test('tell memory process by process, and what the system does not tell', () => {
    showPanel();
    expect(screen.getByText('engine').parentElement?.textContent).toBe('engineRSS 180 MiBPSS not told here');
    expect(screen.getByText('app', { selector: 'dt' }).parentElement?.textContent).toBe(
      'appRSS 240 MiBPSS 160 MiB',
    );
    expect(screen.getByText('system, free').parentElement?.textContent).toBe(
      'system, free4.00 GiB of 8.00 GiB',
    );
  });

  test('are saved as CSV, one chart or all', async () => {
    const { shell } = showPanel();
    fireEvent.click(screen.getByRole('button', { name: 'Save all as CSV' }));
    await waitFor(() => expect(shell.saved).toHaveLength(1));
    const [head, row] = shell.saved[0]!.text.split('\r\n');
    expect(head).toMatch(
      /^time,Time per token: attention ms,.*,Speed: speed tokens\/s,KV: KV MiB,Memory: weights MiB/,
    );
    expect(row).toMatch(/^1970-01-12T13:46:40\.000Z,3,5\.5,0\.75,0\.75,12,100,/);
    fireEvent.click(screen.getByRole('radio', { name: 'table' }));
    fireEvent.click(await screen.findByRole('button', { name: 'Save Memory as CSV' }));
    await waitFor(() => expect(shell.saved.at(-1)?.fileName).toBe('retort-memory.csv'));
  });
});
