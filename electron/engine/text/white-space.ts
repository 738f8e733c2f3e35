const white = /[\s\p{White_Space}\x1c-\x1f]/u;

/** The part of a text inside its outer white space, as [from, to): what Python's and JavaScript's strip would leave, whichever is less. */
export function trimmedRange(text: string): readonly [number, number] {
  let from = 0;
  let to = text.length;
  while (from < to && white.test(text[from] as string)) from += 1;
  while (to > from && white.test(text[to - 1] as string)) to -= 1;
  return [from, to];
}
