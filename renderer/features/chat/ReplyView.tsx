import { useSyncExternalStore } from 'react';
import type { ReplyPhase } from '../../../electron/contract/chats.ts';
import { useApp } from '../../app/app-context.ts';
import { Button } from '../../ui/Button.tsx';
import { formatCount, formatRate } from '../../ui/format.ts';
import { Notice } from '../../ui/Notice.tsx';
import { ProgressBar } from '../../ui/ProgressBar.tsx';
import { useChat, useChatActions } from './chat-context.ts';
import type { Timeline } from './chat-state.ts';
import { CopyButton } from '../../ui/CopyButton.tsx';
import { BranchSwitch, FactsLine } from './FactsLine.tsx';
import { latestRate, type ReplySnapshot } from './growing-reply.ts';
import type { BranchEntry } from './message-tree.ts';
import { isUnfinished, phaseText } from './reply-words.ts';
import { ReplyText, type ShownTokens } from './ReplyText.tsx';
import { TokenPointer } from './TokenPointer.tsx';
import { useModelForSending } from './use-model.ts';
import { useShownTokens } from './use-shown-tokens.ts';

const noTokens: Timeline = { tokens: [], prefill: [] };
const nothingGrows = { subscribe: () => () => undefined, getSnapshot: () => null };

/** A model's message: as it grows, or as it ended. Its text stays the same element, so that the end draws nothing of it anew. */
export function ReplyView({ entry }: { readonly entry: BranchEntry }) {
  const { message } = entry;
  const growing = useChat((state) => state.growing.get(message.id));
  const { subscribe, getSnapshot } = growing ?? nothingGrows;
  const snapshot = useSyncExternalStore<ReplySnapshot | null>(subscribe, getSnapshot);
  const timeline = useChat((state) => state.timelines.get(message.id)) ?? noTokens;
  const tokens = snapshot?.tokens ?? timeline.tokens;
  const shown = useShownTokens(message.id, tokens, !growing && message.reply?.hasTimeline === true);
  // A page that joins shows what is on disk until it is told the rest.
  const text = snapshot && tokens.length > 0 ? snapshot.text : message.text;
  return (
    <article aria-label="Reply" aria-busy={growing ? true : undefined}>
      <Pointed replyId={message.id} shown={shown} text={text} isGrowing={growing !== undefined} />
      {snapshot ? <GrowingFoot entry={entry} snapshot={snapshot} /> : <EndedFoot entry={entry} />}
    </article>
  );
}

function GrowingFoot({
  entry,
  snapshot: { phase, isStopping, tokens },
}: {
  readonly entry: BranchEntry;
  readonly snapshot: ReplySnapshot;
}) {
  return (
    <div className="flex items-center gap-3">
      <Phase phase={phase} isStopping={isStopping} tokenCount={tokens.length} rate={latestRate(tokens)} />
      <BranchSwitch entry={entry} />
    </div>
  );
}

function Pointed({
  replyId,
  shown,
  text,
  isGrowing,
}: {
  readonly replyId: string;
  readonly shown: ShownTokens | null;
  readonly text: string;
  readonly isGrowing: boolean;
}) {
  const drawn = <ReplyText text={text} isGrowing={isGrowing} shown={shown} />;
  if (!shown) return drawn;
  return (
    <TokenPointer replyId={replyId} tokens={shown.tokens}>
      {drawn}
    </TokenPointer>
  );
}

function Phase({
  phase,
  isStopping,
  tokenCount,
  rate,
}: {
  readonly phase: ReplyPhase;
  readonly isStopping: boolean;
  readonly tokenCount: number;
  readonly rate: number | null;
}) {
  if (!isStopping && phase.phase === 'reading') {
    return (
      <div className="flex-1 py-2">
        <ProgressBar
          title="Reading the prompt"
          done={phase.done}
          total={phase.total}
          figures={[phaseText(phase).replace('reading ', '')]}
        />
      </div>
    );
  }
  return (
    <p role="status" className="mr-auto flex gap-x-3 py-2 text-1 text-text-muted">
      <span>{isStopping ? 'stopping' : phaseText(phase)}</span>
      {tokenCount > 0 && <span>{formatCount(tokenCount, 'token')}</span>}
      {rate !== null && !isStopping && <span>{formatRate(rate)} tokens/s</span>}
    </p>
  );
}

function EndedFoot({ entry }: { readonly entry: BranchEntry }) {
  const { message } = entry;
  const isTimelineOpen = useChat((state) => state.timelineOf === message.id);
  return (
    <>
      <Interruption entry={entry} />
      <FactsLine message={message} isTimelineOpen={isTimelineOpen}>
        {message.state === 'complete' && <Continue entry={entry} />}
        <CopyButton text={message.text} />
        {message.state === 'complete' && <Regenerate entry={entry} />}
        <BranchSwitch entry={entry} />
      </FactsLine>
    </>
  );
}

/** Why a reply has no end, and what can be done. */
function Interruption({ entry }: { readonly entry: BranchEntry }) {
  const { message } = entry;
  if (message.state !== 'interrupted') return null;
  return (
    <div className="pt-3">
      <Notice
        level="error"
        title="This reply was interrupted."
        actions={
          <>
            <Continue entry={entry} />
            <Regenerate entry={entry} />
          </>
        }
      >
        {message.reply?.error?.message ?? 'It ended before it was complete.'}
      </Notice>
    </div>
  );
}

function Regenerate({ entry: { message } }: { readonly entry: BranchEntry }) {
  const { regenerate } = useChatActions();
  const model = useModelForSending();
  return (
    <Button
      variant={message.state === 'complete' ? 'quiet' : 'plain'}
      size="small"
      disabled={model === null}
      onClick={() => model !== null && void regenerate(message.id, model)}
    >
      Regenerate
    </Button>
  );
}

/** Goes on from the last token of which it is known what else could have stood there. */
function Continue({ entry: { message } }: { readonly entry: BranchEntry }) {
  const { continueReply } = useChatActions();
  const isReady = useApp((state) => state.engine.state !== 'none');
  if (!isUnfinished(message) || message.reply?.hasTimeline !== true || !isReady) return null;
  return (
    <Button
      variant={message.state === 'complete' ? 'quiet' : 'plain'}
      size="small"
      onClick={() => void continueReply(message.id)}
    >
      Continue
    </Button>
  );
}
