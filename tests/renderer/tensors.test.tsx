import { fireEvent, screen, waitFor, within } from '@testing-library/react';
import { describe, expect, test } from 'vitest';
import type { ModelSummary, TensorEvent } from '../../electron/contract/model-summary.ts';
import { LabError } from '../../electron/contract/errors.ts';
import type { PageContract } from '../../electron/contract/page-contract.ts';
import type { Handlers } from '../../electron/contract/rpc.ts';
import { histogramBins } from '../../electron/contract/tensor-statistics.ts';
import { histogramPath } from '../../renderer/charts/Histogram.tsx';
import { tensorCsv } from '../../renderer/features/models/tensor-csv.ts';
import { TensorPanel } from '../../renderer/features/models/TensorPanel.tsx';
import { bitsText, formatValue } from '../../renderer/features/models/tensors.ts';
import { renderInPage, testShell } from './page.tsx';

const tensors: ModelSummary['tensors'] = [
  { name: 'embed', type: 'Q8_0', shape: [64, 32], file: 'm.gguf', offset: 0, bytes: 2176 },
  { name: 'q.qweight', type: 'I32', shape: [4, 32], file: 'm.gguf', offset: 2176, bytes: 512, weights: { count: 1024, bytes: 576 } },
  { name: 'q.scales', type: 'F16', shape: [1, 32], file: 'm.gguf', offset: 2688, bytes: 64, partOf: 'q.qweight' },
  { name: '=norm', type: 'F32', shape: [32], file: 'm.gguf', offset: 2752, bytes: 128 },
]; // prettier-ignore
const summary = { identity: 'abc', tensors } as unknown as ModelSummary;

const minima: Record<string, number> = { embed: -0.25, 'q.qweight': -1.5, '=norm': 0.5 };

function told(name: string): TensorEvent {
  const minimum = minima[name];
  if (minimum === undefined) return { type: 'refused', name, reason: 'These are packed.' };
  const histogram = Array.from({ length: histogramBins }, (_, bin): number => (bin === 0 ? 30 : 0));
  histogram[histogramBins - 1] = 2;
  const finite = { minimum, maximum: 2, mean: 0.0004, deviation: 0.0169, histogram };
  return {
    type: 'statistics',
    name,
    statistics: { values: 33, zeros: 3, notNumbers: 1, infinities: 0, finite },
  };
}

type Reading = Handlers<PageContract>['tensorStatistics'];
const answering: Reading = async ({ tensors: names }, { emit }) => {
  for (const name of names ?? []) await emit(told(name));
  return null;
};

function show(tensorStatistics: Reading, shell = testShell()) {
  const asked: Parameters<Reading>[0][] = [];
  renderInPage(<TensorPanel model="tiny" summary={summary} />, {
    shell,
    handlers: {
      tensorStatistics(input, context) {
        asked.push(input);
        return tensorStatistics(input, context);
      },
    },
  });
  return { asked, shell, table: screen.getByRole('group', { name: 'Tensors' }) };
}

const rowOf = (name: string) => {
  const rows = within(screen.getByRole('table', { name: 'Tensors' })).getAllByRole('row');
  return rows.find((row) => row.firstElementChild?.textContent === name)!;
};
const texts = (name: string) => [...rowOf(name).children].map(({ textContent }) => textContent);
const order = () =>
  within(screen.getByRole('table', { name: 'Tensors' }))
    .getAllByRole('row')
    .slice(1)
    .map((row) => row.firstElementChild?.textContent);

