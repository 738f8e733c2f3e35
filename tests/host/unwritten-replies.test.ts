/** Replies whose end, or whose growing, a disk did not take at first. No engine runs. */
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { LabError } from '../../electron/contract/errors.ts';
import { AppEvents } from '../../electron/host/events.ts';
import { Notices } from '../../electron/host/notices/notices.ts';
import { Replies } from '../../electron/host/replies/replies.ts';
import type { Services } from '../../electron/host/services.ts';
import { addTurn, openChats } from '../helpers/chats.ts';
import { eventually } from '../helpers/eventually.ts';

const never = new AbortController().signal;
const full = new LabError('disk-full', 'The disk is full.');
const encoded = { ids: [1, 2], origins: [0, 0], offsets: [0, 1], warnings: [], ends: [], stops: [] };

/** A chat with one question, and replies to it whose engine ends after `engineMs`. */
async function start(engineMs = 0) {
  const { chats } = openChats();
  const events = new AppEvents();
  const removed: string[] = [];
  events.listen((event) => void (event.type === 'notice-removed' && removed.push(event.id)));
  const notices = new Notices(events);
  const borrow = async () => {
    await delay(engineMs);
    throw new LabError('engine-gone', 'The engine ended.');
  };
  const replies = new Replies({
    ...{ chats, events, notices },
    loaded: { state: { state: 'none' }, wanted: null, borrow },
    models: {
      pathOf: () => Promise.resolve({ path: 'm', title: 'M' }),
      inspect: () => Promise.resolve({ contextLength: 100 }),
    },
    settings: { read: () => Promise.resolve({ defaultContext: null }) },
    text: {
      open: () =>
        Promise.resolve({ info: { hasTemplate: true }, encodeChat: () => Promise.resolve(encoded) }),
    },
  } as unknown as Services);
  const { id: chatId } = await chats.create({});
  const { reply } = await addTurn(chats, { chatId, text: 'Why?', reply: 'So.' });
  const next = () => replies.regenerate(reply.id, 'm', never);
  const follow = (id: string) => replies.follow(id, 0, never, () => Promise.resolve());
  return { chats, notices, removed, replies, next, follow };
}

test('a reply whose end the disk did not take is followed until it is written, and then stands no error', async () => {
  const { chats, notices, removed, next, follow } = await start();
  const finish = vi.spyOn(chats, 'finish').mockRejectedValueOnce(full);
  const { id } = await next();
  const unwritten = 'Its end is not on disk. The disk is full.';
  expect((await follow(id)).reply?.error?.message).toBe(unwritten);
  const [notice] = notices.list();
  expect(notice?.message).toContain('cannot be kept on disk');
  expect((await chats.readMessage(id)).state).toBe('streaming');
  // The chat was left, and opened again.
  expect((await follow(id)).reply?.error?.message).toBe(unwritten);
  await eventually(async () => expect((await chats.readMessage(id)).state).toBe('interrupted'));
  expect((await chats.readMessage(id)).reply?.error?.message).toBe('The engine ended.');
  await eventually(() => expect(removed).toEqual([notice?.id]));
  expect(notices.list()).toEqual([]);
  expect(finish).toHaveBeenCalledTimes(2);
});

test('a host that ends tries once more, and does not wait for a disk that is full', async () => {
  const { chats, replies, next, follow } = await start();
  const finish = vi.spyOn(chats, 'finish').mockRejectedValue(full);
  await follow((await next()).id);
  await replies.close();
  expect(finish).toHaveBeenCalledTimes(2);
});

test('a growing reply that was not kept once and then was leaves no error', async () => {
  const { chats, notices, removed, next, follow } = await start(2000);
  vi.spyOn(chats, 'checkpoint').mockRejectedValueOnce(full);
  const { id } = await next();
  await eventually(() => expect(notices.list()).toHaveLength(1));
  await eventually(() => expect(notices.list()).toEqual([]));
  expect(removed).toHaveLength(1);
  expect((await follow(id)).reply?.error?.message).toBe('The engine ended.');
});
