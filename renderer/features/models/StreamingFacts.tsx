import type { StreamingEstimate } from '../../../electron/contract/estimate.ts';
import { Notice } from '../../ui/Notice.tsx';
import { MeasureDisk } from './MeasureDisk.tsx';
import { lacksDisk, streamingFacts } from './streaming.ts';

/** What streaming costs a token, and whether it is worth it, before anything is loaded. */
export function StreamingFacts({
  streaming,
  modelId,
  onMeasured,
}: {
  readonly streaming: StreamingEstimate;
  readonly modelId: string;
  /** Its disk was measured: there is another price. */
  readonly onMeasured: () => void;
}) {
  const { isWorthIt, advice } = streaming;
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
      {lacksDisk(streaming) && <MeasureDisk key={modelId} modelId={modelId} onMeasured={onMeasured} />}
      {!isWorthIt && (
        <Notice level="warning" title="Streaming it is not worth it.">
          {advice}
        </Notice>
      )}
      {isWorthIt && advice !== null && <p className="text-1 text-text-muted">{advice}</p>}
    </>
  );
}
