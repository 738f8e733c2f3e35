import { useEffect } from 'react';
import { useRoute } from '../../app/routes.ts';
import { useChatActions } from './chat-context.ts';

export function ChatScreen() {
  const route = useRoute();
  const chatId = route.screen === 'chat' ? route.chatId : null;
  const { open } = useChatActions();
  useEffect(() => void open(chatId), [chatId, open]);
  return <div />;
}
