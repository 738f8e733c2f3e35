/** What the screens show of a model that is streamed from flash, and do not show of one that is not. */
import { act, fireEvent, screen, waitFor, within } from '@testing-library/react';
import { describe, expect, test } from 'vitest';
import { LabError } from '../../electron/contract/errors.ts';
import { Settings } from '../../electron/contract/settings.ts';
import { Instruments } from '../../renderer/features/instruments/instruments.ts';
import { InstrumentPanel } from '../../renderer/features/instruments/InstrumentPanel.tsx';
import { ModelsScreen } from '../../renderer/features/models/ModelsScreen.tsx';
import { TokenTimeline } from '../../renderer/features/timeline/token-timeline.tsx';
import { navigate } from '../../renderer/app/routes.ts';
import { StatusLine } from '../../renderer/app/StatusLine.tsx';
import { readyEngine, tokenOf } from '../helpers/chat-host.ts';
import {
  largeModel,
  packModel,
  StreamedHost,
  streamedTokens,
  streamingWithin,
} from '../helpers/streamed-host.ts';
import { messageField, openApp } from './app-page.tsx';
import { renderInPage, testShell } from './page.tsx';

const gibi = 1024 ** 3;
const now = 1_000_000_200;
const texts = ['The', ' restoring', ' torque', ' follows', ' sin'];

describe('the token timeline of a streamed reply', () => {
  const tokens = streamedTokens(texts);
  const showTimeline = (shown = tokens) =>
    renderInPage(
      <TokenTimeline tokens={shown} prefill={[]} live={false} hovered={0} onHover={() => undefined} />,
    );

  test('says first that it waited, with what a token read', async () => {
    showTimeline();
    expect(await screen.findByText(/ of it waited for flash\.$/)).toBeDefined();
    const legend = [...screen.getByText(/^attention/).closest('ul')!.children].map(
      ({ textContent }) => textContent,
    );
    expect(legend[2]).toMatch(/^flash wait .* \d+ %$/);
    expect(legend.slice(-3).join()).toMatch(
      /^read a token [\d.]+ MiB,hit rate \d+ %,read beside computing 17 %$/,
    );
  });

  test('has reads, hits, misses and the longest wait in the card', () => {
    showTimeline();
    fireEvent.keyDown(screen.getByRole('slider'), { key: 'Home' });
    const card = within(screen.getByRole('group', { name: 'Token 0' }));
    const misses = tokens[0]!.trace.cacheMisses!;
    expect(card.getByText('weights').parentElement?.textContent).toBe(
      `weights${384 - misses} hit, ${misses} missed`,
    );
    expect(card.getByText('in reads').parentElement?.textContent).toBe(`in reads${misses}`);
    expect(card.getByText('read from flash').parentElement?.textContent).toMatch(/MiB$/);
    expect(card.getByText('longest, layer 23')).toBeDefined();
  });

  test('has them in its table; one of a resident model has no such columns', () => {
    const { unmount } = showTimeline();
    fireEvent.click(screen.getByRole('radio', { name: 'table' }));
    const heads = () => screen.getAllByRole('columnheader').map(({ textContent }) => textContent);
    expect(heads()).toEqual(['token', 'text', 'probability', 'time, ms', 'attention, ms', 'feed-forward, ms', 'flash wait, ms', 'sampling, ms', 'other, ms', 'read', 'hits', 'misses', 'KV']); // prettier-ignore
    unmount();
    showTimeline(texts.map((text, index) => tokenOf(index, text)));
    fireEvent.click(screen.getByRole('radio', { name: 'table' }));
    expect(heads().filter((name) => /flash|read|hits|misses/.test(name))).toEqual([]);
  });
});

