import { configure, fireEvent, screen, waitFor, within } from '@testing-library/react';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { LabError } from '../../electron/contract/errors.ts';
import { CompareScreen } from '../../renderer/features/compare/CompareScreen.tsx';
import { resetDraft } from '../../renderer/features/compare/draft.ts';
import { RunsScreen } from '../../renderer/features/runs/RunsScreen.tsx';
import { tinyModel } from '../helpers/chat-host.ts';
import { CompareHost, sampleBench, sampleJob, sampleRun, sampleUpdates } from '../helpers/compare-host.ts';
import { renderInPage, testShell, type PageOptions } from './page.tsx';

// A bound on hanging, not on speed: machines are slow at times.
configure({ asyncUtilTimeout: 8000 });

const pack = { ...tinyModel, id: 'pack', title: 'Packed', format: 'pack', bytes: 400 * 2 ** 20 };

function show(element: React.ReactNode, host: CompareHost, options: PageOptions = {}) {
  const { state, handlers, ...rest } = options;
  return renderInPage(element, {
    ...rest,
    state: { models: [tinyModel, pack], ...state },
    handlers: { ...host.compareHandlers(), ...handlers },
  });
}

const start = () => screen.getByRole<HTMLButtonElement>('button', { name: 'Start' });
const ready = () => waitFor(() => expect(start().disabled).toBe(false));

beforeEach(() => {
  resetDraft();
  vi.stubGlobal(
    'IntersectionObserver',
    class {
      observe() {}
      disconnect() {}
    },
  );
});

describe('a comparison that is put together', () => {
  test('is priced before it is begun, and begun as it is shown', async () => {
    const host = new CompareHost();
    show(<CompareScreen />, host);
    await ready();
    expect(screen.getByText('620 MiB at most')).toBeTruthy();
    fireEvent.change(screen.getByRole('combobox', { name: 'Arithmetic of A' }), {
      target: { value: 'reference' },
    });
    fireEvent.change(screen.getByRole('textbox', { name: /^Every model answers this/ }), {
      target: { value: 'Say hello.' },
    });
    expect(start().disabled).toBe(true);
    await ready();
    fireEvent.click(start());
    await screen.findByRole('progressbar', { name: 'A: reply' });
    expect(host.asked.at(-1)).toMatchObject({
      variants: [{ compute: { arithmetic: 'reference' } }, { kvCodec: 'q8' }],
      prompt: { kind: 'chat', messages: [{ role: 'user', content: 'Say hello.' }] },
      maxTokens: 128,
      weightErrors: true,
    });
  });

  test('has two to four variants; only packs have a memory budget', async () => {
    show(<CompareScreen />, new CompareHost());
    await ready();
    fireEvent.click(screen.getByRole('button', { name: 'Add' }));
    expect(screen.getByText(/^C is the same as B/)).toBeTruthy();
    fireEvent.change(screen.getByRole('combobox', { name: 'Model C' }), { target: { value: 'pack' } });
    fireEvent.change(screen.getByRole('combobox', { name: 'Memory budget of C' }), {
      target: { value: String(100 * 2 ** 20) },
    });
    await ready();
    fireEvent.click(screen.getByRole('button', { name: 'Add' }));
    expect(screen.getByRole<HTMLButtonElement>('button', { name: 'Add' }).disabled).toBe(true);
    fireEvent.click(screen.getByRole('button', { name: 'Remove D' }));
    fireEvent.click(screen.getByRole('button', { name: 'Remove C' }));
    expect(screen.getByRole<HTMLButtonElement>('button', { name: 'Remove B' }).disabled).toBe(true);
  });

  test('that would be refused says why and what helps; a wrong number is not taken', async () => {
    const host = new CompareHost();
    const problem = { code: 'out-of-memory', message: 'It needs 9.0 GiB.' };
    host.price = { ...host.price, mode: null, problem };
    show(<CompareScreen />, host);
    const notice = within(await screen.findByRole('alert'));
    expect(notice.getByText('It needs 9.0 GiB.')).toBeTruthy();
    expect(start().disabled).toBe(true);
    fireEvent.change(screen.getByRole('textbox', { name: 'Longest reply' }), { target: { value: '0' } });
    expect(screen.getByText('A whole number from 1 to 4,096.')).toBeTruthy();
    fireEvent.click(notice.getByRole('button', { name: 'Open Models' }));
    expect(window.location.hash).toBe('#/models');
  });

  test('that cannot be priced says so and asks again', async () => {
    const host = new CompareHost();
    const priceComparison = vi.fn(() =>
      Promise.reject(new LabError('not-found', 'The model’s file is gone.')),
    );
    show(<CompareScreen />, host, { handlers: { priceComparison } });
    const notice = within(await screen.findByRole('alert'));
    expect(notice.getByText('The model’s file is gone.')).toBeTruthy();
    fireEvent.click(notice.getByRole('button', { name: 'Try again' }));
    await waitFor(() => expect(priceComparison).toHaveBeenCalledTimes(2));
  });

  test('takes a text for quality from a file, and refuses one that is no text', async () => {
    const host = new CompareHost();
    show(<CompareScreen />, host);
    await ready();
    const input = screen.getByLabelText('Text for quality, a file');
    fireEvent.change(input, { target: { files: [new File(['\0'], 'a.bin')] } });
    await screen.findByText('a.bin is not text and was not attached.');
    fireEvent.change(input, { target: { files: [new File(['Once upon a time'], 'tale.txt')] } });
    await screen.findByText('tale.txt, 16 characters');
    await waitFor(() =>
      expect(host.asked.at(-1)?.quality).toEqual({ text: 'Once upon a time', context: 512, tokens: null }),
    );
    fireEvent.click(screen.getByRole('button', { name: 'Leave out' }));
    await waitFor(() => expect(host.asked.at(-1)?.quality).toBeNull());
  });

  test('needs a model', async () => {
    show(<CompareScreen />, new CompareHost(), { state: { models: [] } });
    expect(await screen.findByText('No models to compare')).toBeTruthy();
  });
});