describe('the tensor table', () => {
  test('tells what a weight really takes, of packed ones with their scales', () => {
    expect(tensors.map(bitsText)).toEqual(['8.50', '4.50', '', '32.00']);
  });

  test('shows values once all were read, sorts by them, and offers no more to read', async () => {
    const { asked } = show(answering);
    fireEvent.click(screen.getByRole('button', { name: 'Read all values' }));
    await waitFor(() => expect(texts('embed').slice(5, 9)).toEqual(['−0.250', '2.00', '0.000400', '0.0169']));
    expect(asked).toEqual([{ id: 'tiny', identity: 'abc', tensors: tensors.map(({ name }) => name) }]);
    expect(screen.queryByRole('button', { name: 'Read all values' })).toBeNull();
    expect(rowOf('embed').querySelector('svg')).not.toBeNull();
    fireEvent.click(screen.getByRole('button', { name: 'min' }));
    // What has no values comes last in either order.
    expect(order()).toEqual(['=norm', 'embed', 'q.qweight', 'q.scales']);
    fireEvent.click(screen.getByRole('button', { name: 'min' }));
    expect(order()).toEqual(['q.qweight', 'embed', '=norm', 'q.scales']);
  });

  test('is walked by keys; Enter reads the values of one, which are then shown', async () => {
    const { asked, table } = show(answering);
    for (const key of ['ArrowDown', 'ArrowDown', 'ArrowDown', 'ArrowUp', 'End', 'Home']) {
      fireEvent.keyDown(table, { key });
    }
    expect(rowOf('embed').getAttribute('aria-selected')).toBe('true');
    const detail = within(screen.getByRole('region', { name: 'Values of embed' }));
    expect(detail.getByText('Its values were not read yet.')).toBeDefined();
    fireEvent.keyDown(table, { key: 'Enter' });
    expect(await detail.findByRole('figure', { name: 'Histogram of its values' })).toBeDefined();
    expect(asked).toEqual([{ id: 'tiny', identity: 'abc', tensors: ['embed'] }]);
    expect(detail.getByText('9.09 %')).toBeDefined();
    fireEvent.click(detail.getByRole('radio', { name: 'table' }));
    const bins = within(detail.getByRole('table', { name: 'Histogram of embed, table' })).getAllByRole('row');
    expect([...bins[1]!.children].map(({ textContent }) => textContent)).toEqual([
      '−0.250',
      '−0.215',
      '30',
      '90.91',
    ]);
    fireEvent.keyDown(table, { key: 'ArrowDown' });
    expect(screen.getByRole('region', { name: 'Values of q.qweight' })).toBeDefined();
  });

  test('says why a tensor has no values', async () => {
    show(answering);
    fireEvent.click(rowOf('q.scales'));
    fireEvent.click(screen.getByRole('button', { name: 'Read its values' }));
    expect(await screen.findByText('These are packed.')).toBeDefined();
  });

  test('tells how far reading is, keeps what was read where it is cancelled, and goes on with the rest', async () => {
    const { asked } = show(async (input, context) => {
      if (asked.length > 1) return answering(input, context);
      await context.emit(told('embed'));
      await context.emit({ type: 'progress', progress: { phase: 'values', done: 1024, total: 4096 } });
      await new Promise((_, reject) =>
        context.signal.addEventListener('abort', () => reject(new LabError('cancelled', 'Cancelled.'))),
      );
      return null;
    });
    fireEvent.click(screen.getByRole('button', { name: 'Read all values' }));
    const bar = await screen.findByRole('progressbar', { name: 'Reading the values of all tensors' });
    await waitFor(() => expect(bar.getAttribute('aria-valuenow')).toBe('25'));
    expect(screen.getByText('1 KiB of 4 KiB')).toBeDefined();
    fireEvent.click(screen.getByRole('button', { name: 'Cancel' }));
    await waitFor(() => expect(screen.queryByRole('progressbar')).toBeNull());
    await waitFor(() => expect(texts('embed')[5]).toBe('−0.250'));
    fireEvent.click(screen.getByRole('button', { name: 'Read all values' }));
    await waitFor(() => expect(texts('=norm')[5]).toBe('0.500'));
    expect(asked[1]!.tensors).toEqual(['q.qweight', 'q.scales', '=norm']);
  });

  test('says what went wrong', async () => {
    show(() => Promise.reject(new LabError('bad-request', 'tiny changed since its headers were read.')));
    fireEvent.click(screen.getByRole('button', { name: 'Read all values' }));
    expect(await screen.findByText('tiny changed since its headers were read.')).toBeDefined();
    fireEvent.click(screen.getByRole('button', { name: 'Close' }));
    await waitFor(() => expect(screen.queryByText(/changed since/)).toBeNull());
  });

  test('is saved as a whole, with what was read', async () => {
    const { shell } = show(answering);
    fireEvent.click(screen.getByRole('button', { name: 'Read all values' }));
    await waitFor(() => expect(texts('embed')[5]).toBe('−0.250'));
    fireEvent.change(screen.getByRole('searchbox', { name: 'Filter tensors' }), {
      target: { value: 'embed' },
    });
    fireEvent.click(screen.getByRole('button', { name: 'Save tensors as CSV' }));
    await waitFor(() => expect(shell.saved).toHaveLength(1));
    const [head, first, , third, fourth] = shell.saved[0]!.text.split('\r\n');
    expect(head).toMatch(/^tensor,type,shape,file,offset,bytes,bits per weight,values,minimum,/);
    expect(first).toMatch(
      /^embed,Q8_0,64 × 32,m\.gguf,0,2176,8\.5,33,-0\.25,2,0\.0004,0\.0169,3,1,0,30 0 0 /,
    );
    expect(third).toBe('q.scales,F16,1 × 32,m.gguf,2688,64,,,,,,,,,,,These are packed.');
    // No formula for a spreadsheet.
    expect(fourth).toMatch(/^'=norm,/);
  });
});

test('figures have three digits that count, and a true minus', () => {
  expect([0, -0.18712, 0.0000123, 12_345.6, 1.5e9, -1].map(formatValue)).toEqual([
    '0', '−0.187', '1.23e−5', '12,346', '1.50e+9', '−1.00',
  ]); // prettier-ignore
});

test('a histogram is as high as its highest bar, and little is still seen', () => {
  expect(histogramPath([2, 0, 1, 0])).toBe('M0 1V0H0.25V1M0.5 1V0.5H0.75V1');
  expect(histogramPath([10_000, 1])).toContain('V0.985');
  expect(histogramPath([0, 0])).toBe('');
});

test('a table without values is saved too', () => {
  expect(tensorCsv(tensors, new Map()).split('\r\n')[1]).toBe(
    'embed,Q8_0,64 × 32,m.gguf,0,2176,8.5,,,,,,,,,,',
  );
});
