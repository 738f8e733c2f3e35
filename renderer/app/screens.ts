/** The screens, each loaded when it is first shown; Chat comes with the page. */
import type { ComponentType } from 'react';
import { ChatScreen } from '../features/chat/ChatScreen.tsx';
import type { Screen } from './routes.ts';

export const screens: Readonly<Partial<Record<Screen, ComponentType>>> = {
  chat: ChatScreen,
};
