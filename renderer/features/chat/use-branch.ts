import { useMemo } from 'react';
import { useChat } from './chat-context.ts';
import { branchTo, type BranchEntry } from './message-tree.ts';

const none: readonly BranchEntry[] = [];

/** The branch that is shown. */
export function useBranch(): readonly BranchEntry[] {
  const messages = useChat((state) => state.current?.messages);
  const leafId = useChat((state) => state.current?.chat.leafId ?? null);
  return useMemo(() => (messages ? branchTo(messages, leafId) : none), [messages, leafId]);
}
