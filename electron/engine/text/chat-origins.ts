/** Which message each part of a rendered conversation comes from. */
import type { ChatMessage } from '../../contract/tokens.ts';
import type { TextSpan } from './tokenizer.ts';
import { trimmedRange } from './white-space.ts';

/** A part of a rendered conversation: some of a message's content, or what the template writes. */
export interface ChatSpan extends TextSpan {
  /** Index of the message; null: the template's. */
  readonly message: number | null;
  /** Where the part begins in the message's content. */
  readonly offset: number;
}

/** For each id the index of its message and the offset in that one's content; −1 and −1: the template's. */
export interface Origins {
  readonly origins: number[];
  readonly offsets: number[];
}

/** A part that no message is known of. */
export function templateSpan(text: string): ChatSpan {
  return { text, special: true, message: null, offset: 0 };
}

/** An id counts for the first message that any of its characters are from. `starts`: where each id begins in the joined spans. */
export function originsOf(spans: readonly ChatSpan[], starts: readonly number[]): Origins {
  const origins: number[] = [];
  const offsets: number[] = [];
  const contents = contentRanges(spans);
  let next = 0;
  starts.forEach((start, i) => {
    const end = Math.max(start + 1, starts[i + 1] ?? Infinity);
    while (next < contents.length && contents[next]!.to <= start) next += 1;
    const content = start < 0 ? undefined : contents[next];
    const isInside = content !== undefined && content.from < end;
    origins.push(isInside ? content.message : -1);
    offsets.push(isInside ? content.offset + Math.max(0, start - content.from) : -1);
  });
  return { origins, offsets };
}

interface ContentRange {
  readonly from: number;
  readonly to: number;
  readonly message: number;
  readonly offset: number;
}

function contentRanges(spans: readonly ChatSpan[]): ContentRange[] {
  const ranges: ContentRange[] = [];
  let from = 0;
  for (const { text, message, offset } of spans) {
    const to = from + text.length;
    if (message !== null && to > from) ranges.push({ from, to, message, offset });
    from = to;
  }
  return ranges;
}

/**
 * Names the message of each content among `spans`: the next one with that very text, else, where the template changes contents, simply
 * the next. `isMarked`: whose contents were told apart.
 */
export function nameContents(
  spans: readonly TextSpan[],
  messages: readonly ChatMessage[],
  isMarked: (message: ChatMessage) => boolean,
): ChatSpan[] {
  const contents = new MarkedContents(messages, isMarked);
  return spans.map(({ text, special }) => {
    if (special) return templateSpan(text);
    const message = contents.next(text);
    const offset = message === null ? 0 : trimmedRange(messages[message]!.content)[0];
    return { text, special, message, offset };
  });
}

class MarkedContents {
  readonly #byText = new Map<string, number[]>();
  readonly #marked: number[] = [];
  /** Into `#marked`: the first after all that were named. */
  #next = 0;

  constructor(messages: readonly ChatMessage[], isMarked: (message: ChatMessage) => boolean) {
    messages.forEach((message, index) => {
      const text = trimmed(message.content);
      if (text === '' || !isMarked(message)) return;
      this.#marked.push(index);
      const same = this.#byText.get(text);
      if (same) same.push(index);
      else this.#byText.set(text, [index]);
    });
    // Taken from the end.
    for (const same of this.#byText.values()) same.reverse();
  }

  next(text: string): number | null {
    const same = this.#byText.get(text);
    // The last one stays: a template may print a message twice.
    const index = same && (same.length > 1 ? same.pop() : same[0]);
    const found = index ?? this.#marked[this.#next] ?? null;
    while (found !== null && this.#next < this.#marked.length && this.#marked[this.#next]! <= found) {
      this.#next += 1;
    }
    return found;
  }
}

const thoughtsEnd = '</think>';

/**
 * Looks for the contents that were not told apart in what seems to be the template's text, in the order of the messages. What is found
 * counts for its message; names of special tokens in it are obeyed as before.
 */
export function findUnmarked(spans: readonly ChatSpan[], messages: readonly ChatMessage[]): ChatSpan[] {
  const lastOf = new Map<number, number>();
  spans.forEach(({ message }, index) => message !== null && lastOf.set(message, index));
  const result: ChatSpan[] = [];
  let next = 0;
  let rest = spans[0];
  const advance = () => {
    if (rest) result.push(rest);
    rest = spans[++next];
  };
  messages.forEach((message, index) => {
    const own = lastOf.get(index);
    if (own !== undefined) {
      while (next <= own) advance();
      return;
    }
    const found = rest?.message === null && rest.special ? partOf(message, rest.text) : null;
    if (!found || !rest) return;
    const { text } = rest;
    const end = found.at + found.text.length;
    if (found.at > 0) result.push(templateSpan(text.slice(0, found.at)));
    result.push({ text: found.text, special: true, message: index, offset: found.offset });
    rest = templateSpan(text.slice(end));
  });
  while (rest) advance();
  return result;
}

/** A message's content, or what it says after its thoughts, in a text. */
function partOf({ content }: ChatMessage, text: string) {
  const [from, to] = trimmedRange(content);
  const thoughts = content.lastIndexOf(thoughtsEnd);
  const ranges = [[from, to]];
  if (thoughts >= 0) {
    const start = thoughts + thoughtsEnd.length;
    const [left, right] = trimmedRange(content.slice(start));
    ranges.push([start + left, start + right]);
  }
  for (const [start, end] of ranges) {
    const part = content.slice(start, end);
    const at = part === '' ? -1 : text.indexOf(part);
    if (at >= 0) return { text: part, at, offset: start! };
  }
  return null;
}

function trimmed(content: string): string {
  return content.slice(...trimmedRange(content));
}

/** Undoes for origins what put the system message (index 0) in front of the first user message, which has index `folded` without it. */
export function unfoldOrigins(
  spans: readonly ChatSpan[],
  systemLength: number,
  separatorLength: number,
  folded: number,
): ChatSpan[] {
  const userStart = systemLength + separatorLength;
  return spans.flatMap((span) => {
    const { message, offset, text } = span;
    if (message === null) return [span];
    if (message !== folded) return [{ ...span, message: message + 1 }];
    const cut = (from: number, to: number) =>
      text.slice(Math.max(0, from - offset), Math.max(0, to - offset));
    return [
      { ...span, text: cut(0, systemLength), message: 0 },
      { ...span, text: cut(systemLength, userStart), message: null },
      {
        ...span,
        text: cut(userStart, Infinity),
        message: message + 1,
        offset: Math.max(0, offset - userStart),
      },
    ].filter((part) => part.text !== '');
  });
}