describe('the instruments of a streamed model', () => {
  const engine = new StreamedHost().engine;

  test('have a chart of flash reads with a table and a CSV of its own', async () => {
    const shell = testShell();
    const data = new Instruments(() => now);
    data.addTokens(streamedTokens(texts));
    renderInPage(<InstrumentPanel data={data} />, { shell, state: { engine } });
    const figure = within(await screen.findByRole('figure', { name: 'Flash reads' }));
    expect(await figure.findByText(/^(Mi|Gi)B\/s$/)).toBeDefined();
    expect(figure.getByRole('slider').getAttribute('aria-valuetext')).toMatch(/B\/s$/);
    fireEvent.click(screen.getByRole('radio', { name: 'table' }));
    const table = await screen.findByRole('table', { name: 'Flash reads, table' });
    expect(within(table).getAllByRole('columnheader').map(({ textContent }) => textContent)).toEqual([
      'time, s', 'read GiB/s', 'hit rate %', 'hits', 'misses',
    ]); // prettier-ignore
    fireEvent.click(screen.getByRole('button', { name: 'Save Flash reads as CSV' }));
    await waitFor(() => expect(shell.saved.at(-1)?.fileName).toBe('retort-flash-reads.csv'));
  });

  test('split its weights in memory against the budget', async () => {
    const host = new StreamedHost();
    const { application } = openApp(host);
    const figure = await screen.findByRole('figure', { name: 'Memory' });
    await waitFor(() => expect(figure.querySelector('figcaption')?.textContent).toMatch(/of 4\.00 GiB$/));
    expect([...figure.querySelectorAll('li')].map(({ textContent }) => textContent?.split(' ')[0])).toEqual([
      'always', 'expert', 'buffers', 'KV', 'scratch', 'runtime', 'app',
    ]); // prettier-ignore
    act(() => application.app.setState({ engine: readyEngine }));
    await waitFor(() => expect(screen.queryByRole('figure', { name: 'Flash reads' })).toBeNull());
  });
});

describe('the status line', () => {
  const line = (engine: typeof readyEngine, more = {}) =>
    renderInPage(<StatusLine onOpenPalette={() => undefined} />, { state: { engine, ...more } });

  test('says that weights come from RAM, also those of a pack that is there as a whole', () => {
    const { app } = line(readyEngine);
    expect(screen.getByText('Weights from RAM')).toBeDefined();
    act(() => app.setState({ engine: new StreamedHost(20 * gibi).engine }));
    expect(screen.getByText('Weights from RAM')).toBeDefined();
    act(() => app.setState({ engine: new StreamedHost().engine }));
    expect(screen.getByText('Weights from flash')).toBeDefined();
  });

  test('says that they come from flash, which part was hit, and while it computes how fast it reads', () => {
    const readyStreamed = new StreamedHost().engine as typeof readyEngine & { state: 'ready' };
    const { app } = line(readyStreamed, {
      flashReads: { bytesPerSecond: 2.5 * gibi, hitRate: 0.41 },
    });
    const weights = () => screen.getByText(/^Weights from flash/).textContent;
    expect(weights()).toBe('Weights from flash, 41 % hits');
    act(() => app.setState({ engine: { ...readyStreamed, isBusy: true } }));
    expect(weights()).toBe('Weights from flash, 2.50 GiB/s, 41 % hits');
    act(() => app.setState({ flashReads: null }));
    expect(weights()).toBe('Weights from flash');
  });
});

describe('a reply of a streamed model', () => {
  test('tells the status line its hits, also where all of it comes at once', async () => {
    const host = new StreamedHost();
    const chat = host.addChat({ title: 'Pendulum' });
    openApp(host, { fragment: `#/chat/${chat.id}` });
    await screen.findByRole('heading', { name: 'Pendulum', level: 1 });
    fireEvent.change(messageField(), { target: { value: 'Why?' } });
    await waitFor(() =>
      expect(screen.getByRole('button', { name: /^Send/ })).toHaveProperty('disabled', false),
    );
    fireEvent.keyDown(messageField(), { key: 'Enter' });
    await waitFor(() => expect(host.growingId).toBeDefined());
    host.grow(host.growingId, streamedTokens(texts));
    await waitFor(() => expect(screen.getByText(/^Weights from flash/).textContent).toMatch(/, \d+ % hits$/));
  });

  test('tells how fast its prompt is read from flash, before its first token', async () => {
    const host = new StreamedHost();
    const chat = host.addChat({ title: 'Pendulum' });
    const { application } = openApp(host, { fragment: `#/chat/${chat.id}` });
    await screen.findByRole('heading', { name: 'Pendulum', level: 1 });
    fireEvent.change(messageField(), { target: { value: 'Why?' } });
    await waitFor(() =>
      expect(screen.getByRole('button', { name: /^Send/ })).toHaveProperty('disabled', false),
    );
    act(() => application.app.setState({ flashReads: { bytesPerSecond: 1, hitRate: 1 } }));
    fireEvent.keyDown(messageField(), { key: 'Enter' });
    await waitFor(() => expect(host.growingId).toBeDefined());
    act(() => host.setBusy(true));
    await waitFor(() => expect(application.app.getState().flashReads).toBeNull());
    const step = { ...streamedTokens(texts)[0]!.trace, phase: 'prefill' as const };
    host.readPrompt(host.growingId, [step]);
    const line = () => screen.getByText(/^Weights from flash/).textContent;
    await waitFor(() => expect(line()).toMatch(/, [\d.]+ .iB\/s, \d+ % hits$/));
  });
});

