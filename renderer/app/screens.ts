/** The screens, each loaded when it is first shown; Chat comes with the page. */
import { lazy, type ComponentType } from 'react';
import { ChatScreen } from '../features/chat/ChatScreen.tsx';
import type { Screen } from './routes.ts';

export const screens: Readonly<Record<Screen, ComponentType>> = {
  chat: ChatScreen,
  compare: lazy(async () => ({
    default: (await import('../features/compare/CompareScreen.tsx')).CompareScreen,
  })),
  cache: lazy(async () => ({ default: (await import('../features/cache/CacheScreen.tsx')).CacheScreen })),
  models: lazy(async () => ({ default: (await import('../features/models/ModelsScreen.tsx')).ModelsScreen })),
  runs: lazy(async () => ({ default: (await import('../features/runs/RunsScreen.tsx')).RunsScreen })),
  settings: lazy(async () => ({
    default: (await import('../features/settings/SettingsScreen.tsx')).SettingsScreen,
  })),
};
