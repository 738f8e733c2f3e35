/** The latest errors without what they say: a message may hold what a person typed, a file's name or a key. */
import { fileURLToPath } from 'node:url';
import type { Contract } from '../../contract/operation.ts';
import type { Handlers, StreamContext } from '../../contract/rpc.ts';
import { isErrorCode, toLabError, type ErrorCode } from '../../contract/errors.ts';
import type { AppEvent } from '../../contract/page-contract.ts';

export interface LoggedError {
  readonly at: number;
  /** The operation that failed. */
  readonly operation: string;
  readonly code: ErrorCode;
  /** Of an error of Retort's own: places in Retort's code, `file:line:column` below its folder. */
  readonly places: readonly string[];
}

const mostErrors = 50;
const mostPlaces = 5;
const codeFolder = new URL('../../../', import.meta.url);
/** Where Retort's code lies, in both forms in which a stack may name it. */
const codeFolders = [codeFolder.href, fileURLToPath(codeFolder)];

export class ErrorLog {
  #errors: readonly LoggedError[] = [];

  /** Oldest first. */
  list(): readonly LoggedError[] {
    return this.#errors;
  }

  add(operation: string, thrown: unknown): void {
    const { code } = toLabError(thrown);
    this.#add(operation, code, code === 'internal' && thrown instanceof Error ? placesOf(thrown) : []);
  }

  /** What failed while no operation waited for it: loading a model, a reply. */
  addEvent(event: AppEvent): void {
    if (event.type === 'engine' && event.engine.state === 'failed')
      this.#addTold('loading', event.engine.error.code);
    if (event.type === 'message' && event.message.reply?.error)
      this.#addTold('reply', event.message.reply.error.code);
  }

  #addTold(operation: string, code: string): void {
    this.#add(operation, isErrorCode(code) ? code : 'internal', []);
  }

  #add(operation: string, code: ErrorCode, places: readonly string[]): void {
    if (code === 'cancelled') return;
    this.#errors = [...this.#errors, { at: Date.now(), operation, code, places }].slice(-mostErrors);
  }
}

type AnyHandler = (input: unknown, context: StreamContext<unknown>) => Promise<unknown>;

/** The same handlers; what they throw is logged on its way to the caller. */
export function loggingErrors<T extends Contract>(handlers: Handlers<T>, log: ErrorLog): Handlers<T> {
  const logging = Object.entries(handlers).map(([name, handler]) => {
    const run: AnyHandler = async (input, context) => {
      try {
        return await (handler as unknown as AnyHandler)(input, context);
      } catch (error) {
        log.add(name, error);
        throw error;
      }
    };
    return [name, run];
  });
  return Object.fromEntries(logging) as Handlers<T>;
}

/** From the stack, past the message, which stands before it and may hold anything; none where it does not begin with the message. */
function placesOf({ message, stack = '' }: Error): string[] {
  const start = stack.indexOf(message);
  if (!/^[\w$ .[\]]+: $/.test(stack.slice(0, Math.max(0, start)))) return [];
  const frames = stack.slice(start + message.length).split('\n');
  const places = frames.map((frame) => {
    const folder = codeFolders.find((each) => frame.includes(each)) ?? '\n';
    return (frame.split(folder).at(1) ?? '').replace(/\)$/, '');
  });
  return places.filter((place) => /^[\w./-]+:\d+:\d+$/.test(place)).slice(0, mostPlaces);
}