describe('the tint by flash stall', () => {
  test('is offered for a streamed model and not for one in memory', async () => {
    const { application } = openApp(new StreamedHost());
    expect(await screen.findByRole('radio', { name: 'flash stall' })).toBeDefined();
    act(() => application.app.setState({ engine: readyEngine }));
    expect(screen.queryByRole('radio', { name: 'flash stall' })).toBeNull();
  });
});

function showModels(host = new StreamedHost(), fragment = '#/models/moe') {
  const loads: unknown[] = [];
  const budgets: unknown[] = [];
  const handlers = host.handlers();
  window.location.hash = fragment;
  const { app } = renderInPage(<ModelsScreen />, {
    state: { models: host.models, engine: host.engine },
    handlers: {
      ...handlers,
      loadModel: (input) => {
        loads.push(input);
        return Promise.resolve(null);
      },
      setMemoryBudget: (input, call) => {
        budgets.push(input.memoryBudget);
        return handlers.setMemoryBudget(input, call);
      },
    },
  });
  return { host, app, loads, budgets };
}

const fitPanel = async () => within(await screen.findByRole('region', { name: 'Fit before load' }));

describe('the fit of a pack', () => {
  test('shows what its budget is spent on, what a token reads, and a prediction from the disk', async () => {
    showModels();
    const panel = await fitPanel();
    expect(await panel.findByText('fits, streamed')).toBeDefined();
    const legend = [...panel.getByText('always read').closest('ul')!.children].map(
      ({ textContent }) => textContent,
    );
    expect(legend.map((text) => text?.replace(/ [\d.]+ .iB$/, ''))).toEqual([
      'always read', 'expert cache', 'buffers', 'KV', 'scratch', 'sum',
    ]); // prettier-ignore
    expect(panel.getByText(/^budget 4\.00 GiB/)).toBeDefined();
    const costs = panel.getByText('disk').closest('dl')!;
    expect(costs.textContent).toMatch(
      /^read a token[\d.]+ MiBhit rate, measured\d+ %disk2\.80 GiB\/scomputing a token70 ms$/,
    );
    expect(panel.getByText('predicted, streamed').parentElement?.textContent).toMatch(/[\d.]+ tokens\/s/);
    expect(
      panel.getByText(
        '4.6 tokens/s, 2.38 GiB, 490 MiB read a token, 41 % hits with 2,214 of 8,192 tokens used',
      ),
    ).toBeDefined();
  });

  test('counts what is no record, such as vectors, to what is always there, so that the parts add up', async () => {
    const host = withoutModel();
    const handlers = host.handlers();
    const vectors = 0.5 * gibi;
    renderInPage(<ModelsScreen />, {
      state: { models: [packModel], engine: { state: 'none' } },
      handlers: {
        ...handlers,
        estimateFit: async (input, call) => {
          const fit = await handlers.estimateFit(input, call);
          return { ...fit, weightsBytes: fit.weightsBytes + vectors, totalBytes: fit.totalBytes + vectors };
        },
      },
    });
    const panel = await fitPanel();
    expect((await panel.findByText('always read')).closest('li')?.textContent).toBe('always read 1.60 GiB');
  });

  test('goes from the least budget to what is free by keys, and no further', async () => {
    const { budgets } = showModels();
    const panel = await fitPanel();
    const knob = await panel.findByRole('slider', { name: 'Memory budget' });
    const least = /^at least ([\d.]+ GiB)/.exec(panel.getByText(/^at least/).textContent)![1]!;
    const shown = () => knob.getAttribute('aria-valuetext');
    fireEvent.keyDown(knob, { key: 'Home' });
    await waitFor(() => expect(Number.parseFloat(shown()!)).toBeCloseTo(Number.parseFloat(least), 2));
    fireEvent.keyDown(knob, { key: 'ArrowLeft' });
    expect(panel.queryByText('This cannot be priced.')).toBeNull();
    fireEvent.keyDown(knob, { key: 'ArrowRight' });
    await waitFor(() => expect(shown()).toBe('1.75 GiB'));
    fireEvent.keyDown(knob, { key: 'End' });
    await waitFor(() => expect(shown()).toBe('6.40 GiB'));
    expect(budgets).toEqual([]);
  });

  test('has auto as a choice, and says which was chosen the last time', async () => {
    const { app } = showModels(withoutModel());
    const panel = await fitPanel();
    const auto = await panel.findByRole('button', { name: 'auto' });
    expect(auto.getAttribute('aria-pressed')).toBe('true');
    act(() => app.setState({ settings: Settings.parse({ memoryBudgets: { moe: 3 * gibi } }) }));
    expect(auto.getAttribute('aria-pressed')).toBe('false');
    expect(panel.getByRole('slider', { name: 'Memory budget' }).getAttribute('aria-valuetext')).toBe(
      '3.00 GiB',
    );
    fireEvent.click(auto);
    await waitFor(() => expect(auto.getAttribute('aria-pressed')).toBe('true'));
  });

  test('is loaded with the budget of the knob', async () => {
    const { loads } = showModels(withoutModel());
    const panel = await fitPanel();
    fireEvent.keyDown(await panel.findByRole('slider', { name: 'Memory budget' }), { key: 'Home' });
    fireEvent.click(panel.getByRole('button', { name: 'Load' }));
    await waitFor(() => expect(loads).toHaveLength(1));
    const { settings } = loads[0] as { settings: { memoryBudget: number } };
    expect(settings.memoryBudget).toBeGreaterThan(gibi);
    expect(settings.memoryBudget).toBeLessThan(2 * gibi);
  });

  test('whose budget is too small for the context says so, with the least as a button', async () => {
    showModels();
    const panel = await fitPanel();
    fireEvent.keyDown(await panel.findByRole('slider', { name: 'Memory budget' }), { key: 'Home' });
    fireEvent.keyDown(panel.getByRole('slider', { name: 'Context' }), { key: 'End' });
    const remedy = await panel.findByRole('button', { name: /^Use the least, [\d.]+ GiB$/ });
    // The knob that made it so is still there to be turned back.
    const context = panel.getByRole('slider', { name: 'Context' });
    expect(context.getAttribute('aria-valuetext')).toBe('40,960 tokens');
    expect(panel.queryByText('always read')).toBeNull();
    fireEvent.click(remedy);
    expect(await panel.findByRole('slider', { name: 'Memory budget' })).toBeDefined();
  });

  test('that is not worth it says so before loading', async () => {
    const host = withoutModel();
    const advice = 'A token reads 12 GiB, 5 s of waiting. A smaller model is faster.';
    const handlers = host.handlers();
    renderInPage(<ModelsScreen />, {
      state: { models: [packModel], engine: { state: 'none' } },
      handlers: {
        ...handlers,
        estimateFit: async (input, call) => {
          const fit = await handlers.estimateFit(input, call);
          const streaming = fit.streaming && { ...fit.streaming, isWorthIt: false, advice, diskBytesPerSecond: null, tokensPerSecond: null }; // prettier-ignore
          return { ...fit, streaming };
        },
      },
    });
    expect(await screen.findByText('Streaming it is not worth it.')).toBeDefined();
    expect(screen.getByText(advice)).toBeDefined();
    expect(screen.getByText('not measured yet', { selector: 'dd' })).toBeDefined();
    expect(screen.getByRole('button', { name: 'Measure the disk' })).toBeDefined();
    expect(screen.getByText('once the disk is measured')).toBeDefined();
    expect(screen.getByRole('button', { name: 'Load' })).toBeDefined();
  });
});

