/** The parts a tokenizer is made of, whichever file they come from. */

/** Turns one word (or, where nothing splits the text, all of it) into ids. */
export interface TextModel {
  /** Appends the ids of `word`. */
  encode(word: string, ids: number[]): void;
}

/** A token that is looked for in the text before anything else. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  /** Control tokens: obeyed only where the caller asks for it, and not printed. */
  readonly special: boolean;
  /** Only between characters that are not letters or digits. */
  readonly singleWord: boolean;
  /** Swallow white space on that side. */
  readonly stripLeft: boolean;
  readonly stripRight: boolean;
  /** Looked for in the normalized text. */
  readonly normalized: boolean;
}

export interface Pipeline {
  /** Token texts by id. */
  readonly tokens: readonly (string | undefined)[];
  readonly added: readonly AddedToken[];
  /** Applied to each stretch of text between added tokens. */
  normalize(text: string): string;
  /** Cuts a normalized stretch into words; `first`: it starts the text. */
  split(text: string, first: boolean): string[];
  readonly model: TextModel;
  /** The id that the files want in front of every text, if any. */
  readonly beginning: number | null;
  /** What could not be done exactly as the files ask. */
  readonly warnings: readonly string[];
}
