import { describe, expect, test } from 'vitest';
import {
  addVariant,
  changeVariant,
  draftStore,
  fillModels,
  missingFrom,
  removeVariant,
  requestOf,
  resetDraft,
} from '../../renderer/features/compare/draft.ts';
import { errorCells, errorFinding, errorMap } from '../../renderer/features/compare/errors-map.ts';
import { jobFigures, phaseStart } from '../../renderer/features/compare/job-figures.ts';
import {
  applyUpdate,
  barGroups,
  comparisonOf,
  isWhole,
  klText,
  nothingYet,
  scatterFinding,
  scatterPoints,
  scatterView,
  variantRows,
  type Comparison,
} from '../../renderer/features/compare/result.ts';
import { klBars, partingOf, shownTokens, tokenFacts } from '../../renderer/features/compare/tokens.ts';
import { sampleBench, sampleRun, sampleUpdates } from '../helpers/compare-host.ts';
import { comparedFigures, figuresOf, figureText } from '../../renderer/features/runs/run-figures.ts';
import { changeText, differencesOf, pairRows } from '../../renderer/features/runs/run-pair.ts';
import {
  countText,
  filterRuns,
  headlineCell,
  headlineColumns,
} from '../../renderer/features/runs/run-list.ts';

const whole = comparisonOf(sampleRun('run-1'))!;
const forced = whole.forced!;

describe('a draft', () => {
  test('says what is missing, and asks for what was chosen', () => {
    resetDraft();
    expect(missingFrom(draftStore.getState())).toBe('Choose a model for A.');
    fillModels('tiny');
    expect(missingFrom(draftStore.getState())).toBeNull();
    expect(requestOf(draftStore.getState())).toMatchObject({
      variants: [
        { model: 'tiny', kvCodec: null },
        { model: 'tiny', kvCodec: 'q8' },
      ],
      prompt: { kind: 'chat' },
      quality: null,
    });
    addVariant();
    expect(missingFrom(draftStore.getState())).toMatch(/^C is the same as B/);
    expect(requestOf(draftStore.getState())).toBeNull();
    changeVariant(2, { arithmetic: 'reference' });
    expect(requestOf(draftStore.getState())?.variants[2]?.compute.arithmetic).toBe('reference');
    removeVariant(0);
    removeVariant(0);
    expect(draftStore.getState().variants).toHaveLength(2);
    draftStore.setState({ prompt: ' ' });
    expect(missingFrom(draftStore.getState())).toMatch(/^Write a prompt/);
    resetDraft();
  });
});

describe('a comparison', () => {
  test('grows with what its job tells, to what its run holds', () => {
    const states = sampleUpdates().reduce<Comparison[]>(
      (before, update) => [...before, applyUpdate(before.at(-1) ?? nothingYet, update)],
      [],
    );
    expect(states[0]).toMatchObject({
      columns: [null, null, null, null],
      prompt: 'Why does ice float on water?',
    });
    expect(isWhole(states[3]!)).toBe(false);
    expect(isWhole(states[4]!)).toBe(true);
    expect(scatterPoints(states[4]!)).toEqual([]);
    expect(states.at(-1)).toMatchObject({ labels: whole.labels, forced, quality: whole.quality });
  });

  test('of other figures is not shown as one', () => {
    expect(comparisonOf(sampleRun('x', { figures: { what: 1 } }))).toBeNull();
    expect(comparisonOf(sampleBench('x', 1, 100))).toBeNull();
  });

  test('tells which variants are worth their bytes', () => {
    const points = scatterPoints(whole);
    expect(points.map(({ letter, isBest }) => [letter, isBest])).toEqual([
      ['B', true],
      ['C', true],
      ['D', false],
    ]);
    expect(scatterFinding(points, whole.columns[0]!.weightsBytes)).toBe(
      'B is closest to A: 0.000900 nats, 47 % smaller. D is beaten.',
    );
    expect(scatterFinding([], 1)).toBeNull();
    const close = points.map((point) => ({ ...point, low: 0, high: 1 }));
    expect(scatterFinding(close, whole.columns[0]!.weightsBytes)).not.toContain('beaten');
  });

  test('writes intervals beside means, and KL to the figures that count', () => {
    const [reference, second] = variantRows(whole);
    expect(reference).toMatchObject({ letter: 'A', kl: '0', topOne: '100 %', bits: '16.00' });
    expect(second).toMatchObject({
      kl: '0.000900',
      klSpread: '± 0.000045',
      topOne: '99.0 %',
      topOneSpread: '± 0.6',
    });
    expect(second?.intervals).toMatch(/^95 %: perplexity .* to .*; mean KL .*; top-1, % /);
    expect([0, 1.23456, 0.0246, 3e-7].map(klText)).toEqual(['0', '1.23', '0.0246', '< 0.000001']);
    expect(barGroups(whole).map(({ bars }) => bars.length)).toEqual([4, 4, 4]);
  });

  test('without a text takes KL from the reply, without intervals', () => {
    const [, second] = variantRows({ ...whole, quality: null, readsText: false });
    expect(second).toMatchObject({ klSpread: '', topOne: '', perplexity: '' });
    expect(second?.kl).toBe(klText(forced.variants[0]!.meanKl));
  });

  test('waits for a text that is read later', () => {
    const states = sampleUpdates().map((_, count) =>
      sampleUpdates(count + 1).reduce<Comparison>(applyUpdate, nothingYet),
    );
    const [begun] = states;
    expect(begun?.readsText).toBe(true);
    expect(variantRows(begun!)[1]).toMatchObject({ topOne: '…', perplexity: '…' });
    expect(scatterPoints(begun!)).toEqual([]);
  });

  test('is drawn beside the size of the reference', () => {
    const { reference, points } = scatterView(whole, scatterPoints(whole), null);
    expect(reference).toEqual({ letter: 'A', x: 256.6 });
    expect(points).toHaveLength(3);
  });
});

