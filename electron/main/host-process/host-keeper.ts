/** Keeps one host running: starts another where it ended by itself, once in ten seconds; more often a person decides. */
import type { MessagePortMain } from 'electron';
import { RestartLimit } from '../restart-limit.ts';
import type { HostEnd, HostProcess, StartHost } from './host.ts';

export interface HostKeeperOptions {
  readonly start: StartHost;
  /** The host said that it cannot begin. */
  readonly onFailure: (message: string) => void;
  /** It ended twice within ten seconds; resolves with whether to start it again. */
  readonly askToRestart: (reason: string) => Promise<boolean>;
}

export class HostKeeper {
  readonly #options: HostKeeperOptions;
  readonly #limit = new RestartLimit();
  #host: HostProcess | null = null;
  #isClosing = false;

  constructor(options: HostKeeperOptions) {
    this.#options = options;
    this.#start();
  }

  get pid(): number | undefined {
    return this.#host?.pid;
  }

  /** Serves a page; `onEnd` is called where the host ends before the page does. Returns how to end it. */
  servePage(port: MessagePortMain, onEnd: () => void): () => void {
    const host = this.#host;
    if (!host) {
      port.close();
      onEnd();
      return () => undefined;
    }
    let isOpen = true;
    void host.ended.then(() => isOpen && onEnd());
    const end = host.servePage(port);
    return () => {
      isOpen = false;
      end();
    };
  }

  async grant(path: string): Promise<string> {
    if (!this.#host) throw new Error('Retort’s services are not running.');
    return this.#host.grant(path);
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    await this.#host?.close();
  }

  #start(): void {
    const host = this.#options.start();
    this.#host = host;
    void host.ended.then((end) => this.#onEnd(end));
  }

  async #onEnd({ reason, failure }: HostEnd): Promise<void> {
    this.#host = null;
    if (this.#isClosing) return;
    if (failure !== null) return this.#options.onFailure(failure);
    const isToStart = this.#limit.allow() || (await this.#options.askToRestart(reason));
    if (isToStart && !this.#isClosing) this.#start();
  }
}
