import { useCallback, useEffect, useState } from 'react';
import type { HeldConversation, SavedCache } from '../../../electron/contract/kv-cache.ts';
import type { LoadState } from '../../../electron/contract/machine.ts';
import { useApp } from '../../app/app-context.ts';
import { navigate } from '../../app/routes.ts';
import { useHost } from '../../ipc/host-context.ts';
import { useAnswer, type Answer } from '../../ipc/use-answer.ts';
import { Button } from '../../ui/Button.tsx';
import { EmptyState } from '../../ui/EmptyState.tsx';
import { formatNumber } from '../../ui/format.ts';
import { Notice } from '../../ui/Notice.tsx';
import { LedgerPanel } from './LedgerPanel.tsx';
import { MapPanel } from './MapPanel.tsx';
import { SaveDialog, SavedPanel } from './SavedPanel.tsx';
import { useCacheActions, type CacheActions } from './use-cache-actions.ts';
import { loadedKey, useHeldCache, type HeldState } from './use-held-cache.ts';
import { WhatIfPanel } from './WhatIfPanel.tsx';

/** What the model in memory holds of a conversation. */
export function CacheScreen() {
  const { client } = useHost();
  const engine = useApp((state) => state.engine);
  const [turn, setTurn] = useState(0);
  const [saved, readSaved] = useAnswer((options) => client.listSavedCaches({}, options));
  // Another model, or the same otherwise loaded, takes other ones.
  const loaded = loadedKey(engine);
  useEffect(() => readSaved(), [loaded, readSaved]);
  const onDone = useCallback(() => {
    setTurn((before) => before + 1);
    readSaved();
  }, [readSaved]);
  const actions = useCacheActions(onDone);
  const state = useHeldCache(turn);
  const [isSaving, setIsSaving] = useState(false);
  const held = engine.state === 'ready' && state.state === 'held' ? state.held : null;
  const names = saved && 'value' in saved ? saved.value.map(({ name }) => name) : [];
  return (
    <div className="row-start-2 grid min-h-0 min-w-0 grid-rows-[auto_minmax(0,1fr)]">
      <header className="flex h-(--bar) items-center gap-3 border-b border-line px-4 whitespace-nowrap">
        <h1 className="truncate text-3 font-strong">
          {held?.chat ? `Cache of “${held.chat.title}”` : 'Cache'}
        </h1>
        {engine.state === 'ready' && (
          <span className="truncate text-1 text-text-muted">{modelText(engine, held)}</span>
        )}
        {held && (
          <Button className="ml-auto" disabled={actions.isBusy} onClick={() => setIsSaving(true)}>
            Save cache…
          </Button>
        )}
      </header>
      <Body engine={engine} state={state} held={held} saved={saved} actions={actions} />
      {isSaving && held && (
        <SaveDialog
          held={held}
          suggestion={freeName(held.chat?.title ?? 'cache', names)}
          onSave={actions.save}
          onClose={() => setIsSaving(false)}
        />
      )}
    </div>
  );
}

function modelText(
  { title, precision, kvCodec }: LoadState & { state: 'ready' },
  held: HeldConversation | null,
) {
  const [first] = held?.layers ?? [];
  const shape = first
    ? `${formatNumber(held?.layers.length ?? 0)} layers × ${first.keyValueHeads} KV heads × ${first.headDimension}`
    : '';
  return [title, precision, `KV ${kvCodec}`, shape].filter((text) => text !== '').join(' · ');
}

/** The title as far as there is room, with a number where it is taken. */
export function freeName(title: string, taken: readonly string[]): string {
  const base = title.slice(0, 90).trim();
  for (let number = 1; ; number += 1) {
    const name = number === 1 ? base : `${base} ${number}`;
    if (!taken.includes(name)) return name;
  }
}

function Body({
  engine,
  state,
  held,
  saved,
  actions,
}: {
  readonly engine: LoadState;
  readonly state: HeldState;
  readonly held: HeldConversation | null;
  readonly saved: Answer<readonly SavedCache[]>;
  readonly actions: CacheActions;
}) {
  if (held && engine.state === 'ready') {
    return (
      <div
        tabIndex={0}
        role="group"
        aria-label="What the cache holds"
        className="scrollable grid min-h-0 grid-rows-[minmax(440px,1fr)_minmax(184px,auto)] gap-3 p-4 focus-visible:inset-ring-2 focus-visible:inset-ring-focus focus-visible:shadow-none"
      >
        <div className="grid min-h-0 grid-cols-[336px_minmax(0,1fr)] gap-3">
          <LedgerPanel held={held} kvBytesPerToken={engine.kvBytesPerToken} />
          {held.layers.length > 0 ? <MapPanel held={held} /> : <NoMap />}
        </div>
        <div className="grid grid-cols-[minmax(0,1fr)_392px] gap-3">
          <WhatIfPanel held={held} engine={engine} />
          {/* As high as what stands beside it: a long list is scrolled. */}
          <div className="grid h-0 min-h-full">
            <SavedPanel held={held} saved={saved} actions={actions} />
          </div>
        </div>
      </div>
    );
  }
  return (
    <div
      tabIndex={0}
      role="group"
      aria-label="What the cache holds"
      className="scrollable grid content-start gap-3 p-4"
    >
      <Nothing engine={engine} state={state} />
      {saved && 'value' in saved && saved.value.length > 0 && (
        <div className="mx-auto w-160">
          <SavedPanel held={null} saved={saved} actions={actions} />
        </div>
      )}
    </div>
  );
}

function NoMap() {
  return (
    <EmptyState title="This engine shows no map">
      What lies in its cache is known in bytes alone. The native engine shows it layer by layer.
    </EmptyState>
  );
}

function Nothing({ engine, state }: { readonly engine: LoadState; readonly state: HeldState }) {
  if (engine.state !== 'ready') {
    return (
      <EmptyState
        title={engine.state === 'loading' ? `${engine.title} is being loaded` : 'No model in memory'}
        actions={
          <Button variant="primary" onClick={() => navigate({ screen: 'models', modelId: null })}>
            Choose a model
          </Button>
        }
      >
        A cache is what a model in memory keeps of a conversation, so that it reads each message once.
      </EmptyState>
    );
  }
  if (state.state === 'failed') {
    return (
      <Notice level="error" title="The cache cannot be read.">
        {state.message}
      </Notice>
    );
  }
  if (state.state === 'reading' || engine.isBusy) {
    return (
      <p className="text-text-muted">
        {engine.isBusy
          ? 'A reply is being written. What is held is shown when it ends.'
          : 'Reading the cache…'}
      </p>
    );
  }
  return (
    <EmptyState
      title="Nothing is held"
      actions={
        <Button variant="primary" onClick={() => navigate({ screen: 'chat', chatId: null, messageId: null })}>
          Go to Chat
        </Button>
      }
    >
      {engine.title} keeps what it reads and writes. Send a message, or restore a saved cache.
    </EmptyState>
  );
}
