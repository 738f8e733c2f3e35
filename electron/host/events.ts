/** What happened, for every page that watches. */
import type { AppEvent } from '../contract/page-contract.ts';

type Listener = (event: AppEvent) => void;

export class AppEvents {
  readonly #listeners = new Set<Listener>();

  emit(event: AppEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  /** Returns how to stop listening. */
  listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}
