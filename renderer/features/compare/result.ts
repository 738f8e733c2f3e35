/** A comparison as far as it is there, in figures and words. Pure. */
import { z } from 'zod';
import {
  CompareResult,
  type CompareColumn,
  type CompareForced,
  type CompareQuality,
  type CompareWeights,
  type Interval,
  type QualityColumn,
} from '../../../electron/contract/compare.ts';
import { shortLabels } from '../../../electron/contract/compare-labels.ts';
import type { JobUpdate, PageRun } from '../../../electron/contract/page-contract.ts';
import type { BarGroup } from '../../charts/draw-bars.ts';
import type { ScatterPoint, ScatterView } from '../../charts/draw-scatter.ts';
import type { FigureTableData } from '../../charts/FigureTable.tsx';
import { formatBytes, formatFigures, formatMilliseconds, formatNumber, formatRate } from '../../ui/format.ts';
import { letterOf } from './draft.ts';

export interface Comparison {
  readonly labels: readonly string[];
  /** The prompt's text. */
  readonly prompt: string;
  /** Null: not measured yet. The first is the reference. */
  readonly columns: readonly (CompareColumn | null)[];
  readonly forced: CompareForced | null;
  /** A text is read for quality, now or later. */
  readonly readsText: boolean;
  readonly quality: CompareQuality | null;
  readonly weights: CompareWeights | null;
}

export const nothingYet: Comparison = {
  labels: [],
  prompt: '',
  columns: [],
  forced: null,
  readsText: false,
  quality: null,
  weights: null,
};

/** Takes what a job told. */
export function applyUpdate(before: Comparison, update: JobUpdate): Comparison {
  switch (update.type) {
    case 'comparison': {
      const { prompt, quality } = update.comparison;
      const labels = shortLabels(update.comparison.labels);
      const columns = labels.map((_, index) => before.columns[index] ?? null);
      return { ...before, labels, columns, prompt: promptText(prompt), readsText: quality !== null };
    }
    case 'column': {
      const columns = [...before.columns];
      while (columns.length <= update.index) columns.push(null);
      columns[update.index] = update.column;
      return { ...before, columns };
    }
    case 'forced':
      return { ...before, forced: update.forced };
    case 'quality':
      return { ...before, quality: update.quality };
    case 'weights':
      return { ...before, weights: update.weights };
    case 'begun':
    case 'job':
    case 'progress':
      return before;
  }
}

const Prompt = z.union([
  z.object({ kind: z.literal('chat'), messages: z.array(z.object({ content: z.string() })) }),
  z.object({ kind: z.literal('text'), text: z.string() }),
]);

function promptText(prompt: z.infer<typeof Prompt>): string {
  return prompt.kind === 'text' ? prompt.text : (prompt.messages.at(-1)?.content ?? '');
}

/** Null where the record has other figures, as one of another Retort may. */
export function comparisonOf(run: Pick<PageRun, 'kind' | 'figures' | 'settings'>): Comparison | null {
  if (run.kind !== 'compare') return null;
  const result = CompareResult.safeParse(run.figures).data;
  if (!result) return null;
  const prompt = Prompt.safeParse(run.settings['prompt']).data;
  return {
    ...result,
    readsText: result.quality !== null,
    labels: shortLabels(result.columns.map(({ label }) => label)),
    prompt: prompt ? promptText(prompt) : '',
  };
}

export const isWhole = ({ columns }: Comparison): boolean =>
  columns.length > 0 && columns.every((column) => column !== null);

const waiting = '…';

/** "16.19 to 16.24"; null: nothing is known of it. */
export function rangeText({ low, high }: Interval, digits: number, factor = 1): string | null {
  if (low === null || high === null) return null;
  return `${formatNumber(low * factor, digits)} to ${formatNumber(high * factor, digits)}`;
}

/** KL to three figures that count, however small: "0.0246", "0.00420". */
export function klText(value: number): string {
  if (value === 0) return '0';
  if (value < 1e-6) return '< 0.000001';
  return formatNumber(value, Math.max(0, 2 - Math.floor(Math.log10(value))));
}

const percent = (share: number, digits = 1): string => `${formatNumber(share * 100, digits)} %`;

/** Of a variant: on the text where there is one, else on the reply. */
export interface Divergence {
  readonly mean: number;
  readonly interval: Interval | null;
}

/** Null for the reference, and where it is not known yet. `index`: of all variants. */
export function divergenceOf({ quality, forced }: Comparison, index: number): Divergence | null {
  if (index === 0) return null;
  const onText = quality?.columns[index]?.kl?.mean;
  if (onText) return { mean: onText.value, interval: onText };
  const onReply = forced?.variants[index - 1];
  return onReply ? { mean: onReply.meanKl, interval: null } : null;
}

