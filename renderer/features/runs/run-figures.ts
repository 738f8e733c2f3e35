/** The numbers of a run, and of two beside each other. Pure. */
import { CompareResult, type CompareColumn, type Interval } from '../../../electron/contract/compare.ts';
import { shortLabels } from '../../../electron/contract/compare-labels.ts';
import type { PageRun } from '../../../electron/contract/page-contract.ts';
import { formatFigures, formatNumber } from '../../ui/format.ts';

export type Shown = Pick<PageRun, 'kind' | 'figures'>;

export interface RunFigure {
  readonly name: string;
  readonly value: number;
  /** Where the value may lie as well; null: it is not known. */
  readonly low: number | null;
  readonly high: number | null;
}

const exact = (name: string, value: number): RunFigure => ({ name, value, low: null, high: null });
const within = (name: string, { value, low, high }: Interval): RunFigure => ({ name, value, low, high });

/** `beside`: a run whose variants stand beside this one's, so that both are called alike. */
export function figuresOf(run: Shown, beside: Shown = run): RunFigure[] {
  const compared = comparedFigures(run);
  if (!compared) return numbersIn(run.figures, []);
  const names = shortLabels([...labelsOf(run), ...labelsOf(beside)]);
  return compared.variants.flatMap((_, index) =>
    compared.rows.flatMap(({ name, figures }) => {
      const figure = figures[index];
      return figure ? [{ ...figure, name: `${names[index]}: ${name}` }] : [];
    }),
  );
}

const inPercent = (share: Interval | null | undefined): Interval | null =>
  share
    ? { value: share.value * 100, low: share.low && share.low * 100, high: share.high && share.high * 100 }
    : null;

/** The figures of a comparison, a column for each variant. */
export interface ComparedFigures {
  readonly variants: readonly string[];
  readonly rows: readonly { readonly name: string; readonly figures: readonly (RunFigure | null)[] }[];
}

const resultOf = ({ kind, figures }: Shown): CompareResult | null =>
  (kind === 'compare' && CompareResult.safeParse(figures).data) || null;

const labelsOf = (run: Shown): string[] => resultOf(run)?.columns.map(({ label }) => label) ?? [];

/** Null: it is no comparison, or of another Retort's figures. */
export function comparedFigures(run: Shown): ComparedFigures | null {
  const result = resultOf(run);
  if (!result) return null;
  const { columns, quality, forced } = result;
  const measured = (
    name: string,
    figure: (column: CompareColumn, index: number) => number | Interval | null | undefined,
  ) => ({
    name,
    figures: columns.map((column, index) => {
      const value = figure(column, index) ?? null;
      return typeof value === 'number' ? exact(name, value) : value && within(name, value);
    }),
  });
  const rows = [
    measured('bits a weight', ({ bitsPerWeight }) => bitsPerWeight),
    measured('size, MiB', ({ weightsBytes }) => weightsBytes / 2 ** 20),
    measured('decode, tokens/s', ({ speed }) => speed.decodeTokensPerSecond),
    measured('prefill, tokens/s', ({ speed }) => speed.prefillTokensPerSecond),
    measured('first token, ms', ({ speed }) => speed.firstTokenMs),
    measured('most memory, MiB', ({ speed }) => speed.peakBytes / 2 ** 20),
    measured('perplexity', (_, index) => quality?.columns[index]?.perplexity),
    measured('mean KL, nats', (_, index) => quality?.columns[index]?.kl?.mean),
    measured('top-1 agreement, %', (_, index) => inPercent(quality?.columns[index]?.topOneAgreement)),
    measured('mean KL on the reply, nats', (_, index) => forced.variants[index - 1]?.meanKl),
  ];
  return {
    variants: shortLabels(labelsOf(run)),
    rows: rows.filter(({ figures }) => figures.some((figure) => figure !== null)),
  };
}

type Figures = PageRun['figures'];

/** Every number by the names around it; lists are left out. Of least, median and most: the median within the others. */
function numbersIn(figures: Figures, around: readonly string[]): RunFigure[] {
  return Object.entries(figures).flatMap(([name, value]): RunFigure[] => {
    const names = [...around, name];
    if (typeof value === 'number') return [namedFigure(names, exact('', value))];
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return [];
    const { min, median, max } = value;
    return typeof min === 'number' && typeof median === 'number' && typeof max === 'number'
      ? [namedFigure(names, { name: '', value: median, low: min, high: max })]
      : numbersIn(value, names);
  });
}

/** What the end of a name says of its unit, and what a value is multiplied by to be shown in it. */
const units: readonly { readonly ending: RegExp; readonly unit: string; readonly factor: number }[] = [
  { ending: /tokensPerSecond$/i, unit: 'tokens/s', factor: 1 },
  { ending: /bytesPerSecond$/i, unit: 'MiB/s', factor: 2 ** -20 },
  { ending: /bytes$/i, unit: 'MiB', factor: 2 ** -20 },
  { ending: /^bytes/, unit: 'MiB', factor: 2 ** -20 },
  { ending: /Ns$/, unit: 'ms', factor: 1e-6 },
  { ending: /Ms$/, unit: 'ms', factor: 1 },
];

/** "decode time, ms" of decode, timeNs. */
function namedFigure(names: readonly string[], { value, low, high }: RunFigure): RunFigure {
  const known = units.find(({ ending }) => names.some((name) => ending.test(name)));
  if (!known) return { name: names.map(words).join(' '), value, low, high };
  const { ending, unit, factor } = known;
  const bare = names.map((name) => words(name.replace(ending, ''))).filter((word) => word !== '');
  const scaled = (end: number | null) => end && end * factor;
  return {
    name: `${bare.join(' ')}, ${unit}`.replace(/^, /, ''),
    value: value * factor,
    low: scaled(low),
    high: scaled(high),
  };
}

/** "per token" of perToken. */
export const words = (name: string): string => name.replaceAll(/([a-z\d])([A-Z])/g, '$1 $2').toLowerCase();

/** As many figures as say something. */
export function figureText(value: number): string {
  return Number.isInteger(value) || Math.abs(value) >= 1000 ? formatNumber(value) : formatFigures(value, 4);
}
