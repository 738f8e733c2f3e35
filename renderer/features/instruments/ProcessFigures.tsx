import type { MemoryReading } from '../../../electron/contract/machine.ts';
import { formatBytes } from '../../ui/format.ts';

const known = (bytes: number | null): string => (bytes === null ? 'not told here' : formatBytes(bytes));

/** Memory as the system counts it, process by process. */
export function ProcessFigures({ memory }: { readonly memory: MemoryReading | null }) {
  if (!memory) return null;
  const { engineRssBytes, enginePssBytes, appRssBytes, appPssBytes, systemFreeBytes, systemBytes } = memory;
  return (
    <table className="w-full border-t border-line pt-1 text-1 text-text-muted">
      <caption className="sr-only">Memory of processes and the system</caption>
      <thead>
        <tr>
          <th scope="col" className="pt-1 text-left font-normal">
            Process
          </th>
          <th
            scope="col"
            className="pt-1 text-right font-normal"
            title="Resident: all of its pages in memory"
          >
            RSS
          </th>
          <th
            scope="col"
            className="pt-1 text-right font-normal"
            title="Its own pages and its share of those it shares"
          >
            PSS
          </th>
        </tr>
      </thead>
      <tbody>
        <FigureRow label="engine" figures={[known(engineRssBytes), known(enginePssBytes)]} />
        <FigureRow label="app" figures={[formatBytes(appRssBytes), known(appPssBytes)]} />
        <tr>
          <th scope="row" className="text-left font-normal">
            system, free
          </th>
          <td colSpan={2} className="text-right text-text">
            {formatBytes(systemFreeBytes)} of {formatBytes(systemBytes)}
          </td>
        </tr>
      </tbody>
    </table>
  );
}

function FigureRow({ label, figures }: { readonly label: string; readonly figures: readonly string[] }) {
  return (
    <tr>
      <th scope="row" className="text-left font-normal">
        {label}
      </th>
      {figures.map((figure, index) => (
        <td key={index} className="text-right text-text">
          {figure}
        </td>
      ))}
    </tr>
  );
}