/** Size against divergence of all but the reference; `isBest`: no other is smaller and closer to it. */
export function scatterPoints(comparison: Comparison): ScatterPoint[] {
  const points = comparison.columns.flatMap((column, index) => {
    const divergence = divergenceOf(comparison, index);
    if (!column || !divergence) return [];
    const { mean, interval } = divergence;
    return [
      {
        letter: letterOf(index),
        name: comparison.labels[index] ?? '',
        x: column.weightsBytes / 2 ** 20,
        y: mean,
        low: interval?.low ?? null,
        high: interval?.high ?? null,
      },
    ];
  });
  return points.map((point) => ({ ...point, isBest: !points.some((other) => isBetter(other, point)) }));
}

export function scatterView(
  { columns }: Comparison,
  points: readonly ScatterPoint[],
  marked: string | null,
): ScatterView {
  const [first] = columns;
  const reference = first ? { letter: letterOf(0), x: first.weightsBytes / 2 ** 20 } : null;
  return { points, marked, reference, xName: 'size, MiB', yName: 'mean KL, nats' };
}

interface Place {
  readonly x: number;
  readonly y: number;
}

const isBetter = (one: Place, other: Place): boolean =>
  one.x <= other.x && one.y <= other.y && (one.x < other.x || one.y < other.y);

/** Also where their intervals are looked at. */
const isSurelyBetter = (one: ScatterPoint, other: ScatterPoint): boolean =>
  one.x <= other.x && (one.high ?? one.y) < (other.low ?? other.y);

/** Its shortest true sentence; null: there is none. `referenceBytes`: what the reference's weights take. */
export function scatterFinding(points: readonly ScatterPoint[], referenceBytes: number): string | null {
  const [first] = points;
  if (!first) return null;
  const closest = points.reduce((best, point) => (point.y < best.y ? point : best), first);
  const beaten = points.find((point) => points.some((other) => isSurelyBetter(other, point)));
  const saved = 1 - (closest.x * 2 ** 20) / referenceBytes;
  const size =
    Math.abs(saved) < 0.005
      ? ', of the same size'
      : `, ${percent(Math.abs(saved), 0)} ${saved > 0 ? 'smaller' : 'larger'}`;
  const best = `${closest.letter} is closest to A: ${klText(closest.y)} nats${size}.`;
  return beaten ? `${best} ${beaten.letter} is beaten.` : best;
}

export function scatterTable(points: readonly ScatterPoint[]): FigureTableData {
  return {
    columns: ['Variant', 'size, MiB', 'mean KL, nats', 'low', 'high', 'on the Pareto line'],
    rows: points.map(({ letter, name, x, y, low, high, isBest }) => [
      `${letter} ${name}`,
      formatNumber(x, 1),
      klText(y),
      low === null ? '' : klText(Math.max(0, low)),
      high === null ? '' : klText(high),
      isBest ? 'yes' : 'no',
    ]),
  };
}

/** Figures of speed and memory, one bar a variant. */
export function barGroups({ columns }: Comparison): BarGroup[] {
  const group = (
    name: string,
    role: string,
    value: (column: CompareColumn) => number,
    write: (value: number) => string,
  ): BarGroup => ({
    name,
    role,
    bars: columns.map((column, index) => ({
      name: letterOf(index),
      value: column ? value(column) : 0,
      text: column ? write(value(column)) : waiting,
    })),
  });
  return [
    group('decode, tokens/s', '--accent', ({ speed }) => speed.decodeTokensPerSecond, formatRate),
    group('first token, ms', '--mem-cache', ({ speed }) => speed.firstTokenMs, formatMilliseconds),
    group('most memory', '--mem-weights', ({ speed }) => speed.peakBytes, formatBytes),
  ];
}

export function barTable({ columns, labels }: Comparison): FigureTableData {
  return {
    columns: ['Variant', 'prefill, tokens/s', 'decode, tokens/s', 'first token, ms', 'load, ms', 'most memory, MiB', 'KV, MiB'],
    rows: columns.flatMap((column, index) => {
      if (!column) return [];
      const { prefillTokensPerSecond, decodeTokensPerSecond, firstTokenMs, loadMs, peakBytes, kvBytes } =
        column.speed;
      return [
        [
          `${letterOf(index)} ${labels[index] ?? ''}`,
          formatRate(prefillTokensPerSecond),
          formatRate(decodeTokensPerSecond),
          formatNumber(firstTokenMs, 1),
          formatNumber(loadMs),
          formatNumber(peakBytes / 2 ** 20, 1),
          formatNumber(kvBytes / 2 ** 20, 1),
        ],
      ];
    }),
  }; // prettier-ignore
}

