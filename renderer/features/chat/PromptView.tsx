import { Pencil } from 'lucide-react';
import { useState } from 'react';
import type { Message } from '../../../electron/contract/chats.ts';
import { formatCount } from '../../ui/format.ts';
import { IconButton } from '../../ui/IconButton.tsx';
import { CopyButton } from '../../ui/CopyButton.tsx';
import { BranchSwitch } from './FactsLine.tsx';
import type { BranchEntry } from './message-tree.ts';
import { PromptEditor } from './PromptEditor.tsx';

/** What a person wrote, as they wrote it. */
export function PromptView({
  entry,
  isEditing,
  onEdit,
}: {
  readonly entry: BranchEntry;
  readonly isEditing: boolean;
  readonly onEdit: (messageId: string | null) => void;
}) {
  const { message } = entry;
  if (isEditing) return <PromptEditor message={message} onEnd={() => onEdit(null)} />;
  return (
    <article aria-label="Your message" className="group relative mb-4">
      <div className="border-l-2 border-line-strong pl-3">
        {message.text !== '' && (
          <p dir="auto" className="text-3 break-words whitespace-pre-wrap">
            {message.text}
          </p>
        )}
        <Files message={message} />
      </div>
      <BranchSwitch entry={entry} />
      <span className="absolute -top-1 right-0 flex items-center gap-1 rounded-1 bg-surface-raised opacity-0 group-focus-within:opacity-100 group-hover:opacity-100">
        <IconButton icon={Pencil} size="small" label="Edit, as a branch" onClick={() => onEdit(message.id)} />
        <CopyButton text={message.text} label="Copy message" />
      </span>
    </article>
  );
}

function Files({ message: { files } }: { readonly message: Message }) {
  const [open, setOpen] = useState<number | null>(null);
  const shown = open === null ? undefined : files[open];
  if (files.length === 0) return null;
  return (
    <div className="grid gap-2 py-1">
      <div className="flex flex-wrap gap-2">
        {files.map(({ name, text }, index) => (
          <button
            key={index}
            type="button"
            aria-expanded={open === index}
            onClick={() => setOpen(open === index ? null : index)}
            className="h-6 cursor-default rounded-1 border border-line px-2 text-1 text-text-muted hover:bg-surface-hover"
          >
            {name}, {formatCount(text.length, 'character')}
          </button>
        ))}
      </div>
      {shown && (
        <pre
          tabIndex={0}
          aria-label={shown.name}
          className="scrollable max-h-60 rounded-1 bg-surface-sunken p-3 font-token text-2"
        >
          {shown.text}
        </pre>
      )}
    </div>
  );
}