describe('a disk that is not measured', () => {
  /** `measure` ends a measurement, or fails it. */
  const showUnmeasured = () => {
    const host = withoutModel();
    const handlers = host.handlers();
    const calls: { signal: AbortSignal; end: (error?: LabError) => void }[] = [];
    let isMeasured = false;
    renderInPage(<ModelsScreen />, {
      state: { models: [packModel], engine: { state: 'none' } },
      handlers: {
        ...handlers,
        estimateFit: async (input, call) => {
          const fit = await handlers.estimateFit(input, call);
          const unknown = { diskBytesPerSecond: null, tokensPerSecond: null };
          return isMeasured ? fit : { ...fit, streaming: fit.streaming && { ...fit.streaming, ...unknown } };
        },
        measureDisk: async (_input, { signal, emit }) => {
          await emit({ phase: 'measure the disk', done: 3, total: 12 });
          await new Promise<void>((resolve, reject) => {
            calls.push({ signal, end: (error) => (error ? reject(error) : resolve()) });
          });
          isMeasured = true;
          return { sizes: [65_536], depths: [1], bytesPerSecond: [1e9], at: 1 };
        },
      },
    });
    return calls;
  };
  const measure = async () =>
    fireEvent.click(await screen.findByRole('button', { name: 'Measure the disk' }));
  const bar = () => screen.findByRole('progressbar', { name: 'Measuring the disk' });

  test('is measured by a button, with progress, and then the prediction is there', async () => {
    const calls = showUnmeasured();
    await measure();
    expect(await bar()).toBeDefined();
    await waitFor(async () => expect((await bar()).getAttribute('aria-valuenow')).toBe('25'));
    calls[0]?.end();
    await waitFor(() => expect(screen.getByText('2.80 GiB/s')).toBeDefined());
    expect(screen.queryByText(/Measur.* the disk/)).toBeNull();
  });

  test('can be left unmeasured, and failing to measure it says why', async () => {
    const calls = showUnmeasured();
    await measure();
    await bar();
    await waitFor(() => expect(calls).toHaveLength(1));
    fireEvent.click(screen.getByRole('button', { name: 'Cancel' }));
    expect(screen.queryByRole('progressbar')).toBeNull();
    await waitFor(() => expect(calls[0]?.signal.aborted).toBe(true));
    await measure();
    await waitFor(() => expect(calls).toHaveLength(2));
    calls[1]?.end(new LabError('unsupported-feature', 'This file system has no such reads.'));
    expect((await screen.findByRole('alert')).textContent).toContain('This file system has no such reads.');
  });
});

