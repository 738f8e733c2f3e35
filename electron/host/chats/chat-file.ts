/** A whole chat as a JSON file that can be imported again: every branch, settings, figures; no timelines. */
import { z } from 'zod';
import { AttachedFile, Chat, ChatTitle, Message, ReplyFacts } from '../../contract/chats.ts';
import { LabError } from '../../contract/errors.ts';
import { Id } from '../../contract/identifiers.ts';
import { parse } from '../../contract/rpc.ts';

const mostMessages = 100_000;
const mostFiles = 100;
const wholeTime = z.int().nonnegative();

const FileMessage = z.strictObject({
  ...Message.omit({ chatId: true, state: true, files: true }).shape,
  createdAt: wholeTime,
  files: z.array(AttachedFile).max(mostFiles),
  /** A reply that still grew when the file was written is one that was interrupted. */
  state: z.enum(['complete', 'interrupted']),
  reply: ReplyFacts.nullable(),
});
type FileMessage = z.infer<typeof FileMessage>;

const ChatFile = z.strictObject({
  format: z.literal('retort-chat'),
  version: z.literal(1),
  title: ChatTitle,
  ...Chat.pick({ isPinned: true, systemPrompt: true, sampling: true, maxTokens: true }).shape,
  createdAt: wholeTime,
  /** The last message of the branch that is shown. */
  leafId: Id.nullable(),
  /** Each after the one it follows. */
  messages: z.array(FileMessage).max(mostMessages),
});
export type ChatFile = z.infer<typeof ChatFile>;

export function toChatFile(chat: Chat, messages: readonly Message[]): string {
  const { title, isPinned, createdAt, systemPrompt, sampling, maxTokens, leafId } = chat;
  const file: ChatFile = {
    ...{
      format: 'retort-chat',
      version: 1,
      title,
      isPinned,
      createdAt,
      systemPrompt,
      sampling,
      maxTokens,
      leafId,
    },
    messages: messages.map(toFileMessage),
  };
  return `${JSON.stringify(file, null, 2)}\n`;
}

function toFileMessage({ id, parentId, role, text, files, state, createdAt, reply }: Message): FileMessage {
  return {
    ...{ id, parentId, role, text, files, createdAt },
    state: state === 'complete' ? 'complete' : 'interrupted',
    // Timelines stay where they were made.
    reply: reply && { ...reply, hasTimeline: false },
  };
}

/** Throws bad-request naming the field that is wrong; nothing in the file is believed before. */
export function parseChatFile(text: string): ChatFile {
  const file = parse(ChatFile, parseJson(text), 'the chat file', 'bad-request');
  checkTree(file);
  return file;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw wrong('', `this is no JSON (${(error as Error).message})`);
  }
}

/** Messages follow each other as in a chat of Retort: then there are no cycles either. */
function checkTree({ messages, leafId }: ChatFile): void {
  const roles = new Map<string, FileMessage['role']>();
  messages.forEach(({ id, parentId, role, reply }, index) => {
    const field = (name: string) => `messages.${index}.${name}`;
    if (roles.has(id)) throw wrong(field('id'), `there is a message ${id} before`);
    const parent = parentId === null ? null : roles.get(parentId);
    if (parent === undefined)
      throw wrong(field('parentId'), `there is no message ${String(parentId)} before it`);
    if (parent === role) throw wrong(field('role'), 'a message follows a reply and a reply a message');
    if ((reply !== null) !== (role === 'assistant'))
      throw wrong(field('reply'), 'a reply has figures, a message has none');
    roles.set(id, role);
  });
  if (leafId !== null && !roles.has(leafId)) throw wrong('leafId', `there is no message ${leafId}`);
}

function wrong(field: string, problem: string): LabError {
  const place = field === '' ? 'the chat file' : `the chat file, ${field}`;
  return new LabError(
    'bad-request',
    `${place}: ${problem}. Nothing was imported.`,
    field === '' ? {} : { field },
  );
}
