/** Where ids begin in the text they were made of, told from what they print. */
import type { VocabularyText } from './decoder.ts';

const space = 0x20;

/**
 * For each id the index of the first character it stands for; an id that stands for a later part of a character begins where that does.
 * Where the ids print another text than `text` (it was normalized, or has unknown characters), places are in proportion.
 */
export function startsIn(text: string, ids: readonly number[], vocabulary: VocabularyText): number[] {
  const printed = ids.map((id) => vocabulary.printed(id));
  // A space that was put in front of the text.
  const added = printed[0]?.[0] === space && !text.startsWith(' ') ? 1 : 0;
  const printedBytes = printed.reduce((sum, { length }) => sum + length, -added);
  const scale = printedBytes > 0 ? utf8Length(text) / printedBytes : 0;
  const cursor = new TextCursor(text);
  let offset = -added;
  return printed.map(({ length }) => {
    const start = cursor.characterAt(Math.max(0, offset) * scale);
    offset += length;
    return start;
  });
}

/** Walks a text once, from byte offsets of its UTF-8 to character indices. */
class TextCursor {
  readonly #text: string;
  #index = 0;
  #bytes = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** The character that holds this byte; offsets must not fall. */
  characterAt(offset: number): number {
    while (this.#index < this.#text.length) {
      const code = this.#text.codePointAt(this.#index)!;
      const bytes = utf8Size(code);
      if (this.#bytes + bytes > offset) break;
      this.#bytes += bytes;
      this.#index += code > 0xffff ? 2 : 1;
    }
    return this.#index;
  }
}

function utf8Size(code: number): number {
  return code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x1_0000 ? 3 : 4;
}

function utf8Length(text: string): number {
  return new TextEncoder().encode(text).length;
}
