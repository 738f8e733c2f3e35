/** From a branch of a chat to what a model is given. */
import type { AttachedFile, Message } from '../../contract/chats.ts';
import type { ChatMessage } from '../../contract/tokens.ts';
import { withoutThinking } from '../../contract/thinking.ts';

/** Where a part of a message's content came from: characters [from, to) of it. */
export interface ContentPart {
  readonly origin: 'user' | 'assistant' | 'file' | 'system' | 'draft';
  readonly messageId: string | null;
  readonly label: string;
  readonly from: number;
  readonly to: number;
}

/** A message for the template, and what its content consists of. */
export interface PromptMessage extends ChatMessage {
  readonly parts: readonly ContentPart[];
}

/** What is not on disk yet. */
export interface Draft {
  readonly text: string;
  readonly files: readonly AttachedFile[];
}

const labelLength = 60;

/** The system prompt, the messages from the first to the last, and the draft after them. An empty reply is left out. */
export function promptOf(
  systemPrompt: string,
  branch: readonly Message[],
  draft: Draft | null,
): PromptMessage[] {
  const system = systemPrompt.trim() === '' ? [] : [whole('system', 'system', null, systemPrompt)];
  const said = branch.flatMap((message) => {
    if (message.role === 'user') return [userMessage('user', message.id, message)];
    const text = withoutThinking(message.text);
    return text.trim() === '' ? [] : [whole('assistant', 'assistant', message.id, text)];
  });
  const next = draft ? [userMessage('draft', null, draft)] : [];
  return [...system, ...said, ...next];
}

/** A message that consists of one part. */
export function whole(
  role: string,
  origin: ContentPart['origin'],
  messageId: string | null,
  content: string,
): PromptMessage {
  return {
    role,
    content,
    parts: [{ origin, messageId, label: labelOf(content), from: 0, to: content.length }],
  };
}

/** The text, then each file under its name; a fence longer than any in the file keeps it apart. */
function userMessage(
  origin: 'user' | 'draft',
  messageId: string | null,
  { text, files }: Draft,
): PromptMessage {
  const parts: ContentPart[] = [{ origin, messageId, label: labelOf(text), from: 0, to: text.length }];
  let content = text;
  for (const file of files) {
    const from = content.length;
    const fence = '`'.repeat(Math.max(3, longestFence(file.text) + 1));
    content += `${content === '' ? '' : '\n\n'}${file.name}:\n${fence}\n${file.text}\n${fence}`;
    parts.push({ origin: 'file', messageId, label: file.name, from, to: content.length });
  }
  return { role: 'user', content, parts };
}

function longestFence(text: string): number {
  return (text.match(/`{3,}/g) ?? []).reduce((longest, fence) => Math.max(longest, fence.length), 0);
}

function labelOf(text: string): string {
  const line = text.trim().split('\n', 1)[0] ?? '';
  return line.length > labelLength ? `${line.slice(0, labelLength - 1)}…` : line;
}
