const quietMs = 10_000;

/** Allows one restart in ten seconds: what ends at once after it began would end again. */
export class RestartLimit {
  readonly #now: () => number;
  #lastAt = -Infinity;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  allow(): boolean {
    const isAllowed = this.#now() - this.#lastAt >= quietMs;
    if (isAllowed) this.#lastAt = this.#now();
    return isAllowed;
  }
}
