import { createContext, useContext } from 'react';
import { useStore } from 'zustand';
import type { ChatActions, ChatState } from './chat-state.ts';
import type { ChatStore } from './chat-store.ts';
import type { DraftKeeper, DraftState } from './draft-keeper.ts';

export const ChatContext = createContext<ChatStore | null>(null);

function useChatStore(): ChatStore {
  const store = useContext(ChatContext);
  if (!store) throw new Error('There are no chats around this component.');
  return store;
}

/** A narrow part of the chats. */
export function useChat<Selected>(select: (state: ChatState) => Selected): Selected {
  return useStore(useChatStore(), select);
}

export function useChatActions(): ChatActions {
  return useChatStore().actions;
}

/** What is being written, and the keeper of it. */
export function useDraft(): readonly [state: DraftState, keeper: DraftKeeper] {
  const { draft } = useChatStore();
  return [useStore(draft.store), draft];
}
