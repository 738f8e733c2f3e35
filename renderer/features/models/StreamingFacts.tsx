import type { StreamingEstimate } from '../../../electron/contract/engine-contract.ts';
import { Notice } from '../../ui/Notice.tsx';
import { streamingFacts } from './streaming.ts';

/** What streaming costs a token, and whether it is worth it, before anything is loaded. */
export function StreamingFacts({ streaming }: { readonly streaming: StreamingEstimate }) {
  const { isWorthIt, advice, diskBytesPerSecond } = streaming;
  return (
    <>
      <dl aria-label="A token, streamed" className="flex flex-wrap gap-x-4 text-1">
        {streamingFacts(streaming).map(({ label, value }) => (
          <div key={label} className="flex gap-1 whitespace-nowrap">
            <dt className="text-text-muted">{label}</dt>
            <dd className="font-strong">{value}</dd>
          </div>
        ))}
      </dl>
      {diskBytesPerSecond === null && (
        <p className="text-1 text-text-muted">
          <code className="font-token text-text select-all">npx retort estimate --disk</code> measures the
          disk, once.
        </p>
      )}
      {!isWorthIt && (
        <Notice level="warning" title="Streaming it is not worth it.">
          {advice}
        </Notice>
      )}
      {isWorthIt && advice !== null && <p className="text-1 text-text-muted">{advice}</p>}
    </>
  );
}