export interface VariantRow {
  readonly letter: string;
  readonly label: string;
  /** How it was computed. */
  readonly settings: string;
  readonly bits: string;
  readonly size: string;
  readonly kl: string;
  /** ± of it; '': not known. */
  readonly klSpread: string;
  readonly topOne: string;
  readonly topOneSpread: string;
  readonly perplexity: string;
  readonly perplexitySpread: string;
  readonly tokensPerSecond: string;
  readonly firstToken: string;
  readonly peak: string;
  /** All of its intervals, in words. */
  readonly intervals: string;
}

export function variantRows(comparison: Comparison): VariantRow[] {
  return comparison.labels.map((label, index) => {
    const column = comparison.columns[index] ?? null;
    const quality = comparison.quality?.columns[index];
    const pending = comparison.readsText ? waiting : '';
    return {
      letter: letterOf(index),
      label,
      settings: column ? settingsText(column) : '',
      bits: column ? formatNumber(column.bitsPerWeight, 2) : waiting,
      size: column ? formatNumber(column.weightsBytes / 2 ** 20, 1) : waiting,
      ...klCells(comparison, index),
      topOne: quality ? topOneText(quality, index) : pending,
      topOneSpread: spreadText(quality?.topOneAgreement, (half) => formatNumber(half * 100, 1)),
      perplexity: quality ? perplexityText(quality.perplexity.value) : pending,
      perplexitySpread: spreadText(quality?.perplexity, (half) => formatFigures(half, 3)),
      tokensPerSecond: column ? formatRate(column.speed.decodeTokensPerSecond) : waiting,
      firstToken: column ? formatNumber(column.speed.firstTokenMs) : waiting,
      peak: column ? formatNumber(column.speed.peakBytes / 2 ** 20) : waiting,
      intervals: quality ? intervalsText(quality) : '',
    };
  });
}

function klCells(comparison: Comparison, index: number): Pick<VariantRow, 'kl' | 'klSpread'> {
  if (index === 0) return { kl: '0', klSpread: '' };
  const divergence = divergenceOf(comparison, index);
  if (!divergence) return { kl: waiting, klSpread: '' };
  const { mean, interval } = divergence;
  return { kl: klText(mean), klSpread: spreadText(interval, (half) => formatFigures(half, 2)) };
}

/** ± half of an interval; '': there is none. */
function spreadText(interval: Interval | null | undefined, write: (half: number) => string): string {
  if (!interval || interval.low === null || interval.high === null) return '';
  return `± ${write((interval.high - interval.low) / 2)}`;
}

const topOneText = ({ topOneAgreement }: QualityColumn, index: number): string =>
  index === 0 ? '100 %' : topOneAgreement ? percent(topOneAgreement.value) : '';

/** Beyond a thousand no one reads hundredths. */
const perplexityText = (value: number): string => formatNumber(value, value < 1000 ? 2 : 0);

function intervalsText({ perplexity, kl, topOneAgreement }: QualityColumn): string {
  const parts = [
    [`perplexity`, rangeText(perplexity, 3)],
    ['mean KL', kl && rangeText(kl.mean, 5)],
    ['top-1, %', topOneAgreement && rangeText(topOneAgreement, 2, 100)],
  ] as const;
  const known = parts.flatMap(([name, range]) => (range === null ? [] : [`${name} ${range}`]));
  return known.length === 0 ? 'Too few tokens for an interval.' : `95 %: ${known.join('; ')}`;
}

/** "native, fast, f16 cache". */
export function settingsText({
  engine,
  arithmetic,
  kvCodec,
  residency,
  memoryBudgetBytes,
}: CompareColumn): string {
  const budget = memoryBudgetBytes === null ? '' : ` within ${formatBytes(memoryBudgetBytes)}`;
  return [
    engine,
    arithmetic,
    `${kvCodec} cache`,
    ...(residency === 'streamed' ? [`streamed${budget}`] : []),
  ].join(', ');
}

export function qualityTable(comparison: Comparison): FigureTableData {
  const rows = variantRows(comparison);
  return {
    columns: ['Variant', 'bits a weight', 'size, MiB', 'mean KL, nats', '± nats', 'top-1', '± %', 'perplexity', '± perplexity', 'tokens/s', 'first token, ms', 'most memory, MiB', 'intervals'],
    rows: rows.map((row) => [
      `${row.letter} ${row.label}`,
      row.bits,
      row.size,
      row.kl,
      row.klSpread,
      row.topOne,
      row.topOneSpread,
      row.perplexity,
      row.perplexitySpread,
      row.tokensPerSecond,
      row.firstToken,
      row.peak,
      row.intervals,
    ]),
  }; // prettier-ignore
}

/** "20,480 tokens in 40 windows of 512"; null: no text was read. */
export function qualityNote({ quality }: Comparison): string | null {
  if (!quality) return null;
  const { tokens, windows, context } = quality;
  return `${formatNumber(tokens)} tokens in ${formatNumber(windows)} ${windows === 1 ? 'window' : 'windows'} of ${formatNumber(context)}`;
}
