/**
 * What a person chose, in settings.json of the data folder. The file is replaced as a whole; what it held before the last change is kept
 * beside it. One process at a time uses it: the one that serves pages.
 */
import { readFile, rename, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { LabError, toLabError } from '../../contract/errors.ts';
import type { Settings, SettingsChange } from '../../contract/settings.ts';
import { writeDurably } from '../durable-file.ts';
import type { AppEvents } from '../events.ts';
import type { Notices } from '../notices/notices.ts';
import {
  parseStored,
  understand,
  withChange,
  withModelFolders,
  type StoredObject,
  type StoredSettings,
} from './stored-settings.ts';

/** Drafts and system prompts are in it: far above what is written by hand, far below what fills memory. */
const largestFile = 128 * 1_048_576;

interface State extends StoredSettings {
  /** What settings.json holds; null: there is none, or none that can be read. */
  readonly text: string | null;
}

interface SettingsServices {
  readonly events: AppEvents;
  readonly notices: Notices;
}

export class SettingsFile {
  readonly #file: string;
  readonly #previous: string;
  readonly #damaged: string;
  readonly #services: SettingsServices;
  #loading: Promise<State> | null = null;
  #lastChange: Promise<unknown> = Promise.resolve();

  constructor(home: string, services: SettingsServices) {
    this.#file = join(home, 'settings.json');
    this.#previous = join(home, 'settings.previous.json');
    this.#damaged = join(home, 'settings.damaged.json');
    this.#services = services;
  }

  /** The file is read once. A file that cannot be read is a notice, never a failure. */
  async read(): Promise<Settings> {
    return (await this.#state()).settings;
  }

  /** Absolute paths of folders whose models are listed. */
  async modelFolders(): Promise<readonly string[]> {
    return (await this.#state()).modelFolders;
  }

  /**
   * On disk, and told to every page, when it returns. Where it throws, nothing has changed. A change that begins with what is there is a
   * function of it: another may be on its way.
   */
  async change(change: SettingsChange | ((now: Settings) => SettingsChange)): Promise<Settings> {
    const { before, after } = await this.#write((state) =>
      withChange(state.raw, typeof change === 'function' ? change(state.settings) : change),
    );
    if (after !== before) this.#services.events.emit({ type: 'settings', settings: after.settings });
    return after.settings;
  }

  async changeModelFolders(edit: (folders: readonly string[]) => readonly string[]): Promise<void> {
    await this.#write((state) => withModelFolders(state.raw, edit(state.modelFolders)));
  }

  /** One after the other: each change begins with what the one before left. */
  #write(edit: (state: State) => StoredObject): Promise<{ before: State; after: State }> {
    const writing = this.#lastChange.then(async () => {
      const before = await this.#state();
      const after = await this.#replace(before, edit(before));
      this.#loading = Promise.resolve(after);
      return { before, after };
    });
    this.#lastChange = writing.catch(() => undefined);
    return writing;
  }

  async #replace(state: State, raw: StoredObject): Promise<State> {
    const text = `${JSON.stringify(raw, null, 2)}\n`;
    if (text === state.text) return state;
    if (Buffer.byteLength(text) > largestFile) {
      const message =
        'The settings would be larger than 128 MiB and were not changed: shorten the texts in them.';
      throw new LabError('bad-request', message);
    }
    try {
      if (state.text !== null) await writeDurably(this.#previous, state.text);
      await writeDurably(this.#file, text);
    } catch (error) {
      throw notSaved(error);
    }
    return { ...understand(raw), text };
  }

  #state(): Promise<State> {
    return (this.#loading ??= this.#load());
  }

  async #load(): Promise<State> {
    const current = await readStored(this.#file);
    if (isState(current)) {
      this.#tellUnreadable(current);
      return current;
    }
    const previous = await readStored(this.#previous);
    if (current === null && previous === null) return { ...understand({}), text: null };
    return this.#recover(current, isState(previous) ? previous : null);
  }

  /** settings.json is missing or cannot be read: what it held before its last change, else the usual settings. */
  async #recover(reason: string | null, previous: State | null): Promise<State> {
    const isReplaced = await this.#setAside(reason, previous);
    const used = previous
      ? 'The settings from before the last change are used (settings.previous.json).'
      : 'The usual settings are used: settings.previous.json cannot be read either.';
    const name = basename(this.#damaged);
    const kept = isReplaced ? `The unreadable file is kept as ${name}.` : 'The file stays where it is.';
    const message =
      reason === null
        ? `settings.json is not there. ${used}`
        : `settings.json could not be read: ${reason}. ${used} ${kept}`;
    this.#services.notices.add('warning', message);
    if (!previous) return { ...understand({}), text: null };
    this.#tellUnreadable(previous);
    return isReplaced ? previous : { ...previous, text: null };
  }

  /** Keeps an unreadable file under another name and puts `previous` in its place. False: it could not be done, all is as it was. */
  async #setAside(reason: string | null, previous: State | null): Promise<boolean> {
    try {
      if (reason !== null) await rename(this.#file, this.#damaged);
      if (previous?.text) await writeDurably(this.#file, previous.text);
      return true;
    } catch {
      if (reason !== null) await rename(this.#damaged, this.#file).catch(() => undefined);
      return false;
    }
  }

  #tellUnreadable({ unreadable }: State): void {
    if (unreadable.length === 0) return;
    this.#services.notices.add(
      'warning',
      `settings.json has values that this version does not understand: ${unreadable.join(', ')}. ` +
        'The usual values are used for them; the file keeps what it has.',
    );
  }
}

function isState(stored: State | string | null): stored is State {
  return typeof stored === 'object' && stored !== null;
}

/** What the file holds; null: there is none; a text: why it cannot be read. */
async function readStored(file: string): Promise<State | string | null> {
  try {
    const status = await stat(file);
    if (!status.isFile()) return 'it is no file';
    const { size } = status;
    if (size > largestFile) return `it has ${size} bytes, at most ${largestFile} are read`;
    const text = await readFile(file, 'utf8');
    return { ...parseStored(text), text };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return null;
    return code === undefined ? `it is damaged (${message})` : `the system refused it (${code})`;
  }
}

function notSaved(error: unknown): LabError {
  const { code } = toLabError(error);
  const system = (error as NodeJS.ErrnoException).code ?? String(error);
  const why =
    code === 'disk-full'
      ? 'the disk is full. Free some space'
      : `the system refused to write settings.json (${system}). Make the data folder writable`;
  const message = `The settings are as they were: ${why} and try again.`;
  return new LabError(code, message, { file: 'settings.json' }, { cause: error });
}
