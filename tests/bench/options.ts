/** What the benchmarks' command lines share. */

/** The rows whose names hold every word. Throws where there are none. */
export function chosenRows<Row extends { readonly name: string }>(
  rows: readonly Row[],
  words: readonly string[],
): readonly Row[] {
  const chosen = rows.filter(({ name }) =>
    words.every((word) => name.toLowerCase().includes(word.toLowerCase())),
  );
  if (chosen.length === 0) throw new Error(`no row is named ${words.join(' ')}: --list shows all`);
  return chosen;
}

/** Throws for what is no whole number from 1 on. */
export function positive(text: string, name: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error(`--${name} needs a number from 1`);
  return value;
}
