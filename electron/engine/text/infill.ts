/** Fill-in-the-middle: a prompt of what stands before and after a gap, which the model fills. */
import { LabError } from '../../contract/errors.ts';
import type { InfillTokens, SpecialIds } from '../../contract/model-source.ts';
import type { Tokenizer } from './tokenizer.ts';

export interface Gap {
  readonly prefix: string;
  readonly suffix: string;
}

/** Ids that mark parts of fill-in prompts and their ends: text never becomes one of them. Empty for models without such prompts. */
export function infillMarks({ infill, ends }: SpecialIds): ReadonlySet<number> {
  if (infill === null) return new Set();
  const parts = [infill.prefix, infill.suffix, infill.middle].filter((id) => id !== null);
  return new Set([...parts, ...ends]);
}

/**
 * The gap as ids, in the order that the model was trained on. Names of special tokens in it are plain text; the suffix goes on from
 * other text, so nothing is put in front of it. Throws `unsupported-feature` naming the tokens that the vocabulary lacks,
 * `tokenizer-failed`.
 */
export function encodeInfill(tokenizer: Tokenizer, special: SpecialIds, gap: Gap): number[] {
  const { before, after, end, suffixFirst } = marksOf(special.infill);
  const plain = { addBos: false, reserved: infillMarks(special) };
  const prefix = [before, ...tokenizer.encodeSpans([{ text: gap.prefix, special: false }], plain)];
  const continuing = { ...plain, continues: true };
  const suffix = [after, ...tokenizer.encodeSpans([{ text: gap.suffix, special: false }], continuing)];
  const beginning = tokenizer.encode('', { special: false, addBos: true });
  return [...beginning, ...(suffixFirst ? [...suffix, ...prefix] : [...prefix, ...suffix]), ...end];
}

interface Marks {
  /** In front of the prefix and of the suffix. */
  readonly before: number;
  readonly after: number;
  readonly end: readonly number[];
  readonly suffixFirst: boolean;
}

function marksOf(infill: InfillTokens | null): Marks {
  const { prefix = null, suffix = null, middle = null, suffixFirst = false } = infill ?? {};
  const missing = [
    ...(prefix === null ? ['prefix'] : []),
    ...(suffix === null ? ['suffix'] : []),
    ...(middle === null && !suffixFirst ? ['middle'] : []),
  ];
  if (prefix !== null && suffix !== null && missing.length === 0) {
    return { before: prefix, after: suffix, end: middle === null ? [] : [middle], suffixFirst };
  }
  const parts = new Intl.ListFormat('en').format(missing);
  const message = `The model cannot fill a gap: its tokenizer has no token for ${parts}.`;
  throw new LabError('unsupported-feature', message, { missing: missing.join(', ') });
}
