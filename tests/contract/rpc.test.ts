import { expect, test } from 'vitest';
import { eventually } from '../helpers/eventually.ts';
import { z } from 'zod';
import { LabError } from '../../electron/contract/errors.ts';
import { command, query, stream } from '../../electron/contract/operation.ts';
import { portPair } from '../../electron/contract/port.ts';
import { connect, drain } from '../../electron/contract/rpc-client.ts';
import { serve, streamCredits, type Handlers } from '../../electron/contract/rpc.ts';

const contract = {
  double: query({ input: z.strictObject({ value: z.int() }), output: z.int() }),
  fail: command({ input: z.strictObject({ code: z.string() }), output: z.null() }),
  lie: query({ input: z.strictObject({}), output: z.strictObject({ count: z.int() }) }),
  sleep: query({ input: z.strictObject({}), output: z.string() }),
  countTo: stream({ input: z.strictObject({ end: z.int() }), chunk: z.int(), done: z.string() }),
  lieInChunks: stream({ input: z.strictObject({}), chunk: z.int(), done: z.null() }),
  floats: query({ input: z.instanceof(Float32Array), output: z.instanceof(Float32Array) }),
};

interface Seen {
  emitted: number;
  aborted: number;
}

function handlersFor(seen: Seen): Handlers<typeof contract> {
  return {
    double: ({ value }) => Promise.resolve(value * 2),
    fail: ({ code }) => {
      if (code === 'plain') throw new Error('an ordinary error');
      throw new LabError('bad-file', 'header: too short', { file: 'a.gguf', offset: 8 });
    },
    lie: () => Promise.resolve({ count: 1.5 }),
    sleep: (_input, { signal }) =>
      new Promise((_resolve, reject) =>
        signal.addEventListener('abort', () => {
          seen.aborted += 1;
          reject(new LabError('cancelled', 'Cancelled.'));
        }),
      ),
    async countTo({ end }, { signal, emit }) {
      for (let value = 0; value < end && !signal.aborted; value++) {
        await emit(value);
        seen.emitted += 1;
      }
      if (signal.aborted) seen.aborted += 1;
      return signal.aborted ? 'cancelled' : 'complete';
    },
    async lieInChunks(_input, { emit }) {
      await emit('text' as unknown as number);
      return null;
    },
    floats: (input) => Promise.resolve(input.map((value) => value + 1)),
  };
}

function open() {
  const [here, there] = portPair();
  const seen: Seen = { emitted: 0, aborted: 0 };
  serve(there, contract, handlersFor(seen));
  return { here, there, seen, client: connect(here, contract) };
}

const settle = () => new Promise((resolve) => setTimeout(resolve, 20));

test('a query answers with the parsed output', async () => {
  expect(await open().client.double({ value: 21 })).toBe(42);
});

test('calls in flight at the same time keep their own answers', async () => {
  const { client } = open();
  const values = await Promise.all([1, 2, 3, 4, 5].map((value) => client.double({ value })));
  expect(values).toEqual([2, 4, 6, 8, 10]);
});

test('typed arrays cross whole', async () => {
  expect(await open().client.floats(new Float32Array([1, 2.5]))).toEqual(new Float32Array([2, 3.5]));
});

test('an input that the schema refuses never reaches the handler and names the field', async () => {
  const error = await open()
    .client.double({ value: 'x' } as never)
    .catch((caught: unknown) => caught);
  expect(error).toMatchObject({ code: 'bad-request', detail: { field: 'value' } });
});

test('unknown fields of an input are refused', async () => {
  await expect(open().client.double({ value: 1, more: 2 } as never)).rejects.toMatchObject({
    code: 'bad-request',
  });
});

test('an error keeps its code, message and detail across the port', async () => {
  const error = await open()
    .client.fail({ code: 'bad-file' })
    .catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(LabError);
  expect(error).toMatchObject({
    code: 'bad-file',
    message: 'header: too short',
    detail: { file: 'a.gguf', offset: 8 },
  });
});

test('an ordinary error crosses as internal', async () => {
  await expect(open().client.fail({ code: 'plain' })).rejects.toMatchObject({
    code: 'internal',
    message: 'an ordinary error',
  });
});

test('an output that breaks the contract is refused on the calling side', async () => {
  await expect(open().client.lie({})).rejects.toMatchObject({ code: 'internal' });
});

test('a chunk that breaks the contract ends the stream with an error', async () => {
  const call = open().client.lieInChunks({});
  await expect(drain(call)).rejects.toMatchObject({ code: 'internal' });
});

