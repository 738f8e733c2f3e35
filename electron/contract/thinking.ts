/** What a model thinks aloud, apart from what it says: pages fold it, and it is not sent back to the model. */

export interface ReplyPart {
  readonly kind: 'thinking' | 'said';
  /** Where in the reply's text it begins. */
  readonly start: number;
  readonly text: string;
  /** Of a thought: it has no end yet. */
  readonly isOpen: boolean;
}

const marks = /<\/?think>/g;

interface Mark {
  readonly isOpening: boolean;
  readonly start: number;
  readonly end: number;
}

/**
 * The parts in order, without the marks that count. Some templates open the thought themselves: then ends come without a beginning, and all
 * before the last of them is thought. A thought within a thought belongs to it; later ends without a beginning are text.
 */
export function splitThinking(text: string): readonly ReplyPart[] {
  const found = marksIn(text);
  const parts: ReplyPart[] = [];
  let at = 0;
  const add = (kind: ReplyPart['kind'], end: number, isOpen = false) => {
    const part = text.slice(at, end);
    if (part.trim() !== '') parts.push({ kind, start: at, text: part, isOpen });
  };
  const think = (thought: readonly Mark[]) => {
    for (const mark of thought) {
      add('thinking', mark.start);
      at = mark.end;
    }
  };
  const firstOpening = found.findIndex(({ isOpening }) => isOpening);
  think(firstOpening < 0 ? found : found.slice(0, firstOpening));
  for (let next = firstOpening; next >= 0;) {
    const opening = found[next]!;
    add('said', opening.start);
    at = opening.end;
    const close = endOfThought(found, next);
    think(found.slice(next + 1, close < 0 ? undefined : close + 1));
    if (close < 0) {
      add('thinking', text.length, true);
      return parts;
    }
    next = found.findIndex(({ isOpening }, index) => isOpening && index > close);
  }
  add('said', text.length);
  return parts;
}

function marksIn(text: string): Mark[] {
  return Array.from(text.matchAll(marks), ({ 0: mark, index }) => {
    return { isOpening: !mark.startsWith('</'), start: index, end: index + mark.length };
  });
}

/** Where as many ends as beginnings have come, else the first end: one that was opened twice is often closed once. −1: it is open. */
function endOfThought(found: readonly Mark[], opening: number): number {
  let depth = 0;
  for (let index = opening; index < found.length; index += 1) {
    depth += found[index]!.isOpening ? 1 : -1;
    if (depth === 0) return index;
  }
  return found.findIndex(({ isOpening }, index) => !isOpening && index > opening);
}

/** What was said; the white space after a thought goes with it. */
export function withoutThinking(text: string): string {
  const said = splitThinking(text).filter(({ kind }) => kind === 'said');
  return said.map(({ start, text: part }) => (start === 0 ? part : part.trimStart())).join('');
}
