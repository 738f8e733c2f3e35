/** What a person must be told that no operation of theirs asked for. Kept until it is dismissed, is no longer so or the host ends. */
import type { Notice } from '../../contract/page-contract.ts';
import type { AppEvents } from '../events.ts';
import { newId } from '../new-id.ts';

const mostNotices = 100;

export class Notices {
  readonly #events: AppEvents;
  #list: readonly Notice[] = [];

  constructor(events: AppEvents) {
    this.#events = events;
  }

  /** Oldest first. */
  list(): Notice[] {
    return [...this.#list];
  }

  /** Tells every page. What stands there already is not said twice. */
  add(level: Notice['level'], message: string): Notice {
    const standing = this.#list.find((notice) => notice.level === level && notice.message === message);
    if (standing) return standing;
    const notice = { id: newId(), level, message, at: Date.now() };
    this.#list = [...this.#list, notice].slice(-mostNotices);
    this.#events.emit({ type: 'notice', notice });
    return notice;
  }

  /** Tells every page. Another page may have dismissed it before. */
  dismiss(id: string): void {
    const left = this.#list.filter((notice) => notice.id !== id);
    if (left.length === this.#list.length) return;
    this.#list = left;
    this.#events.emit({ type: 'notice-removed', id });
  }
}