describe('a comparison that runs', () => {
  test('is shown again when the page is loaded, with what is there of it, and leads to its run', async () => {
    const host = new CompareHost();
    host.jobs = [sampleJob()];
    host.updates = sampleUpdates(2);
    show(<CompareScreen />, host);
    expect(await screen.findByText('7,680 of 20,480 tokens')).toBeTruthy();
    expect(await screen.findByRole('table', { name: 'Variants' })).toBeTruthy();
    expect(screen.getAllByText('Waiting for its turn…')).toHaveLength(3);
    host.runs = [sampleRun('run-1')];
    host.changeJob({ state: 'done', endedAt: 1, runId: 'run-1' });
    await waitFor(() => expect(window.location.hash).toBe('#/compare/run-1'));
  });

  test('leads to its run also where the list of jobs knows first that it has ended', async () => {
    const host = new CompareHost();
    host.jobs = [sampleJob()];
    let end: () => void = () => undefined;
    const ended = new Promise<void>((resolve) => (end = resolve));
    const done = sampleJob({ state: 'done', endedAt: 1, runId: 'run-1' });
    const listJobs = vi.fn(() => Promise.resolve(host.jobs));
    const watchJob = async () => {
      await ended;
      return done;
    };
    host.runs = [sampleRun('run-1')];
    show(<CompareScreen />, host, { handlers: { listJobs, watchJob } });
    await screen.findByRole('progressbar');
    host.jobs = [done];
    const asked = listJobs.mock.calls.length;
    await waitFor(() => expect(listJobs.mock.calls.length).toBeGreaterThan(asked + 1), { timeout: 8000 });
    expect(screen.getByRole('progressbar')).toBeTruthy();
    end();
    await waitFor(() => expect(window.location.hash).toBe('#/compare/run-1'));
  });

  test('is cancelled', async () => {
    const host = new CompareHost();
    host.jobs = [sampleJob()];
    show(<CompareScreen />, host);
    fireEvent.click(await screen.findByRole('button', { name: 'Cancel' }));
    await screen.findByRole('button', { name: 'Start' });
    expect(host.jobs[0]?.state).toBe('cancelled');
  });

  test('that was interrupted goes on where it was', async () => {
    const host = new CompareHost();
    host.jobs = [sampleJob({ state: 'interrupted', endedAt: 1, canResume: true })];
    show(<CompareScreen />, host);
    expect(await screen.findByText(/was interrupted$/)).toBeTruthy();
    fireEvent.click(screen.getByRole('button', { name: 'Resume' }));
    expect(await screen.findByRole('progressbar')).toBeTruthy();
  });

  test('that failed says why', async () => {
    const host = new CompareHost();
    host.jobs = [sampleJob()];
    show(<CompareScreen />, host);
    await screen.findByRole('progressbar');
    host.changeJob({
      state: 'failed',
      endedAt: 1,
      error: { code: 'disk-full', message: 'The disk is full.' },
    });
    expect(await screen.findByText(/failed: The disk is full\.$/)).toBeTruthy();
  });
});

