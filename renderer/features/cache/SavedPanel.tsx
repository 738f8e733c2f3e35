import { Trash2 } from 'lucide-react';
import { useState } from 'react';
import type { HeldConversation, SavedCache } from '../../../electron/contract/kv-cache.ts';
import type { Answer } from '../../ipc/use-answer.ts';
import { classNames } from '../../ui/class-names.ts';
import { Button } from '../../ui/Button.tsx';
import { ConfirmDialog } from '../../ui/ConfirmDialog.tsx';
import { Dialog } from '../../ui/Dialog.tsx';
import { formatBytes, formatCount, formatNumber } from '../../ui/format.ts';
import { IconButton } from '../../ui/IconButton.tsx';
import { Panel } from '../../ui/Panel.tsx';
import { Cell, Row, Table } from '../../ui/Table.tsx';
import { TextField } from '../../ui/TextField.tsx';
import type { CacheActions } from './use-cache-actions.ts';

/** What the next message finds held, and what lies on disk. */
export function SavedPanel({
  held,
  saved,
  actions,
}: {
  readonly held: HeldConversation | null;
  readonly saved: Answer<readonly SavedCache[]>;
  readonly actions: CacheActions;
}) {
  const [removing, setRemoving] = useState<SavedCache | null>(null);
  return (
    <Panel
      title={held ? 'Prefix cache and saves' : 'Saved caches'}
      aside={
        held && (
          <Button
            size="small"
            className="ml-auto"
            disabled={actions.isBusy}
            onClick={() => void actions.clear()}
          >
            Clear
          </Button>
        )
      }
    >
      {held && <PrefixFacts held={held} />}
      <div
        tabIndex={0}
        role="group"
        aria-label="Saved caches"
        className="scrollable min-h-0 focus-visible:shadow-ring"
      >
        <Table>
          <tbody>
            {saved &&
              'value' in saved &&
              saved.value.map((cache) => (
                <SavedRow
                  key={cache.id}
                  cache={cache}
                  actions={actions}
                  onRemove={() => setRemoving(cache)}
                />
              ))}
          </tbody>
        </Table>
        {saved && 'error' in saved && <p className="px-3 pb-2 text-1 text-danger">{saved.error}</p>}
        {saved && 'value' in saved && saved.value.length === 0 && (
          <p className="px-3 py-2 text-1 text-text-muted">Nothing is saved.</p>
        )}
      </div>
      {removing && (
        <RemoveDialog
          cache={removing}
          onClose={() => setRemoving(null)}
          onRemove={() => {
            setRemoving(null);
            void actions.remove(removing.id);
          }}
        />
      )}
    </Panel>
  );
}

function PrefixFacts({ held }: { readonly held: HeldConversation }) {
  const { next, positions, kvBytes } = held;
  return (
    <dl className="grid grid-cols-[minmax(0,1fr)_auto_auto] gap-x-3 border-b border-line px-3 pb-1">
      <div className="contents">
        <dt>Prefix cache</dt>
        <dd className="text-right">{formatCount(positions, 'token')}</dd>
        <dd className="text-right">{formatBytes(kvBytes)}</dd>
      </div>
      {next && next.tokens > 0 && (
        <div className="contents text-text-muted">
          <dt>hit rate of the next message</dt>
          <dd className="text-right">
            {formatNumber(next.reusedTokens)} of {formatNumber(next.tokens)}
          </dd>
          <dd className="text-right text-text">{formatNumber((next.reusedTokens / next.tokens) * 100)} %</dd>
        </div>
      )}
    </dl>
  );
}

function SavedRow({
  cache,
  actions,
  onRemove,
}: {
  readonly cache: SavedCache;
  readonly actions: CacheActions;
  readonly onRemove: () => void;
}) {
  const { id, name, tokens, bytes, refusal } = cache;
  return (
    <Row>
      <Cell className="w-full max-w-0 py-1">
        <span className="block truncate" title={name}>
          {name}
        </span>
        <span
          className={classNames(
            'block text-1',
            refusal === null ? 'text-text-muted' : 'whitespace-normal text-warn',
          )}
        >
          {refusal ?? `${formatCount(tokens, 'token')}, ${formatBytes(bytes)}`}
        </span>
      </Cell>
      <Cell isFigure>
        <span className="flex items-center justify-end gap-1">
          {refusal === null && (
            <Button
              size="small"
              disabled={actions.isBusy}
              aria-label={`Restore ${name}`}
              onClick={() => void actions.restore(id)}
            >
              Restore
            </Button>
          )}
          <IconButton size="small" icon={Trash2} label={`Delete ${name}`} onClick={onRemove} />
        </span>
      </Cell>
    </Row>
  );
}

function RemoveDialog({
  cache: { name, tokens, bytes },
  onRemove,
  onClose,
}: {
  readonly cache: SavedCache;
  readonly onRemove: () => void;
  readonly onClose: () => void;
}) {
  return (
    <ConfirmDialog
      title={`Delete the saved cache “${name}”?`}
      action="Delete"
      onConfirm={onRemove}
      onClose={onClose}
    >
      {formatBytes(bytes)} are freed. Its {formatCount(tokens, 'token')} would have to be read again. Chats
      stay.
    </ConfirmDialog>
  );
}

/** Asks for a name; `suggestion` is free. */
export function SaveDialog({
  held,
  suggestion,
  onSave,
  onClose,
}: {
  readonly held: HeldConversation;
  readonly suggestion: string;
  readonly onSave: (name: string) => Promise<string | null>;
  readonly onClose: () => void;
}) {
  const [name, setName] = useState(suggestion);
  const [error, setError] = useState<string | null>(null);
  const [isSaving, setIsSaving] = useState(false);
  const save = async () => {
    setIsSaving(true);
    const refused = await onSave(name.trim());
    if (refused === null) return onClose();
    setError(refused);
    setIsSaving(false);
  };
  return (
    <Dialog
      title="Save the cache"
      onClose={onClose}
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button variant="primary" disabled={isSaving || name.trim() === ''} onClick={() => void save()}>
            Save
          </Button>
        </>
      }
    >
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (name.trim() !== '' && !isSaving) void save();
        }}
      >
        <TextField
          label="Name"
          data-first-focus
          value={name}
          maxLength={100}
          error={error}
          description={`${formatCount(held.positions, 'token')}, ${formatBytes(held.kvBytes)}. It goes on with this model, codec and context alone.`}
          onChange={({ target }) => setName(target.value)}
        />
      </form>
    </Dialog>
  );
}
