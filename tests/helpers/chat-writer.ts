/**
 * `node chat-writer.ts HOME CYCLE`: owns the chats and writes numbered messages and replies that grow, one after the other, until it is killed. Tells
 * of each once it is acknowledged.
 */
import { Chats } from '../../electron/host/chats/chats.ts';
import { ownChats } from '../../electron/host/chats/owner.ts';
import { AppEvents } from '../../electron/host/events.ts';
import { openOwnedStore } from '../../electron/host/store/owned-store.ts';
import { noFacts } from './no-facts.ts';

/** `text`: what a message or reply is known to hold at least. */
export type WriterReport =
  | { readonly type: 'ready'; readonly openedMs: number; readonly notices: readonly string[] }
  | {
      readonly type: 'acknowledged';
      readonly id: string;
      readonly text: string;
      readonly state: 'complete' | 'growing';
    };

const tell = (report: WriterReport) => process.send?.(report);
const [home = '', cycle = ''] = process.argv.slice(2);
const begunAt = performance.now();
const notices: string[] = [];
ownChats(home);
const store = await openOwnedStore(home, { tell: (_, message) => notices.push(message) });
const chats = new Chats(store, new AppEvents());
await chats.takeOver();
const [known] = await chats.list();
const chatId = known?.id ?? (await chats.create({ title: 'Numbers' })).id;
let parentId =
  (await chats.read(chatId)).messages.findLast((message) => message.role === 'assistant')?.id ?? null;
tell({ type: 'ready', openedMs: performance.now() - begunAt, notices });

for (let number = 0; ; number++) {
  const text = `message ${cycle}-${number}`;
  const { message, reply } = await chats.begin({ chatId, parentId, text, files: [] }, noFacts);
  tell({ type: 'acknowledged', id: message.id, text, state: 'complete' });
  const growing = `reply ${cycle}-${number}`;
  await chats.checkpoint(reply.id, growing, noFacts);
  tell({ type: 'acknowledged', id: reply.id, text: growing, state: 'growing' });
  const timeline = { tokens: [], prefill: [] };
  await chats.finish(reply.id, 'complete', { text: `${growing} whole`, facts: noFacts, timeline });
  tell({ type: 'acknowledged', id: reply.id, text: `${growing} whole`, state: 'complete' });
  parentId = reply.id;
}
