import type { ModelSummary } from '../../../electron/contract/model-summary.ts';
import { formatBytes, formatCount, formatNumber } from '../../ui/format.ts';
import { Panel } from '../../ui/Panel.tsx';
import { detailFacts, typeShares } from './facts.ts';

/** What the files hold: types by bytes, how the model is made, the files themselves. */
export function ContentsPanel({ summary }: { readonly summary: ModelSummary }) {
  return (
    <Panel title="In the files">
      <div
        className="scrollable grid min-h-0 content-start gap-3 px-3 pb-3"
        tabIndex={0}
        role="group"
        aria-label="In the files"
      >
        <Types summary={summary} />
        <dl className="grid grid-cols-[auto_minmax(0,1fr)] gap-x-3">
          {detailFacts(summary).map(({ label, value }) => (
            <div key={label} className="col-span-2 grid grid-cols-subgrid">
              <dt className="text-text-muted">{label}</dt>
              <dd className="truncate" title={value}>
                {value}
              </dd>
            </div>
          ))}
        </dl>
        <table className="w-full text-1">
          <caption className="text-left text-text-muted">{formatCount(summary.files.length, 'file')}</caption>
          <tbody>
            {summary.files.map(({ name, bytes }) => (
              <tr key={name}>
                <td className="max-w-0 truncate" title={name}>
                  {name}
                </td>
                <td className="w-20 text-right">{formatBytes(bytes)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  );
}

function Types({ summary }: { readonly summary: ModelSummary }) {
  return (
    <table className="w-full text-1" aria-label="Weights by type">
      <tbody>
        {typeShares(summary).map(({ type, bytes, share }) => (
          <tr key={type}>
            <th scope="row" className="w-14 text-left font-normal">
              {type}
            </th>
            <td>
              <i
                aria-hidden="true"
                className="block h-2 rounded-[1px] bg-mem-cache"
                style={{ width: `${Math.max(0.5, share * 100)}%` }}
              />
            </td>
            <td className="w-20 text-right">{formatBytes(bytes)}</td>
            <td className="w-12 text-right text-text-muted">{formatNumber(share * 100)} %</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