async function showResult(options: PageOptions = {}) {
  window.location.hash = '#/compare/run-1';
  const host = new CompareHost();
  host.runs = [sampleRun('run-1')];
  const page = show(<CompareScreen />, host, options);
  await screen.findByRole('region', { name: 'Quality against size' });
  return { host, page };
}

describe('a result', () => {
  test('has every chart as a table, and saves it', async () => {
    const shell = testShell();
    await showResult({ shell });
    const panel = within(screen.getByRole('region', { name: 'Quality against size' }));
    expect(panel.getByText('B is closest to A: 0.000900 nats, 47 % smaller. D is beaten.')).toBeTruthy();
    for (const name of ['Quality against size', 'Speed and memory', 'Error by layer and tensor']) {
      const region = within(screen.getByRole('region', { name }));
      fireEvent.click(region.getByRole('radio', { name: 'table' }));
      expect(region.getByRole('table', { name: `${name}, table` })).toBeTruthy();
    }
    fireEvent.click(screen.getByRole('button', { name: 'Save variants as CSV' }));
    await waitFor(() => expect(shell.saved[0]?.fileName).toBe('retort-run-1-variants.csv'));
    expect(shell.saved[0]?.text.split('\r\n')[2]).toMatch(/^B Q8_0,8.50,136.7,0.000900,± 0.000045,99.0 %/);
  });

  test('shows both distributions of a token that keys go to', async () => {
    await showResult();
    const list = screen.getByRole('listbox', { name: 'Tokens as D saw them' });
    fireEvent.keyDown(list, { key: 'Enter' });
    expect(within(list).getByRole('option', { selected: true }).getAttribute('aria-label')).toMatch(
      /^token 16 “·into”, KL 0\.697 nats, probability 0\.\d+ in the reference, 0\.\d+ here$/,
    );
    const card = within(screen.getByRole('tooltip'));
    expect(card.getByText('A bf16')).toBeTruthy();
    expect(card.getByText('·about')).toBeTruthy();
    fireEvent.keyDown(list, { key: 'ArrowRight' });
    expect(screen.getByRole('tooltip').textContent).toMatch(/^token 17/);
    fireEvent.keyDown(list, { key: 'Escape' });
    expect(screen.queryByRole('tooltip')).toBeNull();
    fireEvent.click(screen.getByRole('radio', { name: 'own replies' }));
    expect(screen.queryByRole('listbox')).toBeNull();
  });

  test('of a model that is not in the library has no histogram, and says so', async () => {
    window.location.hash = '#/compare/run-1';
    const host = new CompareHost();
    const run = sampleRun('run-1');
    const columns = (run.figures['columns'] as object[]).map((column) => ({ ...column, model: null }));
    host.runs = [{ ...run, figures: { ...run.figures, columns } }];
    show(<CompareScreen />, host);
    expect(await screen.findByText(/a model of this comparison is not in the library/)).toBeTruthy();
  });

  test('is repeated, and missing says so', async () => {
    const { host, page } = await showResult();
    fireEvent.click(screen.getByRole('button', { name: 'Repeat' }));
    await screen.findByRole('progressbar');
    expect(host.jobs[0]?.id).toBe('job-2');
    page.unmount();
    window.location.hash = '#/compare/nothing';
    show(<CompareScreen />, host);
    expect(await screen.findByText('There is no run nothing.')).toBeTruthy();
  });
});

