import { createContext, useContext } from 'react';
import { useStore } from 'zustand';
import type { AppActions, AppState, AppStore } from './app-store.ts';

export const AppContext = createContext<AppStore | null>(null);

function useAppStore(): AppStore {
  const store = useContext(AppContext);
  if (!store) throw new Error('There is no app around this component.');
  return store;
}

/** A narrow part of what every screen shares. */
export function useApp<Selected>(select: (state: AppState) => Selected): Selected {
  return useStore(useAppStore(), select);
}

export function useAppActions(): AppActions {
  return useAppStore().actions;
}
