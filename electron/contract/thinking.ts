/** What a model thinks aloud, apart from what it says: pages fold it, and it is not sent back to the model. */

export interface ReplyPart {
  readonly kind: 'thinking' | 'said';
  /** Where in the reply's text it begins. */
  readonly start: number;
  readonly text: string;
  /** Of a thought: it has no end yet. */
  readonly isOpen: boolean;
}

const openMark = '<think>';
const closeMark = '</think>';

/** The parts in order, without the marks. Some templates open the thought themselves: then its end comes without a beginning. */
export function splitThinking(text: string): readonly ReplyPart[] {
  const parts: ReplyPart[] = [];
  const add = (kind: ReplyPart['kind'], start: number, end: number, isOpen = false) => {
    const part = text.slice(start, end);
    if (part.trim() !== '') parts.push({ kind, start, text: part, isOpen });
  };
  let at = 0;
  const firstClose = text.indexOf(closeMark);
  const firstOpen = text.indexOf(openMark);
  if (firstClose >= 0 && (firstOpen < 0 || firstClose < firstOpen)) {
    add('thinking', 0, firstClose);
    at = firstClose + closeMark.length;
  }
  for (;;) {
    const open = text.indexOf(openMark, at);
    if (open < 0) break;
    add('said', at, open);
    const begin = open + openMark.length;
    const close = text.indexOf(closeMark, begin);
    add('thinking', begin, close < 0 ? text.length : close, close < 0);
    at = close < 0 ? text.length : close + closeMark.length;
  }
  add('said', at, text.length);
  return parts;
}

/** What was said; the white space after a thought goes with it. */
export function withoutThinking(text: string): string {
  const said = splitThinking(text).filter(({ kind }) => kind === 'said');
  return said.map(({ start, text: part }) => (start === 0 ? part : part.trimStart())).join('');
}
