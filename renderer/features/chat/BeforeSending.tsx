import { useEffect, useState } from 'react';
import type { AttachedFile, Ledger, LedgerPart } from '../../../electron/contract/chats.ts';
import { useAppActions } from '../../app/app-context.ts';
import { useHost } from '../../ipc/host-context.ts';
import { Button } from '../../ui/Button.tsx';
import { formatNumber } from '../../ui/format.ts';
import { Notice } from '../../ui/Notice.tsx';
import { LedgerTable } from './LedgerTable.tsx';

/** The next context that would hold it, by doubling, as far as the model and this machine's memory go; null: none. */
function useLargerContext(model: string | null, ledger: Ledger): number | null {
  const { client } = useHost();
  const [largest, setLargest] = useState(0);
  useEffect(() => {
    if (model === null) return;
    const leaving = new AbortController();
    client
      .estimateFit(
        { id: model, settings: { context: null, kvCodec: null, threads: null, memoryBudget: null } },
        { signal: leaving.signal },
      )
      .then((fit) => setLargest(Math.min(fit.modelContext, fit.largestContext)))
      .catch(() => undefined); // nothing larger is offered
    return () => leaving.abort();
  }, [client, model]);
  let context = ledger.context;
  while (context <= ledger.tokens && context < largest) context = Math.min(largest, context * 2);
  return context > ledger.tokens ? context : null;
}

/** What is to be sent does not fit: by how much, because of what, and what can be left out. Nothing is cut silently. */
export function BeforeSending({
  ledger,
  files,
  model,
  onRemoveFile,
  onMoveToNewChat,
}: {
  readonly ledger: Ledger;
  readonly files: readonly AttachedFile[];
  readonly model: string | null;
  readonly onRemoveFile: (index: number) => void;
  /** Null: this is one. */
  readonly onMoveToNewChat: (() => void) | null;
}) {
  const { loadModel } = useAppActions();
  const larger = useLargerContext(model, ledger);
  const fileOf = ({ origin, messageId, label }: LedgerPart) =>
    origin === 'file' && messageId === null ? files.findIndex(({ name }) => name === label) : -1;
  // The reply needs room for one token at least.
  const excess = ledger.tokens - ledger.context + 1;
  return (
    <section
      aria-label="Before it is sent"
      className="scrollable grid max-h-80 gap-2 rounded-2 border border-line-strong bg-surface-raised p-3"
    >
      <Notice
        level="warning"
        title={`${formatNumber(excess)} ${excess === 1 ? 'token' : 'tokens'} too many.`}
      >
        {formatNumber(ledger.tokens)} of {formatNumber(ledger.context)}, and a reply needs room. Nothing was
        sent: choose what stays.
      </Notice>
      <LedgerTable
        ledger={ledger}
        action={(part) => {
          const index = fileOf(part);
          return index < 0 ? null : (
            <Button size="small" onClick={() => onRemoveFile(index)}>
              Leave out
            </Button>
          );
        }}
      />
      <div className="flex flex-wrap gap-2">
        {larger !== null && model !== null && (
          <Button
            variant="primary"
            onClick={() =>
              void loadModel(model, {
                context: larger,
                kvCodec: null,
                threads: null,
                memoryBudget: null,
              }).catch(() => undefined)
            }
          >
            Load with a context of {formatNumber(larger)}
          </Button>
        )}
        {onMoveToNewChat && <Button onClick={onMoveToNewChat}>Move to a new chat</Button>}
      </div>
    </section>
  );
}
