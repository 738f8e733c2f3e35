import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Message, ReplyToken, ReplyUpdate } from '../../electron/contract/chats.ts';
import { GrowingReply } from '../../electron/host/replies/growing-reply.ts';

function token(id: number): ReplyToken {
  const trace = {
    step: id,
    phase: 'decode',
    tokens: 1,
    position: id,
    startNs: id,
    timeNs: { total: 1 },
  } as const;
  return { id, text: `${id} `, piece: `${id}`, trace };
}
const tokens = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => token(from + i));
const ended: Message = {
  id: 'reply',
  chatId: 'chat',
  parentId: null,
  role: 'assistant',
  text: '',
  files: [],
  state: 'complete',
  createdAt: 0,
  reply: null,
};
const never = new AbortController().signal;

/** Follows to the end; returns the ids in the order they came and every update. */
function follower(reply: GrowingReply, from: number, signal = never, pause = () => Promise.resolve()) {
  const updates: ReplyUpdate[] = [];
  const done = reply.follow(from, signal, async (update) => {
    updates.push(update);
    await pause();
  });
  return { updates, done, ids: () => updates.flatMap((update) => update.tokens.map(({ id }) => id)) };
}

test('every follower gets every token once and in order, from wherever it joins', async () => {
  const reply = new GrowingReply();
  const early = follower(reply, 0);
  reply.add(tokens(0, 5), []);
  await nextTurn();
  const late = follower(reply, 3);
  reply.add(tokens(5, 9), []);
  await nextTurn();
  reply.end(ended);
  expect(await early.done).toBe(ended);
  expect(await late.done).toBe(ended);
  expect(early.ids()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
  expect(late.ids()).toEqual([3, 4, 5, 6, 7, 8]);
  expect(late.updates.map(({ number }) => number)).toEqual([3, 5, 9]);
  expect(reply.text).toBe('0 1 2 3 4 5 6 7 8 ');
});

test('what comes while a follower reads goes to it in one piece', async () => {
  const reply = new GrowingReply();
  let release = () => undefined as void;
  const slow = follower(reply, 0, never, () => new Promise<void>((resolve) => (release = resolve)));
  for (let id = 0; id < 50; id += 1) reply.add([token(id)], []);
  release();
  await nextTurn();
  expect(slow.updates).toHaveLength(2);
  expect(slow.updates[1]?.tokens).toHaveLength(50);
  reply.end(ended);
  release();
  await nextTurn();
  release();
  expect(await slow.done).toBe(ended);
});

test('a follower that joins beyond the end waits for what is new', async () => {
  const reply = new GrowingReply();
  reply.add(tokens(0, 2), []);
  const ahead = follower(reply, 100);
  reply.add(tokens(2, 3), []);
  reply.end(ended);
  await ahead.done;
  expect(ahead.ids()).toEqual([2]);
});

test('a follower that leaves ends alone', async () => {
  const reply = new GrowingReply();
  const leaving = new AbortController();
  const gone = follower(reply, 0, leaving.signal);
  const stays = follower(reply, 0);
  await nextTurn();
  leaving.abort();
  expect(await gone.done).toBeNull();
  reply.add(tokens(0, 1), []);
  reply.end(ended);
  await stays.done;
  expect(stays.ids()).toEqual([0]);
});

test('the phase is told: waiting, reading, and writing from the first token', async () => {
  const reply = new GrowingReply();
  const all = follower(reply, 0);
  await nextTurn();
  reply.setPhase({ phase: 'reading', done: 256, total: 812 });
  await nextTurn();
  reply.add(tokens(0, 1), []);
  reply.end(ended);
  await all.done;
  expect(all.updates.map(({ phase }) => phase)).toEqual([
    { phase: 'waiting', for: 'the model' },
    { phase: 'reading', done: 256, total: 812 },
    { phase: 'writing' },
  ]);
});
