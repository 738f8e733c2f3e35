import { describe, expect, onTestFinished, test } from 'vitest';
import type { TokenBatch } from '../../electron/contract/reply.ts';
import { SamplingParameters } from '../../electron/contract/sampling.ts';
import type { TraceRecord } from '../../electron/contract/trace.ts';
import { Conversation } from '../../electron/engine/conversation.ts';
import type { Engine } from '../../electron/engine/engine.ts';
import { generate, prefillChunk, type GenerateRequest } from '../../electron/engine/generate.ts';
import { bundledModel } from '../helpers/golden.ts';
import { openModel, tinyFolder } from '../helpers/native-engine.ts';
import { peakAt, tableEngine } from '../helpers/table-engine.ts';

const context = 700;
const defaults: Omit<GenerateRequest, 'ids'> = {
  maxTokens: 12,
  sampling: SamplingParameters.parse({ temperature: 0.8, topK: 0, seed: 11 }),
  ends: new Set(),
  stops: [],
  continues: false,
  trace: true,
};

interface Turn {
  readonly ids: readonly number[];
  readonly more?: Partial<GenerateRequest>;
  readonly context?: number;
  readonly signal?: AbortSignal;
  readonly onTrace?: (record: TraceRecord) => void;
}

/** Runs a turn in the conversation and gives its result with what its trace says. */
async function say(conversation: Conversation, turn: Turn) {
  const trace: TraceRecord[] = [];
  const reports: { done: number; total: number }[] = [];
  const request = { ...defaults, ids: turn.ids, ...turn.more };
  const result = await conversation.reply(turn.context ?? context, request, {
    signal: turn.signal ?? new AbortController().signal,
    emit(batch: TokenBatch) {
      for (const record of batch.trace) turn.onTrace?.(record);
      trace.push(...batch.trace);
      return Promise.resolve();
    },
    onProgress: ({ done, total }) => void reports.push({ done, total }),
  });
  const read = trace.filter(({ phase }) => phase === 'prefill').reduce((sum, { tokens }) => sum + tokens, 0);
  return { ...result, reused: trace[0]?.reused, read, reports };
}

/** The same turn in a session of its own. */
async function alone(engine: Engine, ids: readonly number[], more: Partial<GenerateRequest> = {}) {
  const hooks = {
    signal: new AbortController().signal,
    emit: () => Promise.resolve(),
    onProgress: () => undefined,
  };
  return (await generate(engine, null, { ...defaults, ids, ...more }, hooks)).ids;
}

const someIds = (count: number, seed: number, size: number) =>
  Array.from({ length: count }, (_, i) => (i * 7919 + seed * 104_729) % size);

async function open(path = bundledModel): Promise<Engine> {
  return openModel(path, { arithmetic: 'fast' });
}

const models = [
  ['the bundled model', bundledModel],
  ['a tiny Llama', tinyFolder('llama')],
  ['a tiny Gemma 2, whose layers have windows', tinyFolder('gemma2')],
  ['a tiny mixture of experts', tinyFolder('mixtral')],
] as const;

