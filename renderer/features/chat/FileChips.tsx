import { X } from 'lucide-react';
import type { AttachedFile } from '../../../electron/contract/chats.ts';
import { formatCount } from '../../ui/format.ts';

/** Text files that go with a message. */
export function FileChips({
  files,
  onRemove,
}: {
  readonly files: readonly AttachedFile[];
  readonly onRemove: (index: number) => void;
}) {
  if (files.length === 0) return null;
  return (
    <ul aria-label="Attached files" className="flex flex-wrap gap-2">
      {files.map(({ name, text }, index) => (
        <li
          key={index}
          className="flex h-6 items-center gap-1 rounded-1 border border-line pl-2 text-1 text-text-muted"
        >
          {name}, {formatCount(text.length, 'character')}
          <button
            type="button"
            aria-label={`Remove ${name}`}
            onClick={() => onRemove(index)}
            className="grid size-6 cursor-default place-items-center hover:text-text"
          >
            <X size={12} aria-hidden />
          </button>
        </li>
      ))}
    </ul>
  );
}
