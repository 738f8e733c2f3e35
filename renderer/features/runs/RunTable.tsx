import { useMemo } from 'react';
import type { RunSummary } from '../../../electron/contract/host-contract.ts';
import { LongTable } from '../../charts/LongTable.tsx';
import { headlineCell, headlineColumns, kindNames, whenText } from './run-list.ts';

const [headHeight, rowHeight] = [25, 28];
const mostRows = 10;

/** By how many runs are chosen. */
const hints = [
  'Open a run by its name, or check two to see them side by side.',
  'Check another run to see both side by side.',
  'Two runs stand side by side below; a third takes the place of the first.',
];

/** Newest first. `chosen`: one that is opened, or two beside each other. */
export function RunTable({
  runs,
  chosen,
  onChoose,
}: {
  readonly runs: readonly RunSummary[];
  readonly chosen: readonly string[];
  readonly onChoose: (first: string | null, second: string | null) => void;
}) {
  const columns = useMemo(() => headlineColumns(runs), [runs]);
  const toggle = (id: string) => {
    const next = chosen.includes(id) ? chosen.filter((other) => other !== id) : [...chosen, id].slice(-2);
    onChoose(next[0] ?? null, next[1] ?? null);
  };
  if (runs.length === 0) return <p className="text-text-muted">No run matches the filter.</p>;
  return (
    <section aria-label="Runs" className="overflow-hidden rounded-2 border border-line bg-surface-raised">
      <div style={{ height: Math.min(mostRows, runs.length) * rowHeight + headHeight }} className="grid">
        <LongTable
          label="Runs"
          columns={[
            { name: 'Choose', hidesName: true },
            { name: 'When' },
            { name: 'What' },
            { name: 'Run', isWide: true },
            { name: 'Machine' },
            ...columns.map((name) => ({ name, isFigure: true })),
          ]}
          rowCount={runs.length}
          isMarked={(index) => chosen.includes(runs[index]?.id ?? '')}
          row={(index) => {
            const run = runs[index];
            if (!run) return [];
            const isChosen = chosen.includes(run.id);
            return [
              <input
                key="choose"
                type="checkbox"
                aria-label={`${run.title}, ${whenText(run.at)}`}
                checked={isChosen}
                onChange={() => toggle(run.id)}
                className="size-3.5 align-middle accent-accent"
              />,
              whenText(run.at),
              <span key="kind" className="text-text-muted">
                {kindNames[run.kind]}
              </span>,
              <button
                key="open"
                type="button"
                aria-current={isChosen}
                onClick={() => onChoose(run.id, null)}
                title={run.title}
                className="block max-w-full cursor-default truncate text-left underline-offset-2 hover:underline aria-[current=true]:font-strong aria-[current=true]:text-accent"
              >
                {run.title}
              </button>,
              <span key="machine" className="block max-w-44 truncate text-text-muted" title={run.machine}>
                {run.machine}
              </span>,
              ...columns.map((column) => headlineCell(run, column)),
            ];
          }}
        />
      </div>
      <p className="border-t border-line px-3 py-1 text-1 text-text-muted">{hints[chosen.length]}</p>
    </section>
  );
}
