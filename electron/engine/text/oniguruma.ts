/**
 * Patterns of tokenizer.json are written for Oniguruma; @huggingface/tokenizers rewrites them for JavaScript. The rest of that library is not
 * used: it knows neither the merging split behaviours nor single_word, and builds its merge table too slowly for large vocabularies.
 */
import { SplitPreTokenizer } from '@huggingface/tokenizers';
import { badFile } from '../../contract/errors.ts';

/** Compiles one Oniguruma pattern as a global JavaScript one. Throws `bad-file` naming `field`. */
export function compileOniguruma(source: string, field: string): RegExp {
  let pattern: RegExp | null = null;
  try {
    pattern = new SplitPreTokenizer({
      type: 'Split',
      pattern: { Regex: source },
      behavior: 'Isolated',
      invert: false,
    }).pattern;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw badFile(`the pattern cannot be read: ${reason}`, { file: 'tokenizer.json', field });
  }
  if (pattern === null) throw badFile('the pattern is empty', { file: 'tokenizer.json', field });
  return pattern;
}

/** What the rewriting cannot carry over (`\G`, an atomic group, a possessive quantifier), or null: then text may be cut differently. */
export function lossyPart(source: string): string | null {
  if (source.includes(String.raw`\G`)) return String.raw`\G`;
  const withoutEscapes = source.replace(/\\[pP]\{[^}]*\}|\\./gs, 'x');
  const withoutClasses = withoutEscapes.replace(/\[[^\]]*\]/g, 'x');
  return /\(\?>|[*+?]\+/.exec(withoutClasses)?.[0] ?? null;
}
