import type { AddedToken } from './pipeline.ts';

/** A stretch of text (`token` null) or an added token found in it. */
export interface Section {
  readonly text: string;
  readonly token: AddedToken | null;
  /** Where it starts in the text that was cut. */
  readonly start: number;
}

export type Allowed = (token: AddedToken, start: number, end: number) => boolean;

const space = /\s/u;
const wordCharacter = /[\p{L}\p{N}_]/u;

/**
 * Cuts text at added tokens, the leftmost and then the longest first. The tokens lie in a sorted list that is narrowed character by
 * character, so that neither a million tokens nor a text made of their first character is slow.
 */
export class AddedTokenFinder {
  private readonly sorted: readonly AddedToken[];
  /** First code unit → its part [from, to) of `sorted`. */
  private readonly ranges = new Map<number, readonly [number, number]>();

  constructor(tokens: readonly AddedToken[]) {
    this.sorted = tokens
      .filter((token) => token.content !== '')
      .toSorted((a, b) => (a.content < b.content ? -1 : a.content > b.content ? 1 : 0));
    this.sorted.forEach((token, index) => {
      const first = token.content.charCodeAt(0);
      this.ranges.set(first, [this.ranges.get(first)?.[0] ?? index, index + 1]);
    });
  }

  cut(text: string, allowed: Allowed): Section[] {
    const sections: Section[] = [];
    let plainFrom = 0;
    for (let index = 0; index < text.length;) {
      const token = this.longestAt(text, index, allowed);
      if (token === null) {
        index += 1;
        continue;
      }
      let start = index;
      let end = index + token.content.length;
      if (token.stripLeft) while (start > plainFrom && space.test(text[start - 1] as string)) start -= 1;
      if (token.stripRight) while (end < text.length && space.test(text[end] as string)) end += 1;
      if (start > plainFrom)
        sections.push({ text: text.slice(plainFrom, start), token: null, start: plainFrom });
      sections.push({ text: token.content, token, start });
      plainFrom = end;
      index = end;
    }
    if (plainFrom < text.length)
      sections.push({ text: text.slice(plainFrom), token: null, start: plainFrom });
    return sections;
  }

  private longestAt(text: string, start: number, allowed: Allowed): AddedToken | null {
    const range = this.ranges.get(text.charCodeAt(start));
    if (range === undefined) return null;
    let [from, to] = range;
    let best: AddedToken | null = null;
    for (let length = 1; from < to; length += 1) {
      // Among strings with this prefix the one that ends here is the first.
      const candidate = this.sorted[from] as AddedToken;
      if (candidate.content.length === length) {
        if (isWhole(candidate, text, start) && allowed(candidate, start, start + length)) best = candidate;
        from += 1;
      }
      if (start + length >= text.length) break;
      const code = text.charCodeAt(start + length);
      from = this.lowerBound(from, to, length, code);
      to = this.lowerBound(from, to, length, code + 1);
    }
    return best;
  }

  /** First index in [from, to) whose character at `depth` is at least `code`. */
  private lowerBound(from: number, to: number, depth: number, code: number): number {
    let low = from;
    let high = to;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.sorted[middle] as AddedToken).content.charCodeAt(depth) < code) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function isWhole(token: AddedToken, text: string, start: number): boolean {
  if (!token.singleWord) return true;
  const before = text[start - 1] ?? ' ';
  const after = text[start + token.content.length] ?? ' ';
  return !wordCharacter.test(before) && !wordCharacter.test(after);
}
