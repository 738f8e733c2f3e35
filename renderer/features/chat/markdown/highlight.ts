/** Colours code, a few lines at a time, so that a long listing never holds up the page. */
import { createHighlighterCore, createCssVariablesTheme, type HighlighterCore } from 'shiki/core';
import { createJavaScriptRegexEngine } from 'shiki/engine/javascript';
import { loadGrammar } from './languages.ts';

export interface CodePiece {
  readonly text: string;
  /** A role of the page's style, as a CSS value; null: the text's own colour. */
  readonly colour: string | null;
}
export type CodeLine = readonly CodePiece[];

const linesAtOnce = 16;
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
  if (!shiki.getLoadedLanguages().includes(language))
    await shiki.loadLanguage(...(await loadGrammar(language)));
  const lines = code.split('\n');
  const result: CodeLine[] = [];
  let grammarState: ReturnType<typeof shiki.getLastGrammarState> | undefined;
  for (let at = 0; at < lines.length; at += linesAtOnce) {
    if (signal.aborted) return null;
    const part = lines.slice(at, at + linesAtOnce).join('\n');
    const { tokens, grammarState: after } = shiki.codeToTokens(part, {
      lang: language,
      theme: 'retort',
      ...(grammarState ? { grammarState } : {}),
    });
    grammarState = after;
    for (const line of tokens) {
      result.push(line.map(({ content, color }) => ({ text: content, colour: color ?? null })));
    }
    await nextTurn();
  }
  return result;
}
