/** Cutting text into words, step by step: each step cuts every word of the step before. */

/** `first`: the word starts the text. */
export type SplitStep = (word: string, first: boolean) => string[];

/** What becomes of a match: Hugging Face's SplitDelimiterBehavior. */
export const behaviours = [
  'removed',
  'isolated',
  'mergedwithprevious',
  'mergedwithnext',
  'contiguous',
] as const;
export type Behaviour = (typeof behaviours)[number];

interface Part {
  readonly text: string;
  readonly match: boolean;
}

/** Cuts at the matches of a global pattern. `invert`: what lies between the matches counts as the match. */
export function splitByPattern(pattern: RegExp, behaviour: Behaviour, invert: boolean): SplitStep {
  if (behaviour === 'isolated') return (word) => isolate(word, pattern);
  return (word) => {
    const parts = partsOf(word, pattern, invert);
    switch (behaviour) {
      case 'removed':
        return parts.filter((part) => !part.match).map((part) => part.text);
      case 'mergedwithprevious':
        return glue(parts, (previous, part) => part.match && !previous.match);
      case 'mergedwithnext':
        return glue(parts, (previous, part) => previous.match && !part.match);
      case 'contiguous':
        return glue(parts, (previous, part) => previous.match && part.match);
    }
  };
}

/** Isolates the matches of each pattern in turn. */
export function isolateAll(patterns: readonly RegExp[]): SplitStep {
  return inTurn(patterns.map((pattern) => splitByPattern(pattern, 'isolated', false)));
}

export function inTurn(steps: readonly SplitStep[]): SplitStep {
  const [only] = steps;
  if (steps.length === 1 && only !== undefined) return only;
  return (word, first) => {
    let words = [word];
    for (const step of steps) words = words.flatMap((each, index) => step(each, first && index === 0));
    return words;
  };
}

/** Perl-style classes as Unicode means them: JavaScript's \s has U+FEFF and lacks U+0085. */
export function unicodePattern(source: string): RegExp {
  return new RegExp(source.replaceAll('\\s', '\\p{White_Space}').replaceAll('\\S', '\\P{White_Space}'), 'gu');
}

/** What nearly every tokenizer does, without the bookkeeping of the other behaviours. */
function isolate(word: string, pattern: RegExp): string[] {
  const words: string[] = [];
  let from = 0;
  for (const match of word.matchAll(pattern)) {
    const text = match[0];
    if (text === '') continue;
    if (match.index > from) words.push(word.slice(from, match.index));
    words.push(text);
    from = match.index + text.length;
  }
  if (from < word.length) words.push(word.slice(from));
  return words;
}

function partsOf(word: string, pattern: RegExp, invert: boolean): Part[] {
  const parts: Part[] = [];
  let from = 0;
  for (const match of word.matchAll(pattern)) {
    if (match[0] === '') continue;
    if (match.index > from) parts.push({ text: word.slice(from, match.index), match: invert });
    parts.push({ text: match[0], match: !invert });
    from = match.index + match[0].length;
  }
  if (from < word.length) parts.push({ text: word.slice(from), match: invert });
  return parts;
}

/** Joins a part onto the one before where `joins` says so. */
function glue(parts: readonly Part[], joins: (previous: Part, part: Part) => boolean): string[] {
  const words: string[] = [];
  parts.forEach((part, index) => {
    const previous = parts[index - 1];
    if (previous !== undefined && joins(previous, part)) words[words.length - 1] += part.text;
    else words.push(part.text);
  });
  return words;
}
