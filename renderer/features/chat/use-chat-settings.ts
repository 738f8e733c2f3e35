import { useChat, useChatActions } from './chat-context.ts';
import type { NextChat } from './chat-state.ts';

/** System prompt and sampling of the open chat, or of the one to come, and how to change them. */
export function useChatSettings(): {
  readonly settings: NextChat;
  readonly change: (change: Partial<NextChat>) => Promise<void>;
} {
  const chat = useChat((state) => state.current?.chat ?? null);
  const next = useChat((state) => state.next);
  const { changeChat, changeNext } = useChatActions();
  return { settings: chat ?? next, change: chat ? changeChat : changeNext };
}
