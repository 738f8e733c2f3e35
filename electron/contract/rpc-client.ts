/// <reference lib="dom" />
/* The calling side of rpc.ts. */
import type { z } from 'zod';
import { isErrorCode, LabError, toLabError } from './errors.ts';
import type { Command, Contract, Query, Stream } from './operation.ts';
import type { Port } from './port.ts';
import { isRecord, parse, streamCredits } from './rpc.ts';
import type { CallOptions, Client, StreamCall, ToClient, ToServer, WireError } from './rpc.ts';

function fromWire(error: WireError): LabError {
  return new LabError(isErrorCode(error.code) ? error.code : 'internal', error.message, error.detail);
}

interface PendingCall {
  onChunk(value: unknown): void;
  onReply(value: unknown): void;
  onError(error: LabError): void;
}

/** A client of the contract at the other end of `port`. When the port closes every open and later call rejects with `engine-gone`. */
export function connect<T extends Contract>(port: Port, contract: T): Client<T> {
  const connection = new Connection(port);
  const client: Record<string, unknown> = {};
  for (const [name, operation] of Object.entries(contract)) {
    client[name] =
      operation.kind === 'stream'
        ? (input: unknown, options?: CallOptions) => streamCall(connection, name, operation, input, options)
        : (input: unknown, options?: CallOptions) => plainCall(connection, name, operation, input, options);
  }
  return client as Client<T>;
}

class Connection {
  private readonly port: Port;
  private readonly pending = new Map<number, PendingCall>();
  private gone: LabError | null = null;
  private lastId = 0;

  constructor(port: Port) {
    this.port = port;
    port.onMessage((value) => this.receive(value));
    port.onClose((reason) => {
      this.gone = new LabError('engine-gone', reason ?? 'The process at the other end has ended.');
      for (const call of this.pending.values()) call.onError(this.gone);
      this.pending.clear();
    });
  }

  /** Sends the call; returns its id, or 0 where nobody is there any more (`call` is told). */
  start(operation: string, input: unknown, call: PendingCall): number {
    if (this.gone) {
      call.onError(this.gone);
      return 0;
    }
    const id = ++this.lastId;
    this.pending.set(id, call);
    this.post({ type: 'call', id, operation, input });
    return id;
  }

  post(message: ToServer): void {
    if (!this.gone) this.port.postMessage(message);
  }

  /** The answer no longer matters. */
  forget(id: number): void {
    this.pending.delete(id);
  }

  private receive(value: unknown): void {
    if (!isRecord(value)) return;
    const message = value as ToClient;
    const call = this.pending.get(message.id);
    if (!call) return;
    if (message.type === 'chunk') return call.onChunk(message.value);
    this.pending.delete(message.id);
    if (message.ok) call.onReply(message.value);
    else call.onError(fromWire(message.error));
  }
}

/** Calls `onAbort` once; returns how to stop listening. */
function whenAborted(signal: AbortSignal | undefined, onAbort: () => void): () => void {
  signal?.addEventListener('abort', onAbort, { once: true });
  return () => signal?.removeEventListener('abort', onAbort);
}

function plainCall(
  connection: Connection,
  name: string,
  operation: Query<z.ZodType, z.ZodType> | Command<z.ZodType, z.ZodType>,
  input: unknown,
  options: CallOptions = {},
): Promise<unknown> {
  const { signal } = options;
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(new LabError('cancelled', 'Cancelled.'));
    const stop = whenAborted(signal, () => {
      connection.post({ type: 'cancel', id });
      connection.forget(id);
      reject(new LabError('cancelled', 'Cancelled.'));
    });
    const settle = (action: () => void) => {
      stop();
      action();
    };
    const id = connection.start(name, input, {
      onChunk: () => undefined,
      onReply: (value) =>
        settle(() => {
          try {
            resolve(parse(operation.output, value, `the answer of ${name}`, 'internal'));
          } catch (error) {
            reject(toLabError(error));
          }
        }),
      onError: (error) => settle(() => reject(error)),
    });
  });
}

function streamCall(
  connection: Connection,
  name: string,
  operation: Stream<z.ZodType, z.ZodType, z.ZodType>,
  input: unknown,
  options: CallOptions = {},
): StreamCall<unknown, unknown> {
  const { signal } = options;
  let resolve: (value: unknown) => void = () => undefined;
  let reject: (error: LabError) => void = () => undefined;
  const promise = new Promise<unknown>((onDone, onError) => ([resolve, reject] = [onDone, onError]));
  promise.catch(() => undefined); // a reader of the chunks gets the same error
  const queue = new ChunkQueue();
  if (signal?.aborted) {
    const error = new LabError('cancelled', 'Cancelled.');
    queue.end(error);
    reject(error);
    return { chunks: queue.read(), done: promise };
  }
  // A cancelled stream still answers: with what it has, or with `cancelled`.
  const stop = whenAborted(signal, () => connection.post({ type: 'cancel', id }));
  const fail = (error: LabError) => {
    stop();
    queue.end(error);
    reject(error);
  };
  const id = connection.start(name, input, {
    onChunk(value) {
      try {
        queue.push(parse(operation.chunk, value, `a chunk of ${name}`, 'internal'));
      } catch (error) {
        connection.forget(id);
        connection.post({ type: 'cancel', id });
        fail(toLabError(error));
      }
    },
    onReply(value) {
      try {
        const done = parse(operation.done, value, `the answer of ${name}`, 'internal');
        stop();
        queue.end(null);
        resolve(done);
      } catch (error) {
        fail(toLabError(error));
      }
    },
    onError: fail,
  });
  queue.onRead = (count) => connection.post({ type: 'credit', id, count });
  queue.onLeave = () => {
    connection.post({ type: 'cancel', id });
    // Nobody reads on: what is still sent must not wait for room.
    connection.post({ type: 'credit', id, count: Number.MAX_SAFE_INTEGER });
  };
  return { chunks: queue.read(), done: promise };
}

/** Chunks between their arrival and their reader. Gives credits back in halves, so that the reader never waits for a round trip. */
class ChunkQueue {
  onRead: (count: number) => void = () => undefined;
  onLeave: () => void = () => undefined;
  private readonly chunks: unknown[] = [];
  private ended: { readonly error: LabError | null } | null = null;
  private left = false;
  private wake: () => void = () => undefined;

  push(chunk: unknown): void {
    if (this.left) return;
    this.chunks.push(chunk);
    this.wake();
  }

  end(error: LabError | null): void {
    this.ended = { error };
    this.wake();
  }

  async *read(): AsyncGenerator<unknown, void> {
    let read = 0;
    try {
      for (;;) {
        while (this.chunks.length > 0) {
          yield this.chunks.shift();
          if (++read < streamCredits / 2) continue;
          this.onRead(read);
          read = 0;
        }
        if (this.ended?.error) throw this.ended.error;
        if (this.ended) return;
        await new Promise<void>((resolve) => (this.wake = resolve));
      }
    } finally {
      this.left = true;
      if (!this.ended) this.onLeave();
    }
  }
}

/** Reads a stream to its end and returns the final value. */
export async function drain<Chunk, Done>(
  call: StreamCall<Chunk, Done>,
  onChunk: (chunk: Chunk) => void | Promise<void> = () => undefined,
): Promise<Done> {
  for await (const chunk of call.chunks) await onChunk(chunk);
  return call.done;
}
