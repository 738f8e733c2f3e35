/** Who may talk to the host in browser mode: who shows a code from a link, which is good once, or a key that a code was traded for. */
import { randomBytes, timingSafeEqual } from 'node:crypto';

const secretBytes = 32;
const mostCodes = 20;
const mostKeys = 1000;

export class Admission {
  readonly #codes = new Secrets(mostCodes);
  readonly #keys = new Secrets(mostKeys);

  /** A new code; the oldest of too many unused ones is forgotten. */
  newCode(): string {
    return this.#codes.add();
  }

  /** The key for a code that was given out and not used before; null for any other. */
  trade(code: string): string | null {
    return this.#codes.take(code) ? this.#keys.add() : null;
  }

  isKey(key: string): boolean {
    return this.#keys.has(key);
  }
}

/** Random texts, the oldest first. Comparing takes the same time wherever a text differs. */
class Secrets {
  readonly #most: number;
  #all: Buffer[] = [];

  constructor(most: number) {
    this.#most = most;
  }

  add(): string {
    const secret = randomBytes(secretBytes).toString('base64url');
    this.#all = [...this.#all, Buffer.from(secret)].slice(-this.#most);
    return secret;
  }

  has(text: string): boolean {
    return this.#matches(text).includes(true);
  }

  /** Whether it was there; it is not there any more. */
  take(text: string): boolean {
    const matches = this.#matches(text);
    this.#all = this.#all.filter((_, index) => !matches[index]);
    return matches.includes(true);
  }

  #matches(text: string): boolean[] {
    const given = Buffer.from(text);
    return this.#all.map((secret) => secret.length === given.length && timingSafeEqual(secret, given));
  }
}
