/// <reference lib="dom" />
/*
 * Typed calls over any port that carries structured values: the types derived from a contract, the messages, the serving side.
 * The reference above is for AbortSignal, which every runtime of the contract has; nothing else of the DOM is used here.
 */
import type { z } from 'zod';
import { LabError, toLabError, type ErrorDetail } from './errors.ts';
import type { Command, Contract, Operation, Query, Stream } from './operation.ts';
import type { Port } from './port.ts';

export interface CallContext {
  /** Fires when the caller cancels or its end of the port closes. */
  readonly signal: AbortSignal;
}
export interface StreamContext<Chunk> extends CallContext {
  /** Sends one chunk; resolves at once while the reader has room, else when it has read on. */
  readonly emit: (chunk: Chunk) => Promise<void>;
}

export type Handler<O extends Operation> =
  O extends Stream<infer I, infer C, infer D>
    ? (input: z.output<I>, context: StreamContext<z.input<C>>) => Promise<z.input<D>>
    : O extends Query<infer I, infer R> | Command<infer I, infer R>
      ? (input: z.output<I>, context: CallContext) => Promise<z.input<R>>
      : never;
export type Handlers<T extends Contract> = { readonly [K in keyof T]: Handler<T[K]> };

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}
export interface StreamCall<Chunk, Done> {
  /** To be read by one reader. Leaving the loop early cancels the call. Throws what `done` rejects with. */
  readonly chunks: AsyncIterable<Chunk>;
  /** The final value. It comes only as far as the chunks are read: use `drain` where they do not matter. */
  readonly done: Promise<Done>;
}
export type Caller<O extends Operation> =
  O extends Stream<infer I, infer C, infer D>
    ? (input: z.input<I>, options?: CallOptions) => StreamCall<z.output<C>, z.output<D>>
    : O extends Query<infer I, infer R> | Command<infer I, infer R>
      ? (input: z.input<I>, options?: CallOptions) => Promise<z.output<R>>
      : never;
export type Client<T extends Contract> = { readonly [K in keyof T]: Caller<T[K]> };

export type WireError = { readonly code: string; readonly message: string; readonly detail: ErrorDetail };
export type ToServer =
  | { readonly type: 'call'; readonly id: number; readonly operation: string; readonly input: unknown }
  | { readonly type: 'cancel'; readonly id: number }
  | { readonly type: 'credit'; readonly id: number; readonly count: number };
export type ToClient =
  | { readonly type: 'chunk'; readonly id: number; readonly value: unknown }
  | { readonly type: 'reply'; readonly id: number; readonly ok: true; readonly value: unknown }
  | { readonly type: 'reply'; readonly id: number; readonly ok: false; readonly error: WireError };

/** Chunks that may lie unread at the caller before `emit` waits. */
export const streamCredits = 32;

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function wireError(thrown: unknown): WireError {
  const { code, message, detail } = toLabError(thrown);
  return { code, message, detail };
}

/** The first problem of a value, in one sentence that begins with the place. */
export function parse<S extends z.ZodType>(
  schema: S,
  value: unknown,
  what: string,
  code: 'bad-request' | 'internal',
): z.output<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const field = issue?.path.map(String).join('.') ?? '';
  const place = field === '' ? what : `${what}, ${field}`;
  throw new LabError(code, `${place}: ${issue?.message ?? 'not valid'}`, field === '' ? {} : { field });
}

const deepestMessage = 64;

/** Whether a value is small and flat enough to be parsed. Structured values may hold themselves: depth ends that. */
function isWithin(value: unknown, most: number): boolean {
  let room = most;
  const waiting: { value: unknown; depth: number }[] = [{ value, depth: 0 }];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { value: part, depth } = next;
    room -= 1;
    if (typeof part === 'string') room -= part.length;
    else if (ArrayBuffer.isView(part)) room -= part.byteLength;
    else if (isRecord(part)) {
      if (depth === deepestMessage) return false;
      // An array may be long and hold nothing; parsing would walk all of it.
      if (Array.isArray(part)) room -= part.length;
      if (room < 0) return false;
      for (const [name, inner] of Object.entries(part)) {
        room -= name.length;
        waiting.push({ value: inner, depth: depth + 1 });
      }
    }
    if (room < 0) return false;
  }
  return true;
}

