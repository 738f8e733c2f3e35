/** What is being written and not sent: one text and its files for the chat that is shown. The text is kept on disk. */
import { createStore, type StoreApi } from 'zustand/vanilla';
import type { AttachedFile } from '../../../electron/contract/chats.ts';
import { readFiles } from './read-files.ts';

export interface DraftState {
  readonly text: string;
  readonly files: readonly AttachedFile[];
  /** Why other files are not among them. */
  readonly refused: readonly string[];
}

/** Null: the chat to come. */
export type SaveDraft = (chatId: string | null, text: string) => Promise<void>;

const saveAfterMs = 600;
/** As many as a message takes. */
const mostFiles = 100;
const empty: DraftState = { text: '', files: [], refused: [] };

export class DraftKeeper {
  readonly store: StoreApi<DraftState> = createStore<DraftState>(() => empty);
  readonly #save: SaveDraft;
  #chatId: string | null = null;
  #savedText = '';
  #timer: ReturnType<typeof setTimeout> | undefined;
  #carries = false;
  /** The host has not answered yet: which chat will be shown, and what was kept for it, is not known. */
  #isUntold = true;

  constructor(save: SaveDraft) {
    this.#save = save;
  }

  readonly setText = (text: string): void => {
    this.store.setState({ text });
    this.#planSave();
  };

  /** Something is written that nothing was told of yet. */
  get isWrittenUntold(): boolean {
    const { text, files } = this.store.getState();
    return this.#isUntold && (text !== '' || files.length > 0);
  }

  /** Another chat is shown: what was written in the one before is kept there. */
  show(chatId: string | null, text: string): void {
    if (this.isWrittenUntold) return this.#join(chatId, text);
    this.#isUntold = false;
    if (this.#carries) {
      this.#carries = false;
      this.#chatId = chatId;
      return;
    }
    this.flush();
    this.#chatId = chatId;
    this.#savedText = text;
    this.store.setState({ ...empty, text });
  }

  /** What was kept of the chat to come, told once the host answers: what a person wrote meanwhile stays. */
  restore(text: string): void {
    if (!this.isWrittenUntold) return this.show(null, text);
    this.#isUntold = false;
    this.#savedText = text;
    this.#planSave();
  }

  /** What was written before the host answered follows what was kept. */
  #join(chatId: string | null, kept: string): void {
    const { text: written } = this.store.getState();
    this.#isUntold = false;
    this.#chatId = chatId;
    this.#savedText = kept;
    this.setText([kept, written].filter((text) => text !== '').join('\n'));
  }

  /** The chat to come has begun: what is written belongs to it. */
  begin(chatId: string): void {
    if (this.#savedText !== '') void this.#save(null, '');
    this.#savedText = '';
    this.#chatId = chatId;
  }

  /** It was sent. */
  readonly clear = (): void => {
    this.store.setState(empty);
    this.flush();
  };

  /** What is written goes along to the chat that is shown next. */
  readonly carry = (): void => {
    const { text } = this.store.getState();
    this.setText('');
    this.flush();
    this.store.setState({ text });
    this.#carries = true;
  };

  #planSave(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.flush(), saveAfterMs);
  }

  /** Writes down now what waits to be. */
  flush(): void {
    clearTimeout(this.#timer);
    if (this.#isUntold) return;
    const { text } = this.store.getState();
    if (text === this.#savedText) return;
    this.#savedText = text;
    void this.#save(this.#chatId, text);
  }

  readonly addFiles = async (chosen: readonly File[]): Promise<void> => {
    const { files, refused } = await readFiles(chosen);
    this.store.setState((before) => {
      const room = mostFiles - before.files.length;
      const tooMany =
        files.length > room ? [`A message takes ${mostFiles} files; the rest was not attached.`] : [];
      return {
        files: withNames(before.files, files.slice(0, room)),
        refused: [...refused, ...tooMany],
      };
    });
  };

  readonly removeFile = (index: number): void => {
    this.store.setState(({ files }) => ({ files: files.filter((_file, at) => at !== index) }));
  };

  readonly forgetRefused = (): void => this.store.setState({ refused: [] });
}

/** "notes.txt", and "notes (2).txt" where there is one of that name: files are told apart by their names. */
export function freeName(name: string, taken: readonly string[]): string {
  if (!taken.includes(name)) return name;
  const dot = name.lastIndexOf('.');
  const [stem, end] = dot > 0 ? [name.slice(0, dot), name.slice(dot)] : [name, ''];
  for (let number = 2; ; number += 1) {
    const free = `${stem} (${number})${end}`;
    if (!taken.includes(free)) return free;
  }
}

function withNames(before: readonly AttachedFile[], added: readonly AttachedFile[]): AttachedFile[] {
  const all = [...before];
  for (const file of added) {
    const taken = all.map(({ name }) => name);
    all.push({ ...file, name: freeName(file.name, taken) });
  }
  return all;
}
