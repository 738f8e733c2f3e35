/** The table in Markdown. */
import type { Machine } from './machine.ts';
import type { Outcome } from './rows/row.ts';
import { formatSeries } from './statistics.ts';

export interface Result {
  readonly name: string;
  readonly outcome: Outcome;
}

/** Where others used more of the processors than this, or a waiting engine did, the row says so. */
const noticeable = 0.05;

function disturbances({ quiet }: Outcome): string[] {
  if (!quiet) return [];
  const percent = (share: number) => `${(100 * share).toFixed(0)} %`;
  return [
    ...(quiet.others > noticeable ? [`**other work took ${percent(quiet.others)} of the processors**`] : []),
    ...(quiet.waiting > noticeable ? [`**a waiting engine took ${percent(quiet.waiting)} of one**`] : []),
  ];
}

export function tableRow({ name, outcome }: Result): string {
  const { series, checks, notes } = outcome;
  const targets = checks.map(({ target }) => target);
  const met = checks.map((check) => (check.met ? 'yes' : '**no**'));
  const remarks = [...notes, ...disturbances(outcome)];
  const cells = [[name], targets, series.map(formatSeries), met, remarks];
  return `| ${cells.map((lines) => lines.join('<br>')).join(' | ')} |`;
}

export const tableHead =
  '| work | target | minimum / median / maximum | met | remarks |\n|---|---|---|---|---|';

export function machineLines(machine: Machine, threads: number): string {
  const { processor, cores, memoryGiB, instructionSets, system, node } = machine;
  return (
    `${processor}, ${cores} cores, ${memoryGiB} GiB, ${instructionSets.join(' ')}; ` +
    `${system}; Node ${node}; ${threads} threads.`
  );
}