test('a stream gives its chunks in order and then the final value', async () => {
  const call = open().client.countTo({ end: 200 });
  const chunks: number[] = [];
  for await (const chunk of call.chunks) chunks.push(chunk);
  expect(chunks).toEqual(Array.from({ length: 200 }, (_, index) => index));
  expect(await call.done).toBe('complete');
});

test('a stream that nobody reads stops at its credits', async () => {
  const { client, seen } = open();
  const call = client.countTo({ end: 1000 });
  await settle();
  expect(seen.emitted).toBe(streamCredits);
  expect(await drain(call)).toBe('complete');
  expect(seen.emitted).toBe(1000);
});

test('leaving the loop cancels the stream at the other end', async () => {
  const { client, seen } = open();
  const call = client.countTo({ end: 100_000 });
  for await (const chunk of call.chunks) if (chunk === 5) break;
  expect(await call.done).toBe('cancelled');
  expect(seen.aborted).toBe(1);
});

test('an aborted query rejects as cancelled at once and the handler hears it', async () => {
  const { client, seen } = open();
  const controller = new AbortController();
  const call = client.sleep({}, { signal: controller.signal });
  await settle();
  controller.abort();
  await expect(call).rejects.toMatchObject({ code: 'cancelled' });
  await settle();
  expect(seen.aborted).toBe(1);
});

test('an aborted stream still ends with what its handler answers', async () => {
  const { client } = open();
  const controller = new AbortController();
  const call = client.countTo({ end: 1_000_000 }, { signal: controller.signal });
  const done = await drain(call, (chunk) => {
    if (chunk === 100) controller.abort();
  });
  expect(done).toBe('cancelled');
});

test('a call whose signal is already aborted is never sent', async () => {
  const { client, seen } = open();
  const signal = AbortSignal.abort();
  await expect(client.double({ value: 1 }, { signal })).rejects.toMatchObject({ code: 'cancelled' });
  await expect(drain(client.countTo({ end: 5 }, { signal }))).rejects.toMatchObject({ code: 'cancelled' });
  expect(seen.emitted).toBe(0);
});

test('a closed port rejects open and later calls with engine-gone and aborts the handlers', async () => {
  const { here, client, seen } = open();
  const sleeping = client.sleep({});
  const counting = drain(client.countTo({ end: 1_000_000_000 }));
  sleeping.catch(() => undefined);
  counting.catch(() => undefined);
  await settle();
  here.close();
  await expect(sleeping).rejects.toMatchObject({ code: 'engine-gone' });
  await expect(counting).rejects.toMatchObject({ code: 'engine-gone' });
  await expect(client.double({ value: 1 })).rejects.toMatchObject({ code: 'engine-gone' });
  await eventually(() => expect(seen.aborted).toBe(2));
});

test('an unknown operation and a name of Object.prototype are answered with an error', async () => {
  const [here, there] = portPair();
  serve(there, contract, handlersFor({ emitted: 0, aborted: 0 }));
  const replies: unknown[] = [];
  here.onMessage((value) => replies.push(value));
  here.postMessage({ type: 'call', id: 1, operation: 'shutdown', input: {} });
  here.postMessage({ type: 'call', id: 2, operation: 'toString', input: {} });
  await settle();
  expect(replies).toMatchObject([
    { type: 'reply', id: 1, ok: false, error: { code: 'bad-request' } },
    { type: 'reply', id: 2, ok: false, error: { code: 'bad-request' } },
  ]);
});

test.each([
  ['no object', 5],
  ['null', null],
  ['no id', { type: 'call', operation: 'double', input: { value: 1 } }],
  ['a fractional id', { type: 'call', id: 1.5, operation: 'double', input: { value: 1 } }],
  ['no operation', { type: 'call', id: 7, input: {} }],
  ['an unknown type', { type: 'shout', id: 8 }],
  ['negative credit', { type: 'credit', id: 9, count: -1 }],
])('a message with %s leaves the server serving', async (_what, message) => {
  const { here, client } = open();
  here.postMessage(message);
  expect(await client.double({ value: 4 })).toBe(8);
});

test('a value that cannot be copied is answered as an error, not lost', async () => {
  const [here, there] = portPair();
  const bad = { value: query({ input: z.null(), output: z.unknown() }) };
  serve(there, bad, { value: () => Promise.resolve(() => 1) });
  await expect(connect(here, bad).value(null)).rejects.toMatchObject({ code: 'internal' });
});