function withoutModel(): StreamedHost {
  const host = new StreamedHost();
  host.engine = { state: 'none' };
  return host;
}

describe('a model that is too large', () => {
  test('and no pack shows how it becomes one', async () => {
    showModels(withoutModel(), '#/models/large');
    const command = await screen.findByText(/^npx retort pack/);
    expect(command.textContent).toBe(
      "npx retort pack Llama-3.1-70B-Q4_K_M.gguf --out 'Llama 3.1 70B.retortpack'",
    );
    expect(screen.getByRole('button', { name: 'Copy the command' })).toBeDefined();
    expect(screen.queryByRole('slider', { name: 'Memory budget' })).toBeNull();
  });

  test('is named by the library where that has it', async () => {
    const host = withoutModel();
    host.models = [{ ...largeModel, id: 'llama-70b', kind: 'added' }];
    const handlers = host.handlers();
    renderInPage(<ModelsScreen />, {
      state: { models: host.models, engine: host.engine },
      handlers: {
        ...handlers,
        inspectModel: (_input, call) => handlers.inspectModel({ id: 'large' }, call),
        estimateFit: (input, call) => handlers.estimateFit({ ...input, id: 'large' }, call),
      },
    });
    expect((await screen.findByText(/^npx retort pack/)).textContent).toMatch(
      /^npx retort pack llama-70b --out/,
    );
  });
});

