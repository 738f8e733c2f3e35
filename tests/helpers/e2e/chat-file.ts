/** A chat as a file that Retort imports. */
import type { ChatFile } from '../../../electron/host/chats/chat-file.ts';
import { noFacts } from '../no-facts.ts';

/** `said`: a message, its reply, the next message … */
export function chatFile(title: string, said: readonly string[]): string {
  const createdAt = Date.now();
  const file: ChatFile = {
    format: 'retort-chat',
    version: 1,
    title,
    isPinned: false,
    systemPrompt: '',
    sampling: { temperature: 0 },
    maxTokens: null,
    createdAt,
    leafId: `m${said.length - 1}`,
    messages: said.map((text, index) => ({
      id: `m${index}`,
      parentId: index === 0 ? null : `m${index - 1}`,
      role: index % 2 === 0 ? 'user' : 'assistant',
      text,
      files: [],
      state: 'complete',
      createdAt,
      reply: index % 2 === 0 ? null : { ...noFacts, finishReason: 'end' },
    })),
  };
  return JSON.stringify(file);
}
