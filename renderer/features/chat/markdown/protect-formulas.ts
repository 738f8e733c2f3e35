/**
 * Makes a block's formulas plain to the Markdown parser without moving a character: \( \) \[ \] become $$, and a dollar that
 * begins or ends no formula ("$5 and $10") becomes a sign of its own, which is written as a dollar again later.
 */

/** Stands for a dollar that is one. No text has it: it is not a character. */
const plainDollar = '\ufdd0';

const codeSpan = /(`+)(?:[^`]|(?!\1(?!`))`)*\1(?!`)/g;
const bracket = /\\[()[\]]/g;
/** As in Pandoc: no space behind the first dollar or before the second, no digit after it, no blank line between. */
const pair = /\$\$|(?<![\\$])\$(?![\s$])((?:[^$\\\n]|\\.|\n(?!\s*\n))*?)(?<!\s)\$(?![\d$])/g;

export function mayHaveFormula(source: string): boolean {
  return source.includes('$') || source.includes('\\(') || source.includes('\\[');
}

export function protectFormulas(source: string): string {
  let result = '';
  let from = 0;
  for (const code of source.matchAll(codeSpan)) {
    result += protectText(source.slice(from, code.index)) + code[0];
    from = code.index + code[0].length;
  }
  return result + protectText(source.slice(from));
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
