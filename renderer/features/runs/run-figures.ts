/** The numbers of a run, and of two beside each other. Pure. */
import { CompareResult, type Interval } from '../../../electron/contract/compare.ts';
import { shortLabels } from '../../../electron/contract/compare-labels.ts';
import type { PageRun } from '../../../electron/contract/page-contract.ts';
import { formatFigures, formatNumber } from '../../ui/format.ts';

type Shown = Pick<PageRun, 'kind' | 'figures'>;

export interface RunFigure {
  readonly name: string;
  readonly value: number;
  /** Where the value may lie as well; null: it is not known. */
  readonly low: number | null;
  readonly high: number | null;
}

const exact = (name: string, value: number): RunFigure => ({ name, value, low: null, high: null });
const within = (name: string, { value, low, high }: Interval): RunFigure => ({ name, value, low, high });

export function figuresOf(run: Shown): RunFigure[] {
  const result = run.kind === 'compare' ? CompareResult.safeParse(run.figures).data : undefined;
  return result ? comparedFigures(result) : numbersIn(run.figures, []);
}

function comparedFigures({ columns, quality, forced }: CompareResult): RunFigure[] {
  const labels = shortLabels(columns.map(({ label }) => label));
  return columns.flatMap(({ weightsBytes, bitsPerWeight, speed }, index) => {
    const measured = quality?.columns[index];
    const onReply = forced.variants[index - 1];
    const name = (what: string) => `${labels[index] ?? ''}: ${what}`;
    return [
      exact(name('bits a weight'), bitsPerWeight),
      exact(name('size, MiB'), weightsBytes / 2 ** 20),
      exact(name('decode, tokens/s'), speed.decodeTokensPerSecond),
      exact(name('prefill, tokens/s'), speed.prefillTokensPerSecond),
      exact(name('first token, ms'), speed.firstTokenMs),
      exact(name('most memory, MiB'), speed.peakBytes / 2 ** 20),
      ...(measured ? [within(name('perplexity'), measured.perplexity)] : []),
      ...(measured?.kl ? [within(name('mean KL, nats'), measured.kl.mean)] : []),
      ...(measured?.topOneAgreement ? [within(name('top-1 agreement'), measured.topOneAgreement)] : []),
      ...(onReply ? [exact(name('mean KL on the reply, nats'), onReply.meanKl)] : []),
    ];
  });
}

type Figures = PageRun['figures'];

/** Every number by the names around it; lists are left out. Of least, median and most: the median within the others. */
function numbersIn(figures: Figures, around: readonly string[]): RunFigure[] {
  return Object.entries(figures).flatMap(([name, value]): RunFigure[] => {
    const names = [...around, words(name)];
    if (typeof value === 'number') return [exact(names.join(' '), value)];
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return [];
    const { min, median, max } = value;
    return typeof min === 'number' && typeof median === 'number' && typeof max === 'number'
      ? [{ name: names.join(' '), value: median, low: min, high: max }]
      : numbersIn(value, names);
  });
}

/** "decode tokens per second" of decodeTokensPerSecond. */
const words = (name: string): string => name.replaceAll(/([a-z\d])([A-Z])/g, '$1 $2').toLowerCase();

/** As many figures as say something. */
export function figureText(value: number): string {
  return Number.isInteger(value) || Math.abs(value) >= 1000 ? formatNumber(value) : formatFigures(value, 4);
}

export interface PairRow {
  readonly name: string;
  readonly left: RunFigure | null;
  readonly right: RunFigure | null;
  /** From left to right, as a part of left; null: one is missing, or left is 0. */
  readonly change: number | null;
  /** Where intervals are known: they do not meet. Else null. */
  readonly isBeyond: boolean | null;
}

export function pairRows(left: Shown, right: Shown): PairRow[] {
  const [of, and] = [figuresOf(left), figuresOf(right)];
  const names = [...new Set([...of, ...and].map(({ name }) => name))];
  return names.map((name) => {
    const before = of.find((figure) => figure.name === name) ?? null;
    const after = and.find((figure) => figure.name === name) ?? null;
    const change = before && after && before.value !== 0 ? after.value / before.value - 1 : null;
    return { name, left: before, right: after, change, isBeyond: before && after && areApart(before, after) };
  });
}

function areApart(left: RunFigure, right: RunFigure): boolean | null {
  if (left.low === null || left.high === null || right.low === null || right.high === null) return null;
  return left.high < right.low || right.high < left.low;
}

/** "+12.6 %". */
export function changeText(change: number): string {
  const percent = change * 100;
  if (Math.abs(percent) < 0.05) return '±0 %';
  return `${percent > 0 ? '+' : ''}${formatNumber(percent, 1)} %`;
}

/** What was not the same: settings, files, machine, versions. */
export function differencesOf(left: PageRun, right: PageRun): string[] {
  const of = factsOf(left);
  const and = factsOf(right);
  const names = [...new Set([...Object.keys(of), ...Object.keys(and)])];
  return names.flatMap((name) =>
    of[name] === and[name] ? [] : [`${name}: ${short(of[name])} → ${short(and[name])}`],
  );
}

const longestFact = 40;
const short = (text = 'none'): string =>
  text.length > longestFact ? `${text.slice(0, longestFact)}…` : text;

/** The same for the same values, in whatever order they were written. */
const sortedText = (value: unknown): string =>
  JSON.stringify(value, (_name, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([left], [right]) => (left < right ? -1 : 1)))
      : part,
  );

function factsOf(run: PageRun): Record<string, string> {
  const { modelName, modelIdentity, engine, arithmetic, device, threads, seed, machine, versions, settings } =
    run;
  return {
    model: modelName,
    file: modelIdentity.slice(0, 12),
    engine,
    arithmetic,
    device,
    threads: String(threads),
    seed: seed === null ? 'none' : String(seed),
    machine: machine.cpu,
    ...Object.fromEntries(Object.entries(versions).map(([name, version]) => [`${name} version`, version])),
    ...Object.fromEntries(
      Object.entries(settings).map(([name, value]) => [
        words(name),
        typeof value === 'string' ? value : sortedText(value),
      ]),
    ),
  };
}
