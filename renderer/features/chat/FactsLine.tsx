import { ChevronLeft, ChevronRight } from 'lucide-react';
import type { ReactNode } from 'react';
import type { Message, ReplyFacts } from '../../../electron/contract/chats.ts';
import { formatMilliseconds, formatNumber, formatRate } from '../../ui/format.ts';
import { IconButton } from '../../ui/IconButton.tsx';
import { useChatActions } from './chat-context.ts';
import type { BranchEntry } from './message-tree.ts';
import { stopText } from './reply-words.ts';

function Figure({ value, children }: { readonly value: string; readonly children: ReactNode }) {
  return (
    <span className="whitespace-nowrap">
      <b className="text-text">{value}</b> {children}
    </span>
  );
}

function Figures({ facts }: { readonly facts: ReplyFacts }) {
  const stopped = stopText(facts);
  return (
    <>
      <Figure value={formatNumber(facts.generatedTokens)}>tokens</Figure>
      {facts.decodeTokensPerSecond !== null && facts.decodeTokensPerSecond > 0 && (
        <Figure value={formatRate(facts.decodeTokensPerSecond)}>tokens/s</Figure>
      )}
      {facts.firstTokenMs !== null && (
        <span className="whitespace-nowrap">
          first token after <b className="text-text">{formatMilliseconds(facts.firstTokenMs)}</b>
        </span>
      )}
      {stopped !== null && (
        <span className="whitespace-nowrap">
          stopped at <b className="text-text">{stopped}</b>
        </span>
      )}
      {facts.seed !== null && (
        <span className="whitespace-nowrap">
          seed <b className="text-text">{String(facts.seed)}</b>
        </span>
      )}
    </>
  );
}

/** What a reply came to; a press shows its tokens one by one. */
export function FactsLine({
  message,
  isTimelineOpen,
  children,
}: {
  readonly message: Message;
  readonly isTimelineOpen: boolean;
  readonly children?: ReactNode;
}) {
  const { showTimeline } = useChatActions();
  const facts = message.reply;
  if (!facts) return null;
  return (
    <div className="flex flex-wrap items-center gap-x-3 py-2 text-1 text-text-muted">
      <button
        type="button"
        disabled={!facts.hasTimeline}
        aria-expanded={facts.hasTimeline ? isTimelineOpen : undefined}
        title={facts.hasTimeline ? 'Show the token timeline' : undefined}
        onClick={() => showTimeline(isTimelineOpen ? null : message.id)}
        className="flex cursor-default flex-wrap items-center gap-x-3 rounded-1 text-left enabled:hover:bg-surface-hover"
      >
        <Figures facts={facts} />
      </button>
      <span className="ml-auto flex items-center gap-1">{children}</span>
    </div>
  );
}

/** ‹ 2 of 3 ›: the branches of a message. */
export function BranchSwitch({ entry: { siblings, index } }: { readonly entry: BranchEntry }) {
  const { showBranch } = useChatActions();
  if (siblings.length < 2) return null;
  const show = (place: number) => {
    const id = siblings[place];
    if (id !== undefined) void showBranch(id);
  };
  return (
    <span role="group" aria-label="Branches" className="flex items-center text-1 text-text-muted">
      <IconButton
        icon={ChevronLeft}
        size="small"
        label="Previous branch"
        aria-disabled={index === 0}
        onClick={() => show(index - 1)}
      />
      {index + 1} of {siblings.length}
      <IconButton
        icon={ChevronRight}
        size="small"
        label="Next branch"
        aria-disabled={index === siblings.length - 1}
        onClick={() => show(index + 1)}
      />
    </span>
  );
}
