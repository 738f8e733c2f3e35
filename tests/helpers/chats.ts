/** Chats in a data folder of their own, what they told pages, and replies to fill them with. */
import { onTestFinished } from 'vitest';
import type { Message } from '../../electron/contract/chats.ts';
import type { AppEvent } from '../../electron/contract/page-contract.ts';
import { Chats } from '../../electron/host/chats/chats.ts';
import { AppEvents } from '../../electron/host/events.ts';
import { openStore, type Store } from '../../electron/host/store/store.ts';
import { noFacts } from './no-facts.ts';
import { temporaryFolder } from './test-host.ts';

export interface TestChats {
  readonly chats: Chats;
  readonly store: Store;
  readonly home: string;
  /** What pages were told, oldest first. */
  readonly told: AppEvent[];
}

export function openChats(home = temporaryFolder()): TestChats {
  const store = openStore(home);
  onTestFinished(() => store.close());
  const events = new AppEvents();
  const told: AppEvent[] = [];
  events.listen((event) => told.push(event));
  return { chats: new Chats(store, events), store, home, told };
}

/** A message and its whole reply. */
export async function addTurn(
  chats: Chats,
  turn: { chatId: string; parentId?: string | null; text: string; reply: string },
): Promise<{ message: Message; reply: Message }> {
  const { chatId, parentId = null, text } = turn;
  const { message, reply } = await chats.begin({ chatId, parentId, text, files: [] }, noFacts);
  const facts = { ...noFacts, finishReason: 'stop', promptTokens: 5, generatedTokens: 3 } as const;
  return {
    message,
    reply: await chats.finish(reply.id, 'complete', { text: turn.reply, facts, timeline: null }),
  };
}
