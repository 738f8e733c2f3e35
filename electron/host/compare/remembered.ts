/** What was read of files, for as long as they stay as they are: a draft is priced again with every change of it. */
import { stat } from 'node:fs/promises';

const mostKept = 32;

export class Remembered<Value> {
  readonly #kept = new Map<string, Value>();

  /** `about`: what else it depends on. Folders are read each time: what lies in them may change unseen. */
  async of(path: string, about: string, read: () => Promise<Value>): Promise<Value> {
    const state = await stateOf(path);
    if (state === null) return read();
    const key = [path, state, about].join('\n');
    const kept = this.#kept.get(key);
    if (kept !== undefined) return kept;
    const value = await read();
    const [oldest] = this.#kept.keys();
    if (oldest !== undefined && this.#kept.size >= mostKept) this.#kept.delete(oldest);
    this.#kept.set(key, value);
    return value;
  }
}

/** Null: it is no file, or cannot be looked at. */
async function stateOf(path: string): Promise<string | null> {
  try {
    const found = await stat(path);
    return found.isFile() ? `${found.size} ${found.mtimeMs} ${found.ino}` : null;
  } catch {
    return null;
  }
}