describe('tokens', () => {
  test('are tinted by KL from a tenth of the scale on, the reference’s not at all', () => {
    expect(shownTokens(whole, 0, 'kl').every(({ step }) => step === 0)).toBe(true);
    const worst = shownTokens(whole, 3, 'kl');
    expect(worst[16]?.step).toBe(8);
    expect(worst.map(({ text }) => text).join('')).toBe(whole.columns[0]?.reply.text);
    expect(shownTokens(whole, 0, 'probability').some(({ step }) => step > 0)).toBe(true);
  });

  test('have both distributions, and where the variant parts', () => {
    const facts = tokenFacts(forced, 3, 16)!;
    expect(facts.likely[0]).toMatchObject({ piece: ' into' });
    expect(facts.variant).toBeLessThan(facts.reference);
    expect(facts.likely.length).toBeLessThanOrEqual(10);
    const most = facts.likely.map((row) => Math.max(row.reference ?? 0, row.variant ?? 0));
    expect(most).toEqual([...most].sort((left, right) => right - left));
    expect(tokenFacts(forced, 0, 16)).toMatchObject({ variant: null, kl: null });
    expect(tokenFacts(forced, 1, 999)).toBeNull();
    expect(partingOf(forced, 3)).toMatchObject({
      token: 16,
      said: { piece: ' into' },
      would: { piece: ' about' },
    });
    expect(partingOf(forced, 1)).toBeNull();
  });

  test('share bars where there is no room, the greatest of them shown', () => {
    expect(klBars([0.1, 0.9, 0.2, 3, 0], 3)).toEqual({ heights: [0.9, 1, 0], perBar: 2 });
    expect(klBars([], 10).heights).toEqual([]);
  });
});

describe('errors of weights', () => {
  test('stand by part and layer, on a scale of their variant', () => {
    const map = errorMap(whole.weights!, 2)!;
    expect([map.parts.length, map.layers]).toEqual([7, 30]);
    expect(map.others).toHaveLength(1);
    expect(Math.max(...errorCells(map).steps)).toBeLessThanOrEqual(9);
    const close = whole.weights!.errors.map((own) => own.map((_, index) => 0.1 + index * 1e-5));
    const narrow = errorMap({ ...whole.weights!, errors: close }, 2)!;
    expect(narrow).toMatchObject({ bottom: 0.1, top: 0.11 });
    expect(new Set(errorCells(narrow).steps).size).toBeGreaterThan(1);
    expect(errorFinding(map)).toMatch(/^Worst: layer 2\d, /);
    expect(errorMap(whole.weights!, 9)).toBeNull();
  });

  test('that are missing are no zeros', () => {
    const tensors = [{ name: 'layers.0.a.weight', layer: 0, part: 'a.weight', elements: 4 }];
    const map = errorMap({ tensors, errors: [[null], [0]] }, 0)!;
    expect([...errorCells(map).steps]).toEqual([10]);
    expect(errorFinding(map)).toBe('No matrix of a layer could be compared.');
    expect(errorFinding(errorMap({ tensors, errors: [[null], [0]] }, 1)!)).toBe(
      'Its weights are the reference’s.',
    );
  });
});

