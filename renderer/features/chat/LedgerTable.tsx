import type { ReactNode } from 'react';
import type { Ledger, LedgerPart } from '../../../electron/contract/chats.ts';
import { formatBytes, formatNumber } from '../../ui/format.ts';
import { Cell, HeadCell, Row, Table } from '../../ui/Table.tsx';

const names: Readonly<Record<LedgerPart['origin'], string>> = {
  system: 'System prompt',
  user: 'You',
  assistant: 'Reply',
  file: 'File',
  draft: 'This message',
  template: 'Chat template',
  generated: 'Generated',
};

/** "You: Why does a pendulum…", "notes.txt". */
export function partName({ origin, label }: LedgerPart): string {
  if (origin === 'file') return label;
  return label === '' || origin === 'template' || origin === 'system' || origin === 'draft'
    ? names[origin]
    : `${names[origin]}: ${label}`;
}

/** What stands in the context, part by part, and what of it the engine holds already. */
export function LedgerTable({
  ledger,
  reusedName = 'held already',
  action,
}: {
  readonly ledger: Pick<Ledger, 'parts' | 'tokens' | 'reusedTokens' | 'kvBytesPerToken'>;
  readonly reusedName?: string;
  /** What can be done about a part. */
  readonly action?: (part: LedgerPart) => ReactNode;
}) {
  const { parts, tokens, reusedTokens, kvBytesPerToken } = ledger;
  const hasBytes = kvBytesPerToken !== null;
  const kv = (count: number) => (hasBytes ? formatBytes(count * kvBytesPerToken) : '');
  return (
    <Table>
      <thead>
        <tr>
          <HeadCell>In the context</HeadCell>
          <HeadCell isFigure>tokens</HeadCell>
          <HeadCell isFigure>{reusedName}</HeadCell>
          {hasBytes && <HeadCell isFigure>KV</HeadCell>}
          {action && (
            <HeadCell>
              <span className="sr-only">Action</span>
            </HeadCell>
          )}
        </tr>
      </thead>
      <tbody>
        {parts.map((part, index) => (
          <Row key={index}>
            <Cell className="w-full max-w-0 truncate" title={partName(part)}>
              {partName(part)}
            </Cell>
            <Cell isFigure>{formatNumber(part.tokens)}</Cell>
            <Cell isFigure className="text-text-muted">
              {formatNumber(part.reusedTokens)}
            </Cell>
            {hasBytes && <Cell isFigure>{kv(part.tokens)}</Cell>}
            {action && <Cell isFigure>{action(part)}</Cell>}
          </Row>
        ))}
      </tbody>
      <tfoot>
        <tr className="border-t border-line-strong font-strong">
          <Cell>All</Cell>
          <Cell isFigure>{formatNumber(tokens)}</Cell>
          <Cell isFigure>{formatNumber(reusedTokens)}</Cell>
          {hasBytes && <Cell isFigure>{kv(tokens)}</Cell>}
          {action && <Cell />}
        </tr>
      </tfoot>
    </Table>
  );
}
