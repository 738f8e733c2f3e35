import type { Port } from '../../contract/port.ts';
import type { ShellLink } from './shell-link.ts';

/** The host's end of a page's port whose messages the shell relays. They wait until the first listener has come. */
export class RelayedPort implements Port {
  readonly #link: ShellLink;
  readonly #page: number;
  readonly #messageListeners: ((value: unknown) => void)[] = [];
  readonly #closeListeners: (() => void)[] = [];
  #waiting: unknown[] = [];
  #isClosed = false;

  constructor(link: ShellLink, page: number) {
    this.#link = link;
    this.#page = page;
  }

  /** A message of the page has come. */
  receive(value: unknown): void {
    if (this.#messageListeners.length === 0) this.#waiting.push(value);
    for (const listener of this.#messageListeners) listener(value);
  }

  postMessage(value: unknown): void {
    if (!this.#isClosed) this.#link.post({ type: 'page-message', page: this.#page, value });
  }

  onMessage(listener: (value: unknown) => void): void {
    this.#messageListeners.push(listener);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const value of waiting) listener(value);
  }

  onClose(listener: () => void): void {
    if (this.#isClosed) queueMicrotask(listener);
    else this.#closeListeners.push(listener);
  }

  /** Tells the shell too, which closes the page's end. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#link.post({ type: 'page-closed', page: this.#page });
    for (const listener of this.#closeListeners) listener();
  }
}
