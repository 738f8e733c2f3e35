import type { ComparePrice } from '../../../electron/contract/compare.ts';
import { formatBytes, formatNumber, formatRate } from '../../ui/format.ts';
import { Cell } from '../../ui/Table.tsx';

export type PricedVariant = ComparePrice['variants'][number];

/** What one variant is and would take. */
export function PriceCells({ priced }: { readonly priced: PricedVariant | null }) {
  if (!priced) {
    return (
      <>
        <Cell isFigure className="text-text-muted">
          <span className="sr-only">not priced yet</span>
          <span aria-hidden="true">…</span>
        </Cell>
        {['size', 'memory', 'predicted'].map((name) => (
          <Cell key={name} isFigure className="text-text-muted">
            <span aria-hidden="true">…</span>
          </Cell>
        ))}
      </>
    );
  }
  const { bitsPerWeight, precision, weightsBytes, memoryBytes, predictedTokensPerSecond, fits } = priced;
  return (
    <>
      <Cell isFigure title={precision}>
        {formatNumber(bitsPerWeight, 2)}
      </Cell>
      <Cell isFigure>{formatBytes(weightsBytes)}</Cell>
      <Cell isFigure className={fits ? undefined : 'text-danger'}>
        {memoryBytes === null ? 'not known' : formatBytes(memoryBytes)}
      </Cell>
      <Cell isFigure>
        {predictedTokensPerSecond === null ? (
          <span className="text-1 text-text-muted" title="No reply has measured this machine yet.">
            not known yet
          </span>
        ) : (
          formatRate(predictedTokensPerSecond)
        )}
      </Cell>
    </>
  );
}
