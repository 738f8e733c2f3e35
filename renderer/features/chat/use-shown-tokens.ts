import { useEffect, useMemo } from 'react';
import type { ReplyToken } from '../../../electron/contract/chats.ts';
import { useChat, useChatActions } from './chat-context.ts';
import type { ShownTokens } from './ReplyText.tsx';

/**
 * The tokens of a reply where they are to be seen in its text: tinted, or while its timeline is open. Asks for those of an ended reply
 * when they are.
 */
export function useShownTokens(
  replyId: string,
  tokens: readonly ReplyToken[],
  canBeRead = false,
): ShownTokens | null {
  const tint = useChat((state) => state.tint);
  const isWanted = useChat((state) => state.tint !== 'none' || state.timelineOf === replyId);
  const { readTimeline } = useChatActions();
  const isMissing = isWanted && tokens.length === 0 && canBeRead;
  useEffect(() => {
    if (isMissing) void readTimeline(replyId);
  }, [isMissing, readTimeline, replyId]);
  return useMemo(() => (isWanted && tokens.length > 0 ? { tokens, tint } : null), [isWanted, tokens, tint]);
}