describe('the list of models', () => {
  test('marks packs that are not loaded as streamed', () => {
    showModels(withoutModel());
    const list = within(screen.getByRole('navigation', { name: 'Models' }));
    expect(list.getAllByText('streamed')).toHaveLength(1);
  });
});

describe('another budget for the model in memory', () => {
  const moved = async () => {
    const panel = await fitPanel();
    fireEvent.keyDown(await panel.findByRole('slider', { name: 'Memory budget' }), { key: 'ArrowRight' });
    return panel;
  };

  const gated = () => {
    const host = new StreamedHost();
    let open: () => void = () => undefined;
    host.budgetGate = new Promise((resolve) => (open = resolve));
    return { host, open: () => act(() => open()) };
  };
  const budgetNow = (host: StreamedHost) => host.streaming?.memoryBudgetBytes;

  test('is given without a load, with the seconds it took', async () => {
    const { host, open } = gated();
    const { budgets, loads } = showModels(host);
    const panel = await moved();
    expect(panel.queryByRole('button', { name: 'Load again so' })).toBeNull();
    fireEvent.click(panel.getByRole('button', { name: 'Change the budget' }));
    const bar = await screen.findByRole('progressbar', { name: /^Changing the budget to 4\.\d\d GiB$/ });
    expect(bar.getAttribute('aria-valuetext')).toMatch(/^reading what stays in memory, [\d.]+ m?s$/);
    open();
    await waitFor(() => expect(screen.queryByRole('progressbar')).toBeNull());
    expect(budgets).toHaveLength(1);
    expect(budgetNow(host)).toBe(budgets[0]);
    expect(loads).toEqual([]);
  });

  test('that is given up changes nothing, also where the engine had begun', async () => {
    const { host, open } = gated();
    const before = budgetNow(host);
    const { budgets } = showModels(host);
    const panel = await moved();
    fireEvent.click(panel.getByRole('button', { name: 'Change the budget' }));
    fireEvent.click(await panel.findByRole('button', { name: 'Cancel' }));
    expect(screen.queryByRole('progressbar')).toBeNull();
    open();
    await waitFor(() => expect(budgets).toHaveLength(2));
    await act(() => host.budgetGate);
    expect(budgetNow(host)).toBe(before);
    expect(panel.getByRole('button', { name: 'Change the budget' })).toBeDefined();
  });

  test('goes on where another screen is shown, and is there again on return', async () => {
    const { host, open } = gated();
    const { application } = openApp(host, { fragment: '#/models/moe' });
    fireEvent.click((await moved()).getByRole('button', { name: 'Change the budget' }));
    await screen.findByRole('progressbar', { name: /^Changing the budget/ });
    act(() => navigate({ screen: 'settings' }));
    await screen.findByRole('heading', { name: 'Settings', level: 1 });
    act(() => navigate({ screen: 'models', modelId: 'moe' }));
    expect(await screen.findByRole('progressbar', { name: /^Changing the budget/ })).toBeDefined();
    host.budgetRefusal = new LabError('bad-request', 'It needs at least 1.62 GiB.');
    act(() => navigate({ screen: 'settings' }));
    open();
    await waitFor(() => expect(application.app.getState().budgetChange?.error).not.toBeNull());
    act(() => navigate({ screen: 'models', modelId: 'moe' }));
    expect((await screen.findByRole('alert')).textContent).toContain('It needs at least 1.62 GiB.');
  });

  test('that is refused says why and what the least is', async () => {
    const host = new StreamedHost();
    host.budgetRefusal = new LabError('bad-request', 'It needs at least 1.62 GiB.', {
      minimumBytes: 1.62 * gibi,
    });
    showModels(host);
    fireEvent.click((await moved()).getByRole('button', { name: 'Change the budget' }));
    const alert = await screen.findByRole('alert');
    expect(alert.textContent).toContain('The budget was not changed.It needs at least 1.62 GiB.');
    fireEvent.click(within(alert).getByRole('button', { name: 'Close' }));
    expect(screen.queryByRole('alert')).toBeNull();
  });
});

