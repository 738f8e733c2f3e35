/** Colours code, a few lines a turn, so that a long listing never holds up the page. */
import { createHighlighterCore, createCssVariablesTheme, type HighlighterCore } from 'shiki/core';
import { createJavaScriptRegexEngine } from 'shiki/engine/javascript';
import { loadGrammar } from './languages.ts';

export interface CodePiece {
  readonly text: string;
  /** A role of the page's style, as a CSS value; null: the text's own colour. */
  readonly colour: string | null;
}
export type CodeLine = readonly CodePiece[];

/** The first lines of a language take longest: its patterns are compiled as they are met. */
const turnMs = 8;
/** A longer listing stays plain. */
const mostCharacters = 200_000;
const theme = createCssVariablesTheme({ name: 'retort', variablePrefix: '--code-', fontStyle: false });

let creating: Promise<HighlighterCore> | null = null;

export function highlighter(): Promise<HighlighterCore> {
  creating ??= createHighlighterCore({
    themes: [theme],
    langs: [],
    engine: createJavaScriptRegexEngine({ forgiving: true }),
  });
  return creating;
}

const nextTurn = () => new Promise<void>((resolve) => setTimeout(resolve, 0));

/** Lines of pieces, or null where it stays plain or `signal` fires. `language` as languageOf says it. */
export async function highlight(
  code: string,
  language: string,
  signal: AbortSignal,
): Promise<readonly CodeLine[] | null> {
  if (code.length > mostCharacters) return null;
  const shiki = await highlighter();
  if (!shiki.getLoadedLanguages().includes(language)) {
    const grammar = await loadGrammar(language);
    await nextTurn();
    await shiki.loadLanguage(...grammar);
    await nextTurn();
  }
  const lines = code.split('\n');
  const result: CodeLine[] = [];
  let grammarState: ReturnType<typeof shiki.getLastGrammarState> | undefined;
  let turnEnd = performance.now() + turnMs;
  for (const line of lines) {
    if (performance.now() > turnEnd) {
      await nextTurn();
      turnEnd = performance.now() + turnMs;
    }
    if (signal.aborted) return null;
    const { tokens, grammarState: after } = shiki.codeToTokens(line, {
      lang: language,
      theme: 'retort',
      ...(grammarState ? { grammarState } : {}),
    });
    grammarState = after;
    const [pieces = []] = tokens;
    result.push(pieces.map(({ content, color }) => ({ text: content, colour: color ?? null })));
  }
  return result;
}
