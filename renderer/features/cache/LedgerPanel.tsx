import type { HeldConversation } from '../../../electron/contract/kv-cache.ts';
import { formatBytes, formatCount, formatNumber } from '../../ui/format.ts';
import { Meter } from '../../ui/Meter.tsx';
import { Panel } from '../../ui/Panel.tsx';
import { LedgerTable } from '../chat/LedgerTable.tsx';

/** What takes the cache, part by part, and what the next message will. */
export function LedgerPanel({
  held,
  kvBytesPerToken,
}: {
  readonly held: HeldConversation;
  readonly kvBytesPerToken: number | null;
}) {
  const { parts, positions, reusedTokens, context, kvBytes, next } = held;
  const fresh = positions - reusedTokens;
  return (
    <Panel
      title="Ledger"
      aside={
        kvBytesPerToken !== null && (
          <span className="ml-auto text-1 text-text-muted">
            {formatBytes(kvBytesPerToken)} a token{held.layers.length > 0 && ', in whole blocks'}
          </span>
        )
      }
      note={<NextMessage next={next} positions={positions} kvBytesPerToken={kvBytesPerToken} />}
    >
      <div className="grid gap-1 px-3 pb-2">
        <p className="flex items-baseline justify-between gap-2">
          <span>
            <b className="text-4">{formatNumber(positions)}</b>{' '}
            <span className="text-1 text-text-muted">of {formatNumber(context)} tokens</span>
          </span>
          <b className="text-4">{formatBytes(kvBytes)}</b>
        </p>
        <Meter
          limit={context}
          parts={[
            { fill: 'kv', value: reusedTokens },
            { fill: 'scratch', value: fresh },
          ]}
        />
        <p className="flex justify-between gap-2 text-1 text-text-muted">
          <span>reused {formatNumber(reusedTokens)}</span>
          <span>fresh {formatNumber(fresh)}</span>
          {kvBytesPerToken !== null && <span>limit {formatBytes(context * kvBytesPerToken)}</span>}
        </p>
      </div>
      <div
        tabIndex={0}
        role="group"
        aria-label="Parts"
        className="scrollable min-h-0 flex-1 focus-visible:shadow-ring"
      >
        <LedgerTable
          reusedName="reused"
          ledger={{ parts, tokens: positions, reusedTokens, kvBytesPerToken }}
        />
      </div>
    </Panel>
  );
}

function NextMessage({
  next,
  positions,
  kvBytesPerToken,
}: Pick<HeldConversation, 'next' | 'positions'> & { readonly kvBytesPerToken: number | null }) {
  if (!next) {
    return <p className="text-1 text-text-muted">No chat goes on from this cache.</p>;
  }
  const reads = Math.max(0, next.tokens - next.reusedTokens);
  const left = Math.max(0, next.context - next.tokens);
  const size = kvBytesPerToken === null ? '' : `, ${formatBytes(reads * kvBytesPerToken)}`;
  const forgotten = positions - next.reusedTokens;
  return (
    <p className="text-1 text-text-muted">
      The next message reads{' '}
      <b className="text-text">
        {formatCount(reads, 'token')}
        {size}
      </b>
      {next.draftTokens > 0 && `, ${formatNumber(next.draftTokens)} of them its draft`}
      {forgotten > 0 && `; ${formatNumber(forgotten)} that are held are not in it`}. {formatNumber(left)}{' '}
      remain.
    </p>
  );
}
