/** What the variants of a comparison are called where they stand together. Pure. */

const wordsOf = (label: string): string[] => label.split(' ');
const bare = (word: string | undefined): string | undefined => word?.replace(/,$/, '');

/** How many words all begin with; each keeps one of its own. */
function sharedWords(labels: readonly string[]): number {
  const words = labels.map(wordsOf);
  const fewest = Math.min(...words.map(({ length }) => length));
  let shared = 0;
  while (shared < fewest - 1 && new Set(words.map((own) => bare(own[shared]))).size === 1) shared += 1;
  return shared;
}

/** Without what all begin with: "fast, f16 cache" of "SmolLM2, Q4_1, fast, f16 cache". */
export function shortLabels(labels: readonly string[]): string[] {
  const shared = sharedWords(labels);
  return labels.map((label) => wordsOf(label).slice(shared).join(' '));
}

/** "SmolLM2: Q4_1 · Q4_1, q8-g32": what all begin with stands once. */
export function comparisonTitle(labels: readonly string[]): string {
  const own = shortLabels(labels).join(' · ');
  const shared = wordsOf(labels[0] ?? '').slice(0, sharedWords(labels));
  return shared.length === 0 ? own : `${bare(shared.join(' '))}: ${own}`;
}
