/** Paths that a person chose in the shell, under ids that pages may name. */
import { LabError } from '../contract/errors.ts';
import { newId } from './new-id.ts';

const mostGrants = 10_000;

export class Grants {
  readonly #paths = new Map<string, string>();

  /** The id under which pages may name the path, until the host ends. */
  give(path: string): string {
    const [oldest] = this.#paths.keys();
    if (this.#paths.size >= mostGrants && oldest !== undefined) this.#paths.delete(oldest);
    const id = newId();
    this.#paths.set(id, path);
    return id;
  }

  /** Throws not-found for an id that was not given out. */
  pathOf(id: string): string {
    const path = this.#paths.get(id);
    if (path === undefined) {
      throw new LabError('not-found', 'That file was not chosen in this window: choose it again.');
    }
    return path;
  }
}
