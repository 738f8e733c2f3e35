/** Puts the tokens of a reply into its drawn Markdown: each piece of text becomes spans that name the token it is from. */
import type { ExtraProps } from 'react-markdown';
import { restoreDollars } from './protect-formulas.ts';

type Element = NonNullable<ExtraProps['node']>;
type Content = Element['children'][number];
type Text = Extract<Content, { type: 'text' }>;
/** The whole tree, or an element of it. */
interface Parent {
  children: Content[];
}

/** A token's place in a block's source, and how strongly it is tinted (0: not at all). */
export interface TokenRange {
  readonly token: number;
  readonly start: number;
  readonly end: number;
  readonly step: number;
}

/** How far an escape or a line's prefix may be skipped to find the next character. */
const lookAhead = 64;

/** For each character of `value` where in `source` it stands, from `from` on. What cannot be found stands where the last one did. */
export function alignText(value: string, source: string, from: number): readonly number[] {
  const isExact = source.startsWith(value, from);
  const places: number[] = [];
  let at = from;
  for (const character of value) {
    const found = isExact ? at : source.indexOf(character, at);
    const isNear = found >= 0 && found - at <= lookAhead;
    places.push(isNear ? found : Math.max(from, at - 1));
    if (isNear) at = found + character.length;
  }
  return places;
}

class Spans {
  readonly #source: string;
  readonly #ranges: readonly TokenRange[];
  #cursor = 0;
  #range = 0;

  constructor(source: string, ranges: readonly TokenRange[]) {
    this.#source = source;
    this.#ranges = ranges;
  }

  walk(parent: Parent, begin: number): void {
    parent.children = parent.children.flatMap((child) => {
      const start = child.position?.start.offset ?? begin;
      if (child.type === 'text') {
        // Line feeds between blocks are the drawing's own.
        const isOwn = child.position === undefined && child.value.trim() === '';
        return isOwn ? [child] : this.#cut(child, Math.max(start, this.#cursor));
      }
      if (child.type === 'element' && !isDrawing(child)) {
        // The text of fenced code begins below its fence.
        const isFence = child.tagName === 'code' && this.#source.startsWith('```', start);
        this.walk(child, isFence ? this.#source.indexOf('\n', start) + 1 : start);
      }
      return [child];
    });
  }

  #cut(text: Text, from: number): Content[] {
    const characters = Array.from(text.value);
    const places = alignText(text.value, this.#source, from);
    const pieces: Content[] = [];
    let piece = '';
    let pieceRange: TokenRange | undefined;
    const close = () => {
      if (piece !== '') pieces.push(...spanOf(piece, pieceRange));
      piece = '';
    };
    characters.forEach((character, index) => {
      const range = this.#at(places[index] ?? from);
      if (range !== pieceRange) close();
      pieceRange = range;
      piece += character;
    });
    close();
    this.#cursor = (places.at(-1) ?? from) + 1;
    return pieces;
  }

  /** The token at a place; places are asked for in rising order, save for footnotes and the like. */
  #at(place: number): TokenRange | undefined {
    const ranges = this.#ranges;
    while (this.#range > 0 && (ranges[this.#range]?.start ?? 0) > place) this.#range -= 1;
    while (this.#range < ranges.length - 1 && (ranges[this.#range]?.end ?? 0) <= place) this.#range += 1;
    const range = ranges[this.#range];
    return range && range.start <= place && place < range.end ? range : undefined;
  }
}

/** Formulas are drawings: no token has a place in them. */
function isDrawing({ properties }: Element): boolean {
  const classes = properties['className'];
  return (
    Array.isArray(classes) && classes.some((name) => typeof name === 'string' && /^(katex|math)/.test(name))
  );
}

/** The space before a word is not tinted with it. */
function spanOf(value: string, range: TokenRange | undefined): Content[] {
  if (!range) return [{ type: 'text', value }];
  const word = value.trimStart();
  const space = value.slice(0, value.length - word.length);
  if (word === '') return [{ type: 'text', value }];
  return space === '' ? [span(word, range)] : [{ type: 'text', value: space }, span(word, range)];
}

function span(value: string, { token, step }: TokenRange): Element {
  return {
    type: 'element',
    tagName: 'span',
    properties: {
      dataToken: String(token),
      className: step > 0 ? ['token', `token-${step}`] : ['token'],
    },
    children: [{ type: 'text', value }],
  };
}

/** A plugin for the tokens of one block; without ranges it only writes dollars as dollars. */
export function tokenSpans({
  source,
  ranges,
}: {
  readonly source: string;
  readonly ranges: readonly TokenRange[];
}) {
  return (tree: Parent): void => {
    if (ranges.length > 0) new Spans(source, ranges).walk(tree, 0);
    writeDollars(tree);
  };
}

function writeDollars(parent: Parent): void {
  for (const child of parent.children) {
    if (child.type === 'text') child.value = restoreDollars(child.value);
    else if (child.type === 'element') writeDollars(child);
  }
}
