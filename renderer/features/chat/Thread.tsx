import { ArrowDown } from 'lucide-react';
import { memo, useEffect, useState } from 'react';
import { Button } from '../../ui/Button.tsx';
import { formatCount } from '../../ui/format.ts';
import type { BranchEntry } from './message-tree.ts';
import { PromptView } from './PromptView.tsx';
import { ReplyView } from './ReplyView.tsx';
import { useAutoScroll } from './use-auto-scroll.ts';

/** So many messages are drawn at first, and so many more each time the beginning of them is reached. */
const drawnAtOnce = 24;

export interface ThreadProps {
  readonly branch: readonly BranchEntry[];
  /** The prompt that is being edited. */
  readonly editing: string | null;
  readonly onEdit: (messageId: string | null) => void;
  /** A message to begin at, as from a search. */
  readonly target: string | null;
}

interface EntryProps {
  readonly entry: BranchEntry;
  readonly isEditing: boolean;
  readonly onEdit: (messageId: string | null) => void;
}

/** A branch is made anew when anything in it changes; most of its entries say what they said. */
function saysTheSame(before: EntryProps, after: EntryProps): boolean {
  return (
    before.isEditing === after.isEditing &&
    before.onEdit === after.onEdit &&
    before.entry.message === after.entry.message &&
    before.entry.index === after.entry.index &&
    before.entry.siblings.length === after.entry.siblings.length
  );
}

const EntryView = memo(function EntryView({ entry, isEditing, onEdit }: EntryProps) {
  return (
    <div id={`message-${entry.message.id}`} className="mx-auto w-full max-w-170 wide:max-w-190">
      {entry.message.role === 'user' ? (
        <PromptView entry={entry} isEditing={isEditing} onEdit={onEdit} />
      ) : (
        <div className="pb-4">
          <ReplyView entry={entry} />
        </div>
      )}
    </div>
  );
}, saysTheSame);

/** One branch of the open chat, the latest messages first to be drawn. */
export function Thread({ branch, editing, onEdit, target }: ThreadProps) {
  const { outer, inner, isFollowing, follow } = useAutoScroll();
  const [drawn, setDrawn] = useState(drawnAtOnce);
  const targetPlace = branch.findIndex(({ message }) => message.id === target);
  const needed = targetPlace < 0 ? drawn : Math.max(drawn, branch.length - targetPlace);
  const hidden = Math.max(0, branch.length - needed);
  useEffect(() => {
    if (target !== null) document.getElementById(`message-${target}`)?.scrollIntoView({ block: 'start' });
  }, [target]);
  return (
    <div className="relative min-h-0">
      <div
        ref={outer}
        tabIndex={0}
        role="log"
        aria-label="Messages"
        className="scrollable h-full px-6 pt-4 focus-visible:shadow-none focus-visible:inset-ring-2 focus-visible:inset-ring-focus"
      >
        <div ref={inner} className="flex min-h-full flex-col justify-end">
          {hidden > 0 && (
            <div className="mx-auto pb-4">
              <Button size="small" onClick={() => setDrawn(needed + drawnAtOnce)}>
                Show earlier, {formatCount(hidden, 'message')} above
              </Button>
            </div>
          )}
          {branch.slice(hidden).map((entry) => (
            <EntryView
              key={entry.message.id}
              entry={entry}
              isEditing={editing === entry.message.id}
              onEdit={onEdit}
            />
          ))}
        </div>
      </div>
      {!isFollowing && (
        <Button
          size="small"
          className="absolute bottom-2 left-1/2 -translate-x-1/2 shadow-float"
          onClick={follow}
        >
          <ArrowDown size={12} aria-hidden /> To the end
        </Button>
      )}
    </div>
  );
}
