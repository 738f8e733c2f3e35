import { useState } from 'react';
import { toLabError } from '../../../electron/contract/errors.ts';
import type { Cache } from '../../../electron/contract/host-contract.ts';
import { useHost } from '../../ipc/host-context.ts';
import { Button } from '../../ui/Button.tsx';
import { ConfirmDialog } from '../../ui/ConfirmDialog.tsx';
import { formatBytes } from '../../ui/format.ts';
import { Panel } from '../../ui/Panel.tsx';
import { Cell, Row, Table } from '../../ui/Table.tsx';
import { showToast } from '../../ui/toasts.ts';
import { AnswerView } from './AnswerView.tsx';
import { useAnswer } from '../../ipc/use-answer.ts';

const kinds: Readonly<Record<Cache['kind'], { name: string; cost: string }>> = {
  graph: {
    name: 'Graph of a model',
    cost: 'It is made again when the onnx engine next opens that model, in about a minute.',
  },
  unfinished: { name: 'Unfinished graph', cost: 'If it is being made right now, that work begins anew.' },
  kernels: {
    name: 'Choice of kernels',
    cost: 'They are timed again when the next model is loaded, in about a second.',
  },
  disk: {
    name: 'Speed of disks',
    cost: 'It is measured again when it is asked for, by reading for some seconds.',
  },
};

const sum = (caches: readonly Cache[]): number => caches.reduce((total, { bytes }) => total + bytes, 0);

/** What can be made again, with its size. */
export function CachesPanel() {
  const { client } = useHost();
  const [answer, again] = useAnswer((options) => client.listCaches({}, options));
  const [clearing, setClearing] = useState<readonly Cache[] | null>(null);
  const clear = async (caches: readonly Cache[]) => {
    setClearing(null);
    try {
      for (const { id } of caches) await client.removeCache({ id });
      showToast(`${formatBytes(sum(caches))} freed`);
    } catch (error) {
      showToast(toLabError(error).message);
    }
    again();
  };
  const caches = answer && 'value' in answer ? answer.value : [];
  return (
    <Panel
      title="Caches"
      aside={
        caches.length > 0 && (
          <>
            <span className="text-1 text-text-muted">{formatBytes(sum(caches))}</span>
            <Button size="small" className="ml-auto" onClick={() => setClearing(caches)}>
              Clear all…
            </Button>
          </>
        )
      }
    >
      <AnswerView answer={answer} what="The list of caches" onRetry={again}>
        {(listed) => <CacheTable caches={listed} onClear={(cache) => setClearing([cache])} />}
      </AnswerView>
      {clearing && (
        <ClearDialog
          caches={clearing}
          onClose={() => setClearing(null)}
          onClear={() => void clear(clearing)}
        />
      )}
    </Panel>
  );
}

function CacheTable({
  caches,
  onClear,
}: {
  readonly caches: readonly Cache[];
  readonly onClear: (cache: Cache) => void;
}) {
  if (caches.length === 0) return <p className="px-3 pb-3 text-1 text-text-muted">Nothing is cached.</p>;
  return (
    <Table aria-label="Caches" className="mb-2">
      <tbody>
        {caches.map((cache) => (
          <Row key={cache.id}>
            <Cell className="w-40">{kinds[cache.kind].name}</Cell>
            <Cell className="max-w-0 truncate text-1 text-text-muted" title={cache.id}>
              {cache.id}
            </Cell>
            <Cell isFigure className="w-24">
              {formatBytes(cache.bytes)}
            </Cell>
            <Cell isFigure className="w-24">
              <Button
                size="small"
                aria-label={`Clear ${kinds[cache.kind].name} ${cache.id}`}
                onClick={() => onClear(cache)}
              >
                Clear…
              </Button>
            </Cell>
          </Row>
        ))}
      </tbody>
    </Table>
  );
}

function ClearDialog({
  caches,
  onClear,
  onClose,
}: {
  readonly caches: readonly Cache[];
  readonly onClear: () => void;
  readonly onClose: () => void;
}) {
  const [first] = caches;
  const name = caches.length === 1 && first ? `the ${kinds[first.kind].name.toLowerCase()}` : 'all caches';
  const costs = [...new Set(caches.map(({ kind }) => kinds[kind].cost))];
  return (
    <ConfirmDialog title={`Clear ${name}?`} action="Clear" onConfirm={onClear} onClose={onClose}>
      {formatBytes(sum(caches))} are freed. {costs.join(' ')} Chats, models and settings stay.
    </ConfirmDialog>
  );
}
