/** Private-use characters put around message contents, so that a rendered text shows what is content and what is template. */
import type { TextSpan } from './tokenizer.ts';
import { trimmedRange } from './white-space.ts';

export interface Marks {
  readonly open: string;
  readonly close: string;
}

const firstPrivate = 0xe000;
const lastPrivate = 0xf8ff;

/** Two private-use characters that none of the texts holds; null where all are taken. */
export function marksFor(texts: readonly string[]): Marks | null {
  const free: string[] = [];
  for (let code = firstPrivate; code <= lastPrivate && free.length < 2; code += 1) {
    const character = String.fromCharCode(code);
    if (!texts.some((text) => text.includes(character))) free.push(character);
  }
  const [open, close] = free;
  return open === undefined || close === undefined ? null : { open, close };
}

/** Marks go inside the outer white space, so that a template's trimming does the same with them as without. */
export function markContents(content: string, marks: Marks): string {
  const [from, to] = trimmedRange(content);
  if (from === to) return content;
  return content.slice(0, from) + marks.open + content.slice(from, to) + marks.close + content.slice(to);
}

/**
 * Cuts a text rendered with marks into template (special names obeyed) and content (not obeyed). Null where the marks are not in pairs, or
 * where the text without them is not `expected`.
 */
export function spansOf(marked: string, marks: Marks, expected: string): readonly TextSpan[] | null {
  if (marked.replaceAll(marks.open, '').replaceAll(marks.close, '') !== expected) return null;
  const spans: TextSpan[] = [];
  let rest = marked;
  for (;;) {
    const open = rest.indexOf(marks.open);
    const template = open < 0 ? rest : rest.slice(0, open);
    if (template.includes(marks.close)) return null;
    if (template !== '') spans.push({ text: template, special: true });
    if (open < 0) return spans;
    const close = rest.indexOf(marks.close, open);
    if (close < 0) return null;
    const content = rest.slice(open + 1, close);
    if (content.includes(marks.open)) return null;
    spans.push({ text: content, special: false });
    rest = rest.slice(close + 1);
  }
}
