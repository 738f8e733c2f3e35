import type { AttachedFile, Chat, Message } from '../../contract/chats.ts';

export function toMarkdown(chat: Chat, branch: readonly Message[]): string {
  const system = chat.systemPrompt === '' ? [] : ['## System prompt', chat.systemPrompt];
  return `${[`# ${oneLine(chat.title)}`, ...system, ...branch.flatMap(partsOf)].join('\n\n')}\n`;
}

function partsOf({ role, reply, text, files, state }: Message): string[] {
  const heading = role === 'user' ? 'You' : (reply?.modelTitle ?? 'Reply');
  const ending = state === 'complete' ? [] : [`*${reply?.error?.message ?? 'Interrupted.'}*`];
  return [`## ${oneLine(heading)}`, text, ...files.flatMap(filePart), ...ending];
}

/** In a fence that is longer than any in the file. */
function filePart({ name, text }: AttachedFile): string[] {
  const longest = Math.max(0, ...(text.match(/`+/g) ?? []).map((ticks) => ticks.length));
  const fence = '`'.repeat(Math.max(3, longest + 1));
  return [`**${oneLine(name)}**`, `${fence}\n${text}\n${fence}`];
}

function oneLine(text: string): string {
  return text.replace(/\s+/gu, ' ');
}
