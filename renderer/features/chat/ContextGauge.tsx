import type { Ledger } from '../../../electron/contract/chats.ts';
import { classNames } from '../../ui/class-names.ts';
import { gaugeFill } from '../../ui/gauge.ts';
import { formatBytes, formatNumber } from '../../ui/format.ts';
import { Meter } from '../../ui/Meter.tsx';
import { Popover } from '../../ui/Popover.tsx';
import { LedgerTable } from './LedgerTable.tsx';

/** "17 tokens, then 5,961 left": how full the context will be. It opens into the ledger. */
export function ContextGauge({
  ledger,
  isCurrent,
}: {
  readonly ledger: Ledger;
  /** Otherwise the count is a moment old. */
  readonly isCurrent: boolean;
}) {
  const { tokens, draftTokens, context, reusedTokens, kvBytesPerToken, warnings } = ledger;
  const fill = gaugeFill(tokens, context);
  const left = context - tokens;
  // A reply needs room for one token at least.
  const excess = left <= 0 ? 1 - left : 0;
  return (
    <Popover
      label="What is in the context"
      side="top"
      align="end"
      trigger={
        <button
          type="button"
          title="Show what is in the context"
          className={classNames(
            'flex h-6 cursor-default items-center gap-2 rounded-1 px-1 text-1 whitespace-nowrap text-text-muted hover:bg-surface-hover',
            fill === 'warn' && 'text-warn',
            fill === 'danger' && 'text-danger',
          )}
        >
          <Meter className="w-16" limit={context} parts={[{ fill, value: tokens }]} />
          <span>
            <b className={fill === 'kv' ? 'text-text' : undefined}>{formatNumber(draftTokens)}</b>{' '}
            {draftTokens === 1 ? 'token' : 'tokens'}, {excess === 0 && 'then '}
            <b className={fill === 'kv' ? 'text-text' : undefined}>{formatNumber(excess || left)}</b>{' '}
            {excess === 0 ? 'left' : 'too many'}
            {!isCurrent && ' …'}
          </span>
        </button>
      }
    >
      <div className="w-110">
        <LedgerTable ledger={ledger} />
        <div className="grid gap-1 border-t border-line px-3 py-2 text-1 text-text-muted">
          <p>
            {formatNumber(tokens)} of {formatNumber(context)} tokens. The next message reads{' '}
            {formatNumber(Math.max(0, tokens - reusedTokens))} of them
            {kvBytesPerToken !== null &&
              `, ${formatBytes((tokens - reusedTokens) * kvBytesPerToken)} more of keys and values`}
            .
          </p>
          {warnings.map((warning) => (
            <p key={warning} className="text-warn">
              {warning}
            </p>
          ))}
        </div>
      </div>
    </Popover>
  );
}
