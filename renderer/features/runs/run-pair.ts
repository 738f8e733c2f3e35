/** Two runs beside each other: their numbers, and what else was not the same. Pure. */
import type { PageRun } from '../../../electron/contract/page-contract.ts';
import { formatNumber } from '../../ui/format.ts';
import { figuresOf, words, type RunFigure, type Shown } from './run-figures.ts';

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
  const [of, and] = [figuresOf(left, right), figuresOf(right, left)];
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

/** More than these no one reads in a note. */
const mostDifferences = 12;

/** What was not the same: settings, files, machine, versions. */
export function differencesOf(left: PageRun, right: PageRun): string[] {
  const of = factsOf(left);
  const and = factsOf(right);
  const names = [...new Set([...Object.keys(of), ...Object.keys(and)])];
  const all = names.flatMap((name) =>
    of[name] === and[name] ? [] : [`${name}: ${short(of[name])} → ${short(and[name])}`],
  );
  const more = all.length - mostDifferences;
  return more > 0 ? [...all.slice(0, mostDifferences), `and ${more} more`] : all;
}

const longestFact = 40;
const short = (text = 'none'): string =>
  text.length > longestFact ? `${text.slice(0, longestFact)}…` : text;

function factsOf(run: PageRun): Record<string, string> {
  const { modelName, modelIdentity, engine, arithmetic, device, threads, seed, machine, versions } = run;
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
    ...Object.fromEntries(leavesOf(run.settings, [])),
  };
}

type Settings = PageRun['settings'][string];

/** Every setting by the names around it, those in lists by their number from 1. */
function leavesOf(value: Settings, around: readonly string[]): [name: string, text: string][] {
  if (typeof value !== 'object' || value === null) {
    return [[around.join(' '), value === null ? 'none' : String(value)]];
  }
  const entries = Array.isArray(value)
    ? value.map((part, index) => [String(index + 1), part] as const)
    : Object.entries(value).map(([name, part]) => [words(name), part] as const);
  return entries.flatMap(([name, part]) => leavesOf(part, [...around, name]));
}