describe('a job', () => {
  test('has phase, done of total, rate and time left', () => {
    const at = (done: number) => ({ phase: 'bf16: reply', done, total: 100 });
    const start = phaseStart(null, at(0), 1000);
    expect(phaseStart(start, at(50), 3000)).toBe(start);
    expect(phaseStart(start, { phase: 'text', done: 0 }, 3000)).not.toBe(start);
    expect(jobFigures(at(50), start, 3000)).toEqual({
      title: 'bf16: reply',
      done: 50,
      total: 100,
      figures: ['50 of 100 tokens', '25.0 tokens/s', '2.0 s left'],
    });
    expect(jobFigures({ phase: '', done: 0, total: 0 }, null, 1)).toMatchObject({
      title: 'waiting to begin',
      figures: [],
    });
    expect(jobFigures({ phase: 'A: load weights', done: 0, total: 2 ** 20 }, null, 1).figures).toEqual([
      '0 B of 1.0 MiB',
    ]);
  });
});

describe('runs', () => {
  const runs = [sampleRun('run-1'), sampleBench('run-2', 2, 148.2), sampleBench('run-3', 1, 131.6)];
  const summaries = runs.map(({ machine, ...run }) => ({ ...run, machine: machine.cpu }));

  test('are filtered by every word, and have a column for each figure', () => {
    expect(filterRuns(summaries, 'ryzen benchmark').map(({ id }) => id)).toEqual(['run-2', 'run-3']);
    expect(filterRuns(summaries, 'nothing')).toEqual([]);
    expect(headlineColumns(summaries)[0]).toBe('decode, tokens/s');
    expect(headlineCell(summaries[1]!, 'decode, tokens/s')).toBe('148.2');
    expect(headlineCell(summaries[0]!, 'decode, tokens/s')).toBe('');
    expect(countText(38, 10)).toBe('38 kept, 10 shown');
  });

  test('are compared number by number, marked where intervals do not meet', () => {
    const rows = pairRows(runs[2]!, runs[1]!);
    const decode = rows.find(({ name }) => name === 'decode, tokens/s')!;
    expect(changeText(decode.change ?? 0)).toBe('+12.6 %');
    expect(decode.isBeyond).toBe(true);
    expect(rows.find(({ name }) => name === 'prompt tokens')).toMatchObject({ change: 0, isBeyond: null });
    expect(pairRows(runs[1]!, sampleBench('run-4', 3, 149))[1]?.isBeyond).toBe(false);
    expect(figuresOf(runs[0]!).some(({ name, low }) => name === 'Q8_0: perplexity' && low !== null)).toBe(
      true,
    );
  });

  test('write units, and times and sizes as people read them', () => {
    const run = sampleBench('run-9', 1, 100);
    const perToken = { timeNs: { total: 4_051_175 }, bytesTouched: 2 ** 20, kvBytes: 2 ** 19 };
    const speed = { tokensPerSecond: { min: 1, median: 2, max: 3 }, perToken };
    const figures = figuresOf({ ...run, figures: { prefill: speed, peakBytes: 3 * 2 ** 20, loadMs: 5 } });
    expect(figures.map(({ name, value }) => [name, value])).toEqual([
      ['prefill, tokens/s', 2],
      ['prefill per token time total, ms', 4.051175],
      ['prefill per token touched, MiB', 1],
      ['prefill per token kv, MiB', 0.5],
      ['peak, MiB', 3],
      ['load, ms', 5],
    ]);
  });

  test('of comparisons have a column for each variant, and meet where both have the same', () => {
    const { variants, rows } = comparedFigures(runs[0]!)!;
    expect(variants).toEqual(['bf16', 'Q8_0', 'Q4_1', 'RTN 3, g32']);
    const kl = rows.find(({ name }) => name === 'mean KL, nats')!;
    expect(kl.figures.map((figure) => figure?.value ?? null)).toEqual([null, 0.0009, 0.0446, 0.197]);
    const relabelled = (labels: readonly string[]) => {
      const { columns, ...rest } = runs[0]!.figures as unknown as { columns: object[] };
      const named = columns
        .slice(0, labels.length)
        .map((column, index) => ({ ...column, label: labels[index] }));
      return sampleRun('x', { figures: { ...rest, columns: named } as never });
    };
    const pair = pairRows(relabelled(['One a', 'One b']), relabelled(['One a', 'One a c', 'One b']));
    expect(pair.find(({ name }) => name === 'b: bits a weight')).toMatchObject({ left: {}, right: {} });
  });

  test('say what differs besides', () => {
    expect(differencesOf(runs[1]!, runs[2]!)).toEqual([]);
    const other = { ...runs[2]!, threads: 4, versions: { retort: '0.2.0', kernels: 'avx2' } };
    expect(differencesOf(runs[1]!, other)).toEqual(['threads: 2 → 4', 'retort version: 0.1.0 → 0.2.0']);
  });

  test('write numbers with the figures that count', () => {
    expect([512, 1578.9, 16.19, 2.5, 0.00042, 0].map(figureText)).toEqual([
      '512',
      '1,579',
      '16.19',
      '2.5',
      '0.00042',
      '0',
    ]);
  });
});
