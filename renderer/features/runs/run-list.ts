/** The list of runs as it is shown: filtered, with a column for each figure that any of them has. Pure. */
import type { RunKind, RunSummary } from '../../../electron/contract/host-contract.ts';
import { formatNumber } from '../../ui/format.ts';
import { nameFilter } from '../../ui/name-filter.ts';
import { figureText } from './run-figures.ts';

export const kindNames: Readonly<Record<RunKind, string>> = {
  generate: 'reply',
  logits: 'logits',
  perplexity: 'perplexity',
  bench: 'benchmark',
  compare: 'comparison',
};

export const whenText = (at: number): string =>
  new Date(at).toLocaleString('en-GB', {
    day: 'numeric',
    month: 'short',
    hour: '2-digit',
    minute: '2-digit',
  });

export function filterRuns(runs: readonly RunSummary[], words: string): readonly RunSummary[] {
  if (words.trim() === '') return runs;
  return runs.filter(
    ({ kind, title, modelName, machine, engine, arithmetic, at }) =>
      nameFilter('', words, [
        `${title} ${modelName} ${kindNames[kind]} ${machine} ${engine} ${arithmetic} ${whenText(at)}`,
      ]) > 0,
  );
}

const mostColumns = 6;

/** "decode, tokens/s": the commonest first. */
export function headlineColumns(runs: readonly RunSummary[]): string[] {
  const counts = new Map<string, number>();
  for (const { headlines } of runs) {
    for (const headline of headlines) {
      const name = headlineName(headline);
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
  }
  return [...counts]
    .sort(([, left], [, right]) => right - left)
    .slice(0, mostColumns)
    .map(([name]) => name);
}

type Headline = RunSummary['headlines'][number];
const headlineName = ({ name, unit }: Headline): string => (unit === '' ? name : `${name}, ${unit}`);

export function headlineCell({ headlines }: RunSummary, column: string): string {
  const found = headlines.find((headline) => headlineName(headline) === column);
  return found ? figureText(found.value) : '';
}

/** "38 kept, 10 shown". */
export function countText(kept: number, shown: number): string {
  return kept === shown
    ? `${formatNumber(kept)} kept`
    : `${formatNumber(kept)} kept, ${formatNumber(shown)} shown`;
}