/** A call being served: its cancel switch and its reader's room. */
class ServedCall {
  readonly controller = new AbortController();
  private credits = streamCredits;
  private readonly waiting: (() => void)[] = [];

  addCredits(count: number): void {
    this.credits += count;
    while (this.credits > 0 && this.waiting.length > 0) {
      this.credits -= 1;
      this.waiting.shift()?.();
    }
  }

  async takeCredit(): Promise<void> {
    if (this.credits > 0) this.credits -= 1;
    else await new Promise<void>((resolve) => this.waiting.push(resolve));
  }
}

type AnyHandler = (input: unknown, context: StreamContext<unknown>) => Promise<unknown>;

export interface ServeOptions {
  /** Largest message that is looked at: characters of all its texts, bytes of arrays, and one for each value. Default: any. */
  readonly mostInMessage?: number;
}

/**
 * Answers the calls that come over `port`. Every call is answered, also unknown operations and bad inputs; handlers get parsed
 * inputs only. A closed port aborts what runs.
 */
export function serve<T extends Contract>(
  port: Port,
  contract: T,
  handlers: Handlers<T>,
  { mostInMessage = Infinity }: ServeOptions = {},
): void {
  const calls = new Map<number, ServedCall>();
  const post = (message: ToClient) => port.postMessage(message);

  async function answer(message: ToServer & { type: 'call' }, call: ServedCall): Promise<unknown> {
    const name = message.operation;
    const operation = Object.hasOwn(contract, name) ? contract[name] : undefined;
    if (!operation) throw new LabError('bad-request', `There is no operation ${JSON.stringify(name)}.`);
    const input = parse(operation.input, message.input, name, 'bad-request');
    const emit = async (value: unknown) => {
      await call.takeCredit();
      post({ type: 'chunk', id: message.id, value });
    };
    // The mapped type above pairs each handler with its operation; the name ties them together here.
    return (handlers[name] as unknown as AnyHandler)(input, { signal: call.controller.signal, emit });
  }

  async function run(message: ToServer & { type: 'call' }): Promise<void> {
    const { id } = message;
    const call = new ServedCall();
    calls.set(id, call);
    try {
      const value = await answer(message, call);
      post({ type: 'reply', id, ok: true, value });
    } catch (error) {
      post({ type: 'reply', id, ok: false, error: wireError(error) });
    } finally {
      calls.delete(id);
    }
  }

  port.onMessage((value) => {
    if (mostInMessage < Infinity && !isWithin(value, mostInMessage)) {
      return refuse(value, calls, post, `The message is larger than ${mostInMessage} characters or values.`);
    }
    const message = asToServer(value);
    if (!message) return refuse(value, calls, post);
    const call = calls.get(message.id);
    if (message.type === 'cancel') call?.controller.abort();
    else if (message.type === 'credit') call?.addCredits(message.count);
    else if (call) refuse(value, calls, post);
    else void run(message);
  });
  port.onClose(() => {
    for (const call of calls.values()) {
      call.controller.abort();
      call.addCredits(Infinity);
    }
  });
}

function asToServer(value: unknown): ToServer | null {
  if (!isRecord(value) || !Number.isSafeInteger(value['id'])) return null;
  if (value['type'] === 'cancel') return value as ToServer;
  if (value['type'] === 'credit') {
    const count = value['count'];
    return typeof count === 'number' && count > 0 ? (value as ToServer) : null;
  }
  return value['type'] === 'call' && typeof value['operation'] === 'string' ? (value as ToServer) : null;
}

/** A message that is no call: answered where it carries an id that no running call has; nobody could receive the rest. */
function refuse(
  value: unknown,
  calls: Map<number, ServedCall>,
  post: (message: ToClient) => void,
  why = 'The message is not a call.',
): void {
  if (!isRecord(value) || typeof value['id'] !== 'number' || calls.has(value['id'])) return;
  const error = wireError(new LabError('bad-request', why));
  post({ type: 'reply', id: value['id'], ok: false, error });
}
