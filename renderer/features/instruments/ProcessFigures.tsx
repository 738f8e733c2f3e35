import type { MemoryReading } from '../../../electron/contract/machine.ts';
import { formatBytes } from '../../ui/format.ts';

const known = (bytes: number | null): string => (bytes === null ? 'not told here' : formatBytes(bytes));

/** Memory as the system counts it, process by process. RSS: all of its pages in memory. PSS: its own, and its share of those it shares. */
export function ProcessFigures({ memory }: { readonly memory: MemoryReading | null }) {
  if (!memory) return null;
  const { engineRssBytes, enginePssBytes, appRssBytes, appPssBytes, systemFreeBytes, systemBytes } = memory;
  return (
    <dl aria-label="Memory of processes and the system" className="border-t border-line pt-1 text-1">
      <Process label="engine" rss={known(engineRssBytes)} pss={known(enginePssBytes)} />
      <Process label="app" rss={formatBytes(appRssBytes)} pss={known(appPssBytes)} />
      <div className="flex justify-between">
        <dt className="text-text-muted">system, free</dt>
        <dd>
          {formatBytes(systemFreeBytes)} <span className="text-text-muted">of</span>{' '}
          {formatBytes(systemBytes)}
        </dd>
      </div>
    </dl>
  );
}

function Process({
  label,
  rss,
  pss,
}: {
  readonly label: string;
  readonly rss: string;
  readonly pss: string;
}) {
  return (
    <div className="grid grid-cols-[1fr_auto_96px] gap-x-3">
      <dt className="text-text-muted">{label}</dt>
      <dd>
        <span className="text-text-muted">RSS</span> {rss}
      </dd>
      <dd className="text-right">
        <span className="text-text-muted">PSS</span> {pss}
      </dd>
    </div>
  );
}
