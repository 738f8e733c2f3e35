/** A chat as a file for people: Markdown and HTML show the branch that is shown, JSON has all. */
import type { Chat, ExportFormat, Message } from '../../contract/chats.ts';
import { toChatFile } from './chat-file.ts';
import { toHtml } from './export-html.ts';
import { toMarkdown } from './export-markdown.ts';

export interface ExportedChat {
  readonly fileName: string;
  readonly mediaType: string;
  readonly text: string;
}

export function exportChat(chat: Chat, messages: readonly Message[], format: ExportFormat): ExportedChat {
  const name = fileNameOf(chat.title);
  switch (format) {
    case 'json':
      return { fileName: `${name}.json`, mediaType: 'application/json', text: toChatFile(chat, messages) };
    case 'markdown':
      return {
        fileName: `${name}.md`,
        mediaType: 'text/markdown',
        text: toMarkdown(chat, shownBranch(chat, messages)),
      };
    case 'html':
      return {
        fileName: `${name}.html`,
        mediaType: 'text/html',
        text: toHtml(chat, shownBranch(chat, messages)),
      };
  }
}

/** From the first message to the leaf. */
function shownBranch({ leafId }: Chat, messages: readonly Message[]): Message[] {
  const byId = new Map(messages.map((message) => [message.id, message]));
  const branch: Message[] = [];
  for (let id = leafId; id !== null;) {
    const message = byId.get(id);
    if (!message) break;
    // Each comes once, whatever the rows say.
    byId.delete(id);
    branch.unshift(message);
    id = message.parentId;
  }
  return branch;
}

/** Letters and digits of the title: a name on every system, also where some names are kept for devices. */
function fileNameOf(title: string): string {
  const words = [...title.normalize('NFC').replace(/[^\p{L}\p{N}]+/gu, '-')].slice(0, 60).join('');
  const name = words.replace(/^-+|-+$/g, '');
  return name === '' || /^(con|prn|aux|nul|com\d|lpt\d)$/i.test(name)
    ? ['chat', name].filter(Boolean).join('-')
    : name;
}
