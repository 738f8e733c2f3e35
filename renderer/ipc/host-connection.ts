/** The page's way to the host: one client that outlives ports. A port that is lost is asked for again. */
import { LabError } from '../../electron/contract/errors.ts';
import { pageContract, type PageContract } from '../../electron/contract/page-contract.ts';
import type { Port } from '../../electron/contract/port.ts';
import { connect } from '../../electron/contract/rpc-client.ts';
import type { CallOptions, Client } from '../../electron/contract/rpc.ts';
import { ConnectionRefused } from './connection-refused.ts';

export type ConnectionState =
  | { readonly phase: 'connecting' }
  | { readonly phase: 'connected' }
  /** A port was lost; the next is on its way. */
  | { readonly phase: 'reconnecting'; readonly reason: string }
  | { readonly phase: 'refused'; readonly reason: string };

export type OpenPort = (signal: AbortSignal) => Promise<Port>;

const firstWaitMs = 200;
const longestWaitMs = 4000;
const lostReason = 'The connection to Retort’s own service was lost.';

export class HostConnection {
  /** Calls reject with `engine-gone` while there is no port; nothing is sent twice. */
  readonly client: Client<PageContract>;
  #state: ConnectionState = { phase: 'connecting' };
  #current: Client<PageContract> | null = null;
  #port: Port | null = null;
  readonly #open: OpenPort;
  readonly #closing = new AbortController();
  readonly #listeners = new Set<() => void>();

  constructor(open: OpenPort) {
    this.#open = open;
    this.client = this.#forwardingClient();
    void this.#stayConnected();
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** `listener` is called after each change of state. Returns how to stop listening. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** For good. */
  close(): void {
    this.#closing.abort();
    this.#port?.close();
  }

  #forwardingClient(): Client<PageContract> {
    type AnyCall = (input: unknown, options?: CallOptions) => unknown;
    const gone = closedClient();
    const calls = Object.keys(pageContract).map((name) => {
      const call = (input: unknown, options?: CallOptions) => {
        const target = (this.#current ?? gone) as unknown as Record<string, AnyCall>;
        return target[name]?.(input, options);
      };
      return [name, call] as const;
    });
    return Object.fromEntries(calls) as unknown as Client<PageContract>;
  }

  async #stayConnected(): Promise<void> {
    const { signal } = this.#closing;
    let waitMs = firstWaitMs;
    while (!signal.aborted) {
      try {
        const port = await this.#open(signal);
        waitMs = firstWaitMs;
        const reason = await this.#use(port);
        this.#current = null;
        this.#set({ phase: 'reconnecting', reason: reason ?? lostReason });
      } catch (error) {
        if (error instanceof ConnectionRefused) {
          this.#set({ phase: 'refused', reason: error.message });
          return;
        }
      }
      await wait(waitMs);
      waitMs = Math.min(longestWaitMs, waitMs * 2);
    }
  }

  /** Resolves with the reason when the port closes. */
  #use(port: Port): Promise<string | undefined> {
    return new Promise((resolve) => {
      this.#port = port;
      this.#current = connect(port, pageContract);
      port.onClose(resolve);
      this.#set({ phase: 'connected' });
    });
  }

  #set(state: ConnectionState): void {
    if (this.#closing.signal.aborted) return;
    this.#state = state;
    for (const listener of this.#listeners) listener();
  }
}

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Rejects everything. */
function closedClient(): Client<PageContract> {
  const closed: Port = {
    postMessage: () => {
      throw new LabError('internal', 'Nothing can be sent without a port.');
    },
    onMessage: () => undefined,
    onClose: (listener) =>
      listener('Retort’s own service is not connected yet. Nothing was sent; try again in a moment.'),
    close: () => undefined,
  };
  return connect(closed, pageContract);
}
