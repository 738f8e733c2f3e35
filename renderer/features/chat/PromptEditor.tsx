import { useId, useState } from 'react';
import type { Message } from '../../../electron/contract/chats.ts';
import { Button } from '../../ui/Button.tsx';
import { Notice } from '../../ui/Notice.tsx';
import { useChatActions } from './chat-context.ts';
import { reasonOf } from './chat-store.ts';
import { FileChips } from './FileChips.tsx';
import { useModelForSending } from './use-model.ts';

/** Another wording of a message: sent, it is a branch beside the old one. */
export function PromptEditor({ message, onEnd }: { readonly message: Message; readonly onEnd: () => void }) {
  const id = useId();
  const { send } = useChatActions();
  const model = useModelForSending();
  const [text, setText] = useState(message.text);
  const [files, setFiles] = useState(message.files);
  const [error, setError] = useState<string | null>(null);
  const [isSending, setSending] = useState(false);
  const canSend = model !== null && !isSending && (text.trim() !== '' || files.length > 0);
  const submit = async () => {
    if (!canSend) return;
    setSending(true);
    try {
      await send({ text, files }, message.parentId, model);
      onEnd();
    } catch (reason) {
      setError(reasonOf(reason));
      setSending(false);
    }
  };
  return (
    <div className="mb-4 grid gap-2 border-l-2 border-accent pl-3">
      <label htmlFor={id} className="sr-only">
        Edit your message
      </label>
      <textarea
        id={id}
        autoFocus
        value={text}
        rows={Math.min(12, Math.max(2, text.split('\n').length))}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => {
          if (event.nativeEvent.isComposing) return;
          if (event.key === 'Enter' && !event.shiftKey) {
            event.preventDefault();
            void submit();
          } else if (event.key === 'Escape') {
            event.stopPropagation();
            onEnd();
          }
        }}
        className="w-full rounded-1 border border-line-strong bg-surface-raised px-2 py-1 text-3"
      />
      <FileChips files={files} onRemove={(index) => setFiles(files.filter((_file, at) => at !== index))} />
      {error !== null && <Notice level="error" title={error} />}
      <div className="flex gap-2">
        <Button variant="primary" disabled={!canSend} onClick={() => void submit()}>
          Send as a branch
        </Button>
        <Button onClick={onEnd}>Cancel</Button>
      </div>
    </div>
  );
}
