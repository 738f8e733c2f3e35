import { X } from 'lucide-react';
import { useSyncExternalStore } from 'react';
import { useStore } from 'zustand';
import { useApp } from '../../app/app-context.ts';
import { fragmentOf } from '../../app/routes.ts';
import { IconButton } from '../../ui/IconButton.tsx';
import { streamingOf } from '../instruments/weight-parts.ts';
import { TokenTimeline } from '../timeline/token-timeline.tsx';
import { useChat, useChatActions } from './chat-context.ts';
import type { Timeline } from './chat-state.ts';
import type { GrowingReply } from './growing-reply.ts';
import { hoveredToken, hoverToken } from './hovered-token.ts';

/** The token timeline of the reply whose facts were pressed; it goes on while the reply is written. */
export function TimelinePane() {
  const replyId = useChat((state) => state.timelineOf);
  const growing = useChat((state) => (replyId === null ? undefined : state.growing.get(replyId)));
  const ended = useChat((state) => (replyId === null ? undefined : state.timelines.get(replyId)));
  if (replyId === null) return null;
  if (growing) return <GrowingTimeline key={replyId} replyId={replyId} growing={growing} />;
  return ended ? <Pane key={replyId} replyId={replyId} timeline={ended} isLive={false} /> : null;
}

function GrowingTimeline({ replyId, growing }: { readonly replyId: string; readonly growing: GrowingReply }) {
  const timeline = useSyncExternalStore(growing.subscribe, growing.getSnapshot);
  return <Pane replyId={replyId} timeline={timeline} isLive />;
}

function Pane({
  replyId,
  timeline,
  isLive,
}: {
  readonly replyId: string;
  readonly timeline: Timeline;
  readonly isLive: boolean;
}) {
  const { branchReply, showTimeline } = useChatActions();
  const budgetHref = useApp(({ engine }) =>
    engine.state === 'ready' && streamingOf(engine)
      ? fragmentOf({ screen: 'models', modelId: engine.model })
      : undefined,
  );
  const hovered = useStore(hoveredToken, ({ token }) => (token?.replyId === replyId ? token.index : null));
  return (
    <div className="relative min-w-0 border-t border-line bg-surface-raised px-6 py-2 wide:px-8">
      <TokenTimeline
        tokens={timeline.tokens}
        prefill={timeline.prefill}
        live={isLive}
        hovered={hovered}
        budgetHref={budgetHref}
        onHover={(index) => hoverToken(replyId, index)}
        onBranch={(token, alternative) => void branchReply(replyId, token, alternative)}
      />
      <IconButton
        icon={X}
        size="small"
        label="Close the timeline"
        className="absolute! top-2 right-1"
        onClick={() => showTimeline(null)}
      />
    </div>
  );
}
