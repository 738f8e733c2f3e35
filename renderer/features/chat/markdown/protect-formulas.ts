/**
 * Makes a block's formulas plain to the Markdown parser without moving a character: \( \) \[ \] become $$, and a dollar that
 * begins or ends no formula ("$5 and $10") becomes a sign of its own, which is written as a dollar again later.
 */

/** Stands for a dollar that is one. No text has it: it is not a character. */
const plainDollar = '\ufdd0';

const bracket = /\\[()[\]]/g;
/** As in Pandoc: no space behind the first dollar or before the second, no digit after it, no blank line between. */
const pair = /\$\$|(?<![\\$])\$(?![\s$])((?:[^$\\\n]|\\.|\n(?!\s*\n))*?)(?<!\s)\$(?![\d$])/g;

export function mayHaveFormula(source: string): boolean {
  return source.includes('$') || source.includes('\\(') || source.includes('\\[');
}

export function protectFormulas(source: string): string {
  let result = '';
  let from = 0;
  for (const { start, end } of codeSpans(source)) {
    result += protectText(source.slice(from, start)) + source.slice(start, end);
    from = end;
  }
  return result + protectText(source.slice(from));
}

/** From a run of backticks to the next run of the same length. Each run is looked at once. */
function codeSpans(source: string): readonly { readonly start: number; readonly end: number }[] {
  const runs = [...source.matchAll(/`+/g)].map(({ 0: { length }, index }) => ({ length, index }));
  const nextOfLength = new Map<number, number>();
  const closing = new Map<number, number>();
  for (let place = runs.length - 1; place >= 0; place -= 1) {
    const length = runs[place]?.length ?? 0;
    const next = nextOfLength.get(length);
    if (next !== undefined) closing.set(place, next);
    nextOfLength.set(length, place);
  }
  const spans: { start: number; end: number }[] = [];
  for (let place = 0; place < runs.length; place += 1) {
    const open = runs[place];
    const close = closing.get(place);
    const last = close === undefined ? undefined : runs[close];
    if (!open || !last || close === undefined) continue;
    spans.push({ start: open.index, end: last.index + last.length });
    place = close;
  }
  return spans;
}

export function restoreDollars(text: string): string {
  return text.replaceAll(plainDollar, '$');
}

function protectText(text: string): string {
  const converted = text.replace(bracket, '$$$$');
  let result = '';
  let from = 0;
  for (const formula of converted.matchAll(pair)) {
    result += plainDollars(converted.slice(from, formula.index)) + formula[0];
    from = formula.index + formula[0].length;
  }
  return result + plainDollars(converted.slice(from));
}

/** An escaped dollar is none of a formula already. */
function plainDollars(text: string): string {
  return text.replace(/(?<!\\)\$/g, plainDollar);
}