describe('the map of experts', () => {
  test('reads each cell by keys, by number and by rank', async () => {
    showModels();
    const grid = await screen.findByRole('grid', { name: 'Experts by layer' });
    expect([grid.getAttribute('aria-rowcount'), grid.getAttribute('aria-colcount')]).toEqual(['48', '128']);
    expect(grid.getAttribute('aria-activedescendant')).toBeNull();
    for (const key of ['ArrowDown', 'ArrowDown', 'ArrowRight', 'PageDown']) fireEvent.keyDown(grid, { key });
    const cell = within(grid).getByRole('gridcell');
    expect(grid.getAttribute('aria-activedescendant')).toBe(cell.id);
    expect(cell.textContent).toMatch(
      /^layer 9, expert 1: [\d.]+ % of tokens, [\d.]+ % had to read it, in (memory|flash)$/,
    );
    expect(screen.getByText(/layer 9: \d+ serve half/)).toBeDefined();
    fireEvent.keyDown(grid, { key: 'End' });
    expect(cell.textContent).toMatch(/^layer 9, expert 127:/);
    fireEvent.click(screen.getByRole('switch', { name: 'Sorted by use' }));
    fireEvent.keyDown(grid, { key: 'Home' });
    const share = Number(/: ([\d.]+) %/.exec(cell.textContent ?? '')?.[1]);
    fireEvent.keyDown(grid, { key: 'ArrowRight' });
    expect(Number(/: ([\d.]+) %/.exec(cell.textContent ?? '')?.[1])).toBeLessThanOrEqual(share);
    fireEvent.keyDown(grid, { key: 'Escape' });
    expect(grid.getAttribute('aria-activedescendant')).toBeNull();
  });

  test('leaves keys with modifiers to others, and keeps what keys marked where the pointer leaves', async () => {
    showModels();
    const grid = await screen.findByRole('grid', { name: 'Experts by layer' });
    const marked = () => grid.getAttribute('aria-activedescendant');
    for (const modifier of ['altKey', 'ctrlKey', 'metaKey', 'shiftKey']) {
      const isTaken = !fireEvent.keyDown(grid, { key: 'ArrowLeft', [modifier]: true });
      expect([isTaken, marked()]).toEqual([false, null]);
    }
    fireEvent.keyDown(grid, { key: 'ArrowDown' });
    expect(marked()).not.toBeNull();
    fireEvent.pointerLeave(grid);
    expect(marked()).not.toBeNull();
  });

  test('is read again with another budget', async () => {
    const host = new StreamedHost();
    const { app } = showModels(host);
    await screen.findByRole('grid', { name: 'Experts by layer' });
    const before = host.flashReads;
    host.setStreaming(streamingWithin(3 * gibi));
    act(() => app.setState({ engine: host.engine }));
    await waitFor(() => expect(host.flashReads).toBe(before + 1));
    act(() => app.setState({ engine: { ...host.engine } }));
    expect(host.flashReads).toBe(before + 1);
  });

  test('has the same figures as a table and as CSV', async () => {
    const shell = testShell();
    const host = new StreamedHost();
    renderInPage(<ModelsScreen />, {
      shell,
      state: { models: host.models, engine: host.engine },
      handlers: host.handlers(),
    });
    await screen.findByRole('grid', { name: 'Experts by layer' });
    fireEvent.click(
      within(screen.getByRole('radiogroup', { name: 'Show experts as' })).getByRole('radio', {
        name: 'table',
      }),
    );
    const table = screen.getByRole('table', { name: 'Experts, table' });
    expect(table.getAttribute('aria-rowcount')).toBe(String(48 * 128 + 1));
    fireEvent.click(screen.getByRole('button', { name: 'Save experts as CSV' }));
    await waitFor(() => expect(shell.saved[0]?.text.trimEnd().split('\r\n')).toHaveLength(48 * 128 + 1));
  });

  test('is not there for a model without experts', async () => {
    const host = new StreamedHost();
    host.setStreaming({ ...streamingWithin(4 * gibi), slots: 0, experts: null });
    showModels(host);
    const panel = await fitPanel();
    await panel.findByText('fits, streamed');
    expect(screen.queryByRole('region', { name: 'Experts' })).toBeNull();
  });
});