describe.each(models)('a conversation with %s', (_name, path) => {
  const start = async () => {
    const engine = await open(path);
    const size = Math.min(engine.info.vocabularySize, 40_000);
    const room = Math.min(engine.info.contextLength, context);
    return { engine, size, room, conversation: new Conversation(engine, null) };
  };

  test('reads of the next turn only what comes after prompt and reply', async () => {
    const { engine, size, room, conversation } = await start();
    const prompt = someIds(20, 1, size);
    const first = await say(conversation, { ids: prompt, context: room });
    expect(first).toMatchObject({ reused: 0, reusedTokens: 0, read: 20 });
    expect(first.ids).toEqual(await alone(engine, prompt));
    expect(conversation.ids).toEqual([...prompt, ...first.ids.slice(0, -1)]);

    const next = [...prompt, ...first.ids, ...someIds(9, 2, size)];
    const second = await say(conversation, { ids: next, context: room });
    // The reply's last id was drawn and never computed from.
    expect(second).toMatchObject({ reused: 31, reusedTokens: 31, read: 10 });
    expect(second.ids).toEqual(await alone(engine, next));
  });

  test('keeps what stands before an edit, and gives what a fresh session gives', async () => {
    const { engine, size, room, conversation } = await start();
    const prompt = someIds(40, 3, size);
    await say(conversation, { ids: prompt, context: room });
    const edited = [...prompt.slice(0, 25), ...someIds(8, 4, size)];
    const reply = await say(conversation, { ids: edited, context: room });
    expect(reply).toMatchObject({ reused: 25, read: 8 });
    expect(reply.ids).toEqual(await alone(engine, edited));
    // Back to the first branch.
    const back = await say(conversation, { ids: prompt, context: room });
    expect(back).toMatchObject({ reused: 25, read: 15 });
    expect(back.ids).toEqual(await alone(engine, prompt));
  });

  test('evaluates one id again for another reply to the same prompt', async () => {
    const { engine, size, room, conversation } = await start();
    const prompt = someIds(33, 5, size);
    await say(conversation, { ids: prompt, context: room });
    const sampling = SamplingParameters.parse({ temperature: 0.8, topK: 0, seed: 99 });
    const again = await say(conversation, { ids: prompt, context: room, more: { sampling } });
    expect(again).toMatchObject({ reused: 32, read: 1 });
    expect(again.ids).toEqual(await alone(engine, prompt, { sampling }));
  });

  test('goes on from an alternative token in the middle of a reply', async () => {
    const { engine, size, room, conversation } = await start();
    const prompt = someIds(21, 6, size);
    const { ids } = await say(conversation, { ids: prompt, context: room });
    const alternative = (ids[5]! + 1) % size;
    const branch = [...prompt, ...ids.slice(0, 5), alternative];
    const reply = await say(conversation, { ids: branch, context: room, more: { continues: true } });
    expect(reply).toMatchObject({ reused: 26, read: 1 });
    expect(reply.ids).toEqual(await alone(engine, branch, { continues: true }));
  });

  test('starts over where the context changed', async () => {
    const { engine, size, room, conversation } = await start();
    const prompt = someIds(20, 7, size);
    await say(conversation, { ids: prompt, context: room });
    const reply = await say(conversation, { ids: prompt, context: room - 1 });
    expect(reply).toMatchObject({ reused: 0, read: 20 });
    expect(reply.ids).toEqual(await alone(engine, prompt));
  });

  test('holds what was computed when a reply is cancelled between tokens', async () => {
    const { engine, size, room, conversation } = await start();
    const controller = new AbortController();
    const prompt = someIds(20, 8, size);
    const cancelled = await say(conversation, {
      ids: prompt,
      context: room,
      signal: controller.signal,
      more: { maxTokens: 400 },
      // The first token is told at once; later ones come many together where the machine is busy.
      onTrace: ({ id }) => {
        if (id !== undefined) controller.abort();
      },
    });
    expect(cancelled.finishReason).toBe('cancelled');
    const all = [...prompt, ...cancelled.ids];
    const held = conversation.ids;
    expect(held).toEqual(all.slice(0, held.length));
    expect(held.length).toBeGreaterThanOrEqual(all.length - 1);

    const next = [...all, ...someIds(5, 9, size)];
    const reply = await say(conversation, { ids: next, context: room });
    expect(reply).toMatchObject({ reused: held.length, read: next.length - held.length });
    expect(reply.ids).toEqual(await alone(engine, next));
  });
});

test('what was read before a cancellation in the prompt is not read again', async () => {
  const engine = await open();
  const conversation = new Conversation(engine, null);
  const controller = new AbortController();
  const prompt = someIds(2 * prefillChunk + 40, 10, 40_000);
  const hooks = {
    signal: controller.signal,
    emit: () => Promise.resolve(),
    // The signal fires while the second chunk is computed.
    onProgress: () => void setTimeout(() => controller.abort(), 5),
  };
  const cancelled = await conversation.reply(context, { ...defaults, ids: prompt }, hooks);
  expect(cancelled).toMatchObject({ finishReason: 'cancelled', ids: [] });
  expect(conversation.ids).toEqual(prompt.slice(0, prefillChunk));

  const reply = await say(conversation, { ids: prompt });
  const rest = prompt.length - prefillChunk;
  expect(reply).toMatchObject({ reused: prefillChunk, read: rest });
  expect(reply.reports).toEqual([
    { done: prefillChunk, total: rest },
    { done: rest, total: rest },
  ]);
  expect(reply.ids).toEqual(await alone(engine, prompt));
});

test('tells the ids it holds while a reply grows, and their memory', async () => {
  const engine = await open();
  const conversation = new Conversation(engine, null);
  const seen: number[] = [];
  const prompt = someIds(20, 12, 40_000);
  const reply = await say(conversation, { ids: prompt, onTrace: () => seen.push(conversation.ids.length) });
  expect(seen[0]).toBe(20);
  expect(seen.at(-1)).toBe(31);
  expect(conversation.kvBytes).toBe(reply.kvBytes);
  await conversation.forget();
  expect(conversation.ids).toEqual([]);
  expect(conversation.kvBytes).toBe(0);
  expect(await say(conversation, { ids: prompt })).toMatchObject({ reused: 0, ids: reply.ids });
});

