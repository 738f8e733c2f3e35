import { useCallback, useEffect, useState, type DragEvent } from 'react';
import { useApp } from '../../app/app-context.ts';
import { useRoute } from '../../app/routes.ts';
import { classNames } from '../../ui/class-names.ts';
import { EmptyState } from '../../ui/EmptyState.tsx';
import { Button } from '../../ui/Button.tsx';
import { InstrumentPanel } from '../instruments/InstrumentPanel.tsx';
import { useChat, useChatActions, useDraft } from './chat-context.ts';
import { ChatHeader } from './ChatHeader.tsx';
import { ChatList } from './ChatList.tsx';
import { Composer } from './Composer.tsx';
import { warmUp } from './markdown/warm-up.ts';
import { NewChat } from './NewChat.tsx';
import { Thread } from './Thread.tsx';
import { TimelinePane } from './TimelinePane.tsx';
import { useBranch } from './use-branch.ts';

export function ChatScreen() {
  const route = useRoute();
  const isShown = route.screen === 'chat';
  const chatId = isShown ? route.chatId : null;
  const messageId = isShown ? route.messageId : null;
  const showsInstruments = useApp((state) => state.settings.showsInstruments);
  const { open } = useChatActions();
  const branch = useBranch();
  // While the next screen is loaded this one is still there: its chat stays the one to come back to.
  useEffect(() => {
    if (isShown) void open(chatId);
  }, [chatId, isShown, open]);
  useEffect(warmUp, []);
  return (
    <div className="grid min-h-0 min-w-0 grid-rows-[var(--bar)_minmax(0,1fr)]">
      <ChatHeader branch={branch} />
      <div
        className={classNames(
          'grid min-h-0',
          showsInstruments
            ? 'grid-cols-[var(--list)_minmax(0,1fr)_var(--panel)]'
            : 'grid-cols-[var(--list)_minmax(0,1fr)]',
        )}
      >
        <ChatList />
        <Talk branch={branch} target={messageId} />
        {showsInstruments && <InstrumentPanel />}
      </div>
    </div>
  );
}

function Talk({
  branch,
  target,
}: {
  readonly branch: ReturnType<typeof useBranch>;
  readonly target: string | null;
}) {
  const chatId = useChat((state) => state.current?.chat.id ?? null);
  const opening = useChat((state) => state.opening);
  const [editing, setEditing] = useState<string | null>(null);
  const editLast = () => {
    const prompts = branch.filter(({ message }) => message.role === 'user');
    setEditing(prompts.at(-1)?.message.id ?? null);
  };
  useShowTarget(target);
  useEscapeStops();
  return (
    <DropZone>
      {opening !== null && opening.error !== null ? (
        <Unreadable id={opening.id} error={opening.error} />
      ) : branch.length === 0 && opening === null ? (
        <NewChat />
      ) : (
        <Thread key={chatId} branch={branch} editing={editing} onEdit={setEditing} target={target} />
      )}
      <TimelinePane />
      <Composer onEditLast={editLast} />
    </DropZone>
  );
}

/** A search may lead to a message of another branch. */
function useShowTarget(target: string | null): void {
  const isThere = useChat((state) => target !== null && (state.current?.messages.has(target) ?? false));
  const { showBranch } = useChatActions();
  useEffect(() => {
    if (target !== null && isThere) void showBranch(target);
  }, [isThere, showBranch, target]);
}

/** Esc stops the reply, unless it closes something that is open. */
function useEscapeStops(): void {
  const isWriting = useChat((state) => state.growing.size > 0);
  const { stop } = useChatActions();
  useEffect(() => {
    if (!isWriting) return;
    const press = (event: KeyboardEvent) => {
      const closesDialog = document.querySelector('dialog[open]') !== null;
      if (event.key === 'Escape' && !event.defaultPrevented && !closesDialog) void stop();
    };
    document.addEventListener('keydown', press);
    return () => document.removeEventListener('keydown', press);
  }, [isWriting, stop]);
}

function Unreadable({ id, error }: { readonly id: string; readonly error: string }) {
  const { open } = useChatActions();
  return (
    <div className="grid place-items-center">
      <EmptyState
        title="This chat could not be read"
        actions={<Button onClick={() => void open(id)}>Try again</Button>}
      >
        {error}
      </EmptyState>
    </div>
  );
}

/** Text files may be dropped anywhere on the conversation. */
function DropZone({ children }: { readonly children: React.ReactNode }) {
  const [, draft] = useDraft();
  const [isOver, setOver] = useState(false);
  const hasFiles = useCallback((event: DragEvent) => event.dataTransfer.types.includes('Files'), []);
  return (
    <section
      aria-label="Conversation"
      className="relative grid min-h-0 min-w-0 grid-cols-[minmax(0,1fr)] grid-rows-[minmax(0,1fr)_auto_auto] bg-surface-raised"
      onDragOver={(event) => {
        if (!hasFiles(event)) return;
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget as Node | null)) setOver(false);
      }}
      onDrop={(event) => {
        if (!hasFiles(event)) return;
        event.preventDefault();
        setOver(false);
        void draft.addFiles([...event.dataTransfer.files]);
      }}
    >
      {children}
      {isOver && (
        <div className="pointer-events-none absolute inset-2 grid place-items-center rounded-2 border-2 border-dashed border-accent bg-accent-tint text-3">
          Drop text files to attach them
        </div>
      )}
    </section>
  );
}
