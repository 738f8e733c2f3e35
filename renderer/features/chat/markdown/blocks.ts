/**
 * Cuts Markdown into top-level blocks, so that a growing reply draws its last block anew and keeps the others. The blocks joined are the
 * text, character by character: tokens are found in them by their place.
 */
import { Lexer, Marked, type Token, type TokenizerExtension, type Tokens } from 'marked';

export interface Block {
  /** Where in the text it begins. */
  readonly start: number;
  readonly source: string;
  /** It says where a link leads, and is not drawn. */
  readonly isDefinition: boolean;
}

export interface Blocks {
  readonly text: string;
  readonly blocks: readonly Block[];
  /** Link definitions of the whole text: a block may use one that stands elsewhere. */
  readonly definitions: string;
}

/** A formula over several lines, blank ones too, is one block; as it grows it is one to its end. */
const formula: TokenizerExtension = {
  name: 'formula',
  level: 'block',
  start: (source) => source.search(/^ {0,3}(?:\$\$|\\\[)/m),
  tokenizer(source) {
    const open = /^ {0,3}(\$\$|\\\[)/.exec(source)?.[1];
    if (open === undefined) return undefined;
    const pattern =
      open === '$$'
        ? /^ {0,3}\$\$[\s\S]*?(?:\$\$[^\n]*(?:\n+|$)|$)/
        : /^ {0,3}\\\[[\s\S]*?(?:\\\][^\n]*(?:\n+|$)|$)/;
    const raw = pattern.exec(source)?.[0];
    return raw === undefined || raw === '' ? undefined : { type: 'formula', raw };
  },
};

const { defaults } = new Marked({ extensions: [formula] });

/** Line ends of other systems become ours without a character less. */
export function normalizeLineEnds(text: string): string {
  return text.includes('\r') ? text.replace(/\r(?=\n)/g, ' ').replace(/\r/g, '\n') : text;
}

/** What comes later may change the last block, and the one before it where only a blank line lies between. */
const blocksThatMayChange = 2;

/** A long list is drawn in parts of so many characters: otherwise each token of its last item would draw all of it anew. */
const longestListPart = 1500;

/** Lengths of the pieces into which a token of the lexer is cut: one, but for long lists, which are cut between items. */
function lengthsOf(token: Token): readonly number[] {
  if (token.type !== 'list' || token.raw.length <= longestListPart) return [token.raw.length];
  const lengths: number[] = [];
  let part = 0;
  for (const { raw } of (token as Tokens.List).items) {
    if (part >= longestListPart) {
      lengths.push(part);
      part = 0;
    }
    part += raw.length;
  }
  return [...lengths, part];
}

/** The blocks of `text`. Where it is `previous` and more, all but the last blocks of that are kept as they are. */
export function splitBlocks(text: string, previous: Blocks | null): Blocks {
  const kept =
    previous && previous.text.length > 0 && text.startsWith(previous.text)
      ? previous.blocks.slice(0, -blocksThatMayChange)
      : [];
  const last = kept.at(-1);
  let start = last ? last.start + last.source.length : 0;
  const blocks = [...kept];
  const add = (length: number, isDefinition = false) => {
    // The lexer goes on by the length of what it took, which itself is not always what stands there.
    const source = text.slice(start, start + length);
    if (source === '') return;
    blocks.push({ start, source, isDefinition });
    start += source.length;
  };
  for (const token of new Lexer({ ...defaults, gfm: true }).lex(text.slice(start))) {
    for (const length of lengthsOf(token)) add(length, token.type === 'def');
  }
  add(text.length - start);
  const definitions = blocks.filter((block) => block.isDefinition).map(({ source }) => source.trimEnd());
  return { text, blocks, definitions: definitions.join('\n') };
}