function runsHost(): CompareHost {
  const host = new CompareHost();
  host.runs = [sampleRun('run-1'), sampleBench('run-2', 2e11, 148.2), sampleBench('run-3', 1e11, 131.6)];
  return host;
}

describe('runs', () => {
  test('are filtered by kind and words', async () => {
    show(<RunsScreen />, runsHost());
    expect(await screen.findByText('3 kept')).toBeTruthy();
    fireEvent.click(screen.getByRole('radio', { name: 'benchmark' }));
    expect(screen.getByText('3 kept, 2 shown')).toBeTruthy();
    fireEvent.change(screen.getByRole('searchbox', { name: 'Filter runs' }), {
      target: { value: 'nothing' },
    });
    expect(screen.getByText('No run matches the filter.')).toBeTruthy();
  });

  test('are opened, exported and removed after a question', async () => {
    const shell = testShell();
    window.location.hash = '#/runs/run-1';
    const host = runsHost();
    show(<RunsScreen />, host, { shell });
    const details = within(await screen.findByRole('region', { name: 'bf16, Q8_0, Q4_1, RTN 3, g32' }));
    const menu = details.getByRole('button', { name: 'Export' });
    fireEvent.keyDown(menu, { key: 'Enter' });
    fireEvent.click(await screen.findByRole('menuitem', { name: 'HTML, one page' }));
    await waitFor(() =>
      expect(shell.saved).toEqual([{ fileName: 'retort-run-1.html', text: 'html of run-1' }]),
    );
    fireEvent.click(details.getByRole('button', { name: 'Remove…' }));
    fireEvent.click(within(screen.getByRole('dialog')).getByRole('button', { name: 'Remove' }));
    await screen.findByText('2 kept');
    expect(window.location.hash).toBe('#/runs');
  });

  test('stand beside each other, the older first', async () => {
    window.location.hash = '#/runs/run-2/run-3';
    show(<RunsScreen />, runsHost());
    const row = await screen.findByRole('row', { name: /^decode, tokens\/s/ });
    expect(row.textContent).toBe('decode, tokens/s131.6148.2+12.6 %yes');
    expect(screen.getByText('Same model, settings, machine and versions.')).toBeTruthy();
  });

  test('are none at first, and cannot always be read', async () => {
    const page = show(<RunsScreen />, new CompareHost());
    expect(await screen.findByText('No runs yet')).toBeTruthy();
    page.unmount();
    const listRuns = () => Promise.reject(new LabError('disk-full', 'The disk is full.'));
    show(<RunsScreen />, new CompareHost(), { handlers: { listRuns } });
    expect(await screen.findByText('The list of runs cannot be read.')).toBeTruthy();
  });

  test('wait for jobs, which are cancelled here too', async () => {
    const host = runsHost();
    host.jobs = [sampleJob()];
    show(<RunsScreen />, host);
    fireEvent.click(await screen.findByRole('button', { name: 'Cancel' }));
    await waitFor(() => expect(host.jobs[0]?.state).toBe('cancelled'));
  });
});