test('a state-space model goes on after its reply, and starts over to go back', async () => {
  const engine = await open(tinyFolder('mamba'));
  const conversation = new Conversation(engine, null);
  const size = engine.info.vocabularySize;
  const room = Math.min(engine.info.contextLength, context);
  const prompt = someIds(20, 13, size);
  const first = await say(conversation, { ids: prompt, context: room });
  const next = [...prompt, ...first.ids, ...someIds(4, 14, size)];
  const second = await say(conversation, { ids: next, context: room });
  expect(second).toMatchObject({ reused: 31, read: 5 });
  expect(second.ids).toEqual(await alone(engine, next));

  const edited = [...prompt.slice(0, 15), ...someIds(4, 15, size)];
  const third = await say(conversation, { ids: edited, context: room });
  expect(third).toMatchObject({ reused: 0, read: 19 });
  expect(third.ids).toEqual(await alone(engine, edited));
});

describe('what does not fit', () => {
  const size = 40;
  const counting = peakAt((id) => (id + 1) % size, size);

  test('is refused before anything held is given up', async () => {
    const engine = tableEngine({ rowAfter: counting, vocabularySize: size, contextLength: 50 });
    const conversation = new Conversation(engine, null);
    await say(conversation, { ids: [1, 2, 3], context: 30 });
    const held = conversation.ids;
    await expect(say(conversation, { ids: someIds(31, 1, size), context: 30 })).rejects.toMatchObject({
      code: 'context-full',
    });
    await expect(say(conversation, { ids: [1], context: 51 })).rejects.toMatchObject({ code: 'bad-request' });
    expect(conversation.ids).toEqual(held);
    await conversation.forget();
    expect(engine.openSessions).toBe(0);
  });

  test('ends the reply where the context ends', async () => {
    const engine = tableEngine({ rowAfter: counting, vocabularySize: size });
    const reply = await say(new Conversation(engine, null), { ids: [1, 2, 3], context: 6 });
    expect(reply.finishReason).toBe('context');
    expect(reply.ids).toHaveLength(4);
  });
});

test('holds what was computed when the engine fails, and goes on from there', async () => {
  const size = 40;
  let fails = true;
  const engine = tableEngine({
    rowAfter: peakAt((id) => (id + 1) % size, size),
    vocabularySize: size,
    onEvaluate(ids) {
      if (fails && ids[0] === 6) throw new Error('the engine broke');
    },
  });
  const conversation = new Conversation(engine, null);
  const more = { sampling: SamplingParameters.parse({ temperature: 0 }) };
  await expect(say(conversation, { ids: [1, 2, 3], more })).rejects.toThrow('the engine broke');
  expect(conversation.ids).toEqual([1, 2, 3, 4, 5]);
  fails = false;
  const reply = await say(conversation, { ids: [1, 2, 3, 4, 5, 6], more: { ...more, maxTokens: 2 } });
  expect(reply).toMatchObject({ reused: 5, read: 1, ids: [7, 8] });
});

test('replies and forgetting wait for each other', async () => {
  const size = 40;
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  const engine = tableEngine({
    rowAfter: peakAt((id) => (id + 1) % size, size),
    vocabularySize: size,
    onEvaluate: () => held,
  });
  onTestFinished(release);
  const conversation = new Conversation(engine, null);
  const first = say(conversation, { ids: [1, 2, 3] });
  const forgotten = conversation.forget();
  const second = say(conversation, { ids: [1, 2, 3] });
  release();
  await forgotten;
  expect((await first).reusedTokens).toBe(0);
  expect((await second).reusedTokens).toBe(0);
  expect(engine.openSessions).toBe(1);
});

test('a reply that is cancelled while it waits for its turn ends at once, and nobody overtakes', async () => {
  const size = 40;
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  const engine = tableEngine({
    rowAfter: peakAt((id) => (id + 1) % size, size),
    vocabularySize: size,
    onEvaluate: () => held,
  });
  onTestFinished(release);
  const conversation = new Conversation(engine, null);
  const ended: string[] = [];
  const first = say(conversation, { ids: [1, 2, 3] }).then(() => ended.push('first'));
  const stop = new AbortController();
  const second = say(conversation, { ids: [1, 2, 3], signal: stop.signal });
  const third = say(conversation, { ids: [1, 2, 3] }).then(() => ended.push('third'));
  stop.abort();
  await expect(second).rejects.toMatchObject({ code: 'cancelled' });
  expect(ended).toEqual([]);
  release();
  await Promise.all([first, third]);
  expect(ended).toEqual(['first', 'third']);
});
