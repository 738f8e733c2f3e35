import { CornerDownLeft, Paperclip, Square } from 'lucide-react';
import { useEffect, useId, useRef, useState, type ClipboardEvent, type KeyboardEvent } from 'react';
import { useApp } from '../../app/app-context.ts';
import { navigate } from '../../app/routes.ts';
import { Button } from '../../ui/Button.tsx';
import { Notice } from '../../ui/Notice.tsx';
import { BeforeSending } from './BeforeSending.tsx';
import { useChat, useChatActions, useDraft } from './chat-context.ts';
import { reasonOf } from './chat-store.ts';
import { ContextGauge } from './ContextGauge.tsx';
import { EngineState } from './EngineState.tsx';
import { FileChips } from './FileChips.tsx';
import { SamplingButton } from './SamplingButton.tsx';
import { SystemPromptButton } from './SystemPromptButton.tsx';
import { useLedger } from './use-ledger.ts';
import { useModelForSending } from './use-model.ts';

/** Where a message is written, counted and sent. `onEditLast` asks for the last message to be edited. */
export function Composer({ onEditLast }: { readonly onEditLast: () => void }) {
  const [{ text, files, refused }, draft] = useDraft();
  const chat = useChat((state) => state.current?.chat ?? null);
  const next = useChat((state) => state.next);
  const isWriting = useChat((state) => state.growing.size > 0);
  const { send, stop } = useChatActions();
  const model = useModelForSending();
  const [error, setError] = useState<string | null>(null);
  const [isSending, setSending] = useState(false);
  const context = useApp(({ engine }) => (engine.state === 'ready' ? engine.context : null));
  const {
    ledger,
    isCurrent,
    error: countError,
  } = useLedger({
    chatId: chat?.id ?? null,
    parentId: chat?.leafId ?? null,
    text,
    files,
    model,
    revision: `${chat?.systemPrompt ?? next.systemPrompt} ${context} ${isWriting}`,
  });
  const hasContent = text.trim() !== '' || files.length > 0;
  const isTooLong = ledger !== null && !ledger.fits && hasContent;
  const canSend = hasContent && model !== null && !isWriting && !isSending && !(isTooLong && isCurrent);
  const submit = async () => {
    if (!canSend) return;
    setSending(true);
    setError(null);
    try {
      await send({ text, files }, chat?.leafId ?? null, model);
      draft.clear();
    } catch (reason) {
      setError(reasonOf(reason));
    }
    setSending(false);
  };
  return (
    <div className="border-t border-line bg-surface px-6 pt-2 pb-3">
      <div className="mx-auto grid w-full max-w-170 grid-cols-[minmax(0,1fr)] gap-2 wide:max-w-190">
        <EngineState />
        {isTooLong && (
          <BeforeSending
            ledger={ledger}
            files={files}
            model={model}
            onRemoveFile={draft.removeFile}
            onMoveToNewChat={
              chat &&
              (() => {
                draft.carry();
                navigate({ screen: 'chat', chatId: null, messageId: null });
              })
            }
          />
        )}
        <Refusals refused={refused} onClose={draft.forgetRefused} />
        {error !== null && (
          <Notice
            level="error"
            title="The message was not sent."
            actions={
              <Button size="small" onClick={() => setError(null)}>
                Close
              </Button>
            }
          >
            {error}
          </Notice>
        )}
        <div className="grid gap-1 rounded-2 border border-line-strong bg-surface-raised py-2 pr-2 pl-3 focus-within:border-focus focus-within:shadow-ring">
          <DraftField
            text={text}
            onChange={draft.setText}
            onSend={() => void submit()}
            onEditLast={onEditLast}
            onPasteFiles={(pasted) => void draft.addFiles(pasted)}
            mostRows={isTooLong ? 5 : 12}
          />
          <FileChips files={files} onRemove={draft.removeFile} />
          <div className="flex flex-wrap items-center gap-1">
            <AttachButton onFiles={(chosen) => void draft.addFiles(chosen)} />
            <SystemPromptButton />
            <SamplingButton />
            <span className="ml-auto flex items-center gap-2">
              {ledger ? (
                <ContextGauge ledger={ledger} isCurrent={isCurrent} />
              ) : (
                <CountError error={countError} />
              )}
              {isWriting ? (
                <Button onClick={() => void stop()}>
                  <Square size={12} aria-hidden /> Stop <kbd>Esc</kbd>
                </Button>
              ) : (
                <Button variant="primary" aria-disabled={!canSend} onClick={() => void submit()}>
                  Send <CornerDownLeft size={12} aria-hidden />
                </Button>
              )}
            </span>
          </div>
        </div>
      </div>
    </div>
  );
}

function CountError({ error }: { readonly error: string | null }) {
  if (error === null) return null;
  return (
    <span className="max-w-60 truncate text-1 text-warn" title={error}>
      {error}
    </span>
  );
}

function Refusals({
  refused,
  onClose,
}: {
  readonly refused: readonly string[];
  readonly onClose: () => void;
}) {
  if (refused.length === 0) return null;
  return (
    <Notice
      level="error"
      title={refused.join(' ')}
      actions={
        <Button size="small" onClick={onClose}>
          Close
        </Button>
      }
    />
  );
}

function DraftField({
  text,
  onChange,
  onSend,
  onEditLast,
  onPasteFiles,
  mostRows,
}: {
  readonly text: string;
  readonly onChange: (text: string) => void;
  readonly onSend: () => void;
  readonly onEditLast: () => void;
  readonly onPasteFiles: (files: File[]) => void;
  /** A longer text scrolls. */
  readonly mostRows: number;
}) {
  const id = useId();
  const field = useRef<HTMLTextAreaElement>(null);
  useEffect(() => field.current?.focus(), []);
  // As tall as its text; a row's height is the line height of text-3.
  useEffect(() => {
    const element = field.current;
    if (!element) return;
    element.style.height = 'auto';
    element.style.height = `${Math.min(element.scrollHeight, mostRows * 24)}px`;
  }, [mostRows, text]);
  const press = (event: KeyboardEvent) => {
    if (event.nativeEvent.isComposing) return;
    if (event.key === 'Enter' && !event.shiftKey) {
      event.preventDefault();
      onSend();
    } else if (event.key === 'ArrowUp' && text === '') {
      event.preventDefault();
      onEditLast();
    }
  };
  const paste = (event: ClipboardEvent) => {
    const pasted = [...event.clipboardData.files];
    if (pasted.length === 0) return;
    event.preventDefault();
    onPasteFiles(pasted);
  };
  return (
    <>
      <label htmlFor={id} className="sr-only">
        Message
      </label>
      <textarea
        ref={field}
        id={id}
        rows={1}
        dir="auto"
        value={text}
        placeholder="Write a message"
        onChange={(event) => onChange(event.target.value)}
        onKeyDown={press}
        onPaste={paste}
        className="scrollable min-h-6 w-full resize-none bg-transparent text-3 focus-visible:shadow-none"
      />
    </>
  );
}

function AttachButton({ onFiles }: { readonly onFiles: (files: File[]) => void }) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <Button variant="quiet" size="small" onClick={() => input.current?.click()}>
        <Paperclip size={12} aria-hidden /> Attach
      </Button>
      <input
        ref={input}
        type="file"
        multiple
        hidden
        aria-label="Attach text files"
        onChange={(event) => {
          onFiles([...(event.target.files ?? [])]);
          event.target.value = ''; // the same file may be chosen again
        }}
      />
    </>
  );
}
