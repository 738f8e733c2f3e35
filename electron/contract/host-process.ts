/**
 * Between the shell and the host's own process. Where the host is a utility process, ports of pages and engines are transferred with the
 * message that names them; where it is a Node child, the shell relays the messages of pages, and engines are the host's children.
 */
import { z } from 'zod';
import { Id } from './identifiers.ts';
import { command } from './operation.ts';

/** What the shell asks of the host, by messages of rpc.ts. */
export const hostProcessContract = {
  /** Allows pages to name the path by the id that this returns. */
  grant: command({ input: z.strictObject({ path: z.string() }), output: Id }),
  /** Ends everything that the host started; the process ends after the answer. */
  close: command({ input: z.null(), output: z.null() }),
};
export type HostProcessContract = typeof hostProcessContract;

export type ToHostProcess =
  | { readonly type: 'control'; readonly value: unknown }
  /** A page has come; its port comes along, or its messages are relayed. */
  | { readonly type: 'page'; readonly page: number }
  | { readonly type: 'page-message'; readonly page: number; readonly value: unknown }
  | { readonly type: 'page-closed'; readonly page: number }
  /** An engine's port comes along. */
  | { readonly type: 'engine-started'; readonly engine: number; readonly pid: number }
  | { readonly type: 'engine-ended'; readonly engine: number; readonly reason: string };

export type FromHostProcess =
  | { readonly type: 'control'; readonly value: unknown }
  | { readonly type: 'page-message'; readonly page: number; readonly value: unknown }
  | { readonly type: 'page-closed'; readonly page: number }
  /** For a utility process, which can start none itself. `argument` and `execArgv` are the engine's. */
  | {
      readonly type: 'start-engine';
      readonly engine: number;
      readonly argument: string;
      readonly execArgv: readonly string[];
    }
  | { readonly type: 'end-engine'; readonly engine: number }
  /** Why the host cannot begin; the process ends after it. */
  | { readonly type: 'failed'; readonly message: string };
