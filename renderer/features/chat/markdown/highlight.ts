/** Colours the lines of code. A listing that grew is coloured from its first changed line on. */
import { createCssVariablesTheme, createHighlighterCoreSync, type GrammarState } from 'shiki/core';
import { createJavaScriptRegexEngine } from 'shiki/engine/javascript';
import { loadGrammar } from './grammars.ts';
import type { CodeLine } from './highlight-messages.ts';
import type { Language } from './languages.ts';

const theme = createCssVariablesTheme({ name: 'retort', variablePrefix: '--code-', fontStyle: false });

const shiki = createHighlighterCoreSync({
  themes: [theme],
  langs: [],
  engine: createJavaScriptRegexEngine({ forgiving: true }),
});

/** To be called before a line of that language is coloured. */
export async function loadLanguage(language: Language): Promise<void> {
  if (!shiki.getLoadedLanguages().includes(language))
    shiki.loadLanguageSync(...(await loadGrammar(language)));
}

interface KnownLine {
  readonly text: string;
  /** The grammar's state behind it. */
  readonly after: GrammarState | undefined;
}

export interface ColouredLines {
  readonly from: number;
  readonly lines: readonly CodeLine[];
  readonly isLast: boolean;
}

/** So many lines are told at a time: a page draws them in one turn. */
const linesAtATime = 100;

/** What is known of one listing: its lines and the state of the grammar behind each. */
export class Listing {
  readonly language: Language;
  #known: KnownLine[] = [];

  constructor(language: Language) {
    this.language = language;
  }

  /** Lines from the first that is not as it was, a part at a time; at least one part. */
  *colour(code: string): Generator<ColouredLines> {
    const texts = code.split('\n');
    const changed = texts.findIndex((text, index) => this.#known[index]?.text !== text);
    let from = changed < 0 ? texts.length : changed;
    this.#known.length = from;
    do {
      const start = from;
      const lines = texts.slice(start, start + linesAtATime).map((text) => this.#next(text));
      from += lines.length;
      yield { from: start, lines, isLast: from >= texts.length };
    } while (from < texts.length);
  }

  #next(text: string): CodeLine {
    const grammarState = this.#known.at(-1)?.after;
    const { tokens, grammarState: after } = shiki.codeToTokens(text, {
      lang: this.language,
      theme: 'retort',
      ...(grammarState ? { grammarState } : {}),
    });
    this.#known.push({ text, after });
    const [pieces = []] = tokens;
    return { text, pieces: pieces.map(({ content, color }) => ({ text: content, colour: color ?? null })) };
  }
}
