/** Tokens that mark the parts of a fill-in-the-middle prompt, found by the names that vocabularies give them. */
import type { InfillTokens } from '../contract/model-source.ts';

interface Naming {
  readonly prefix: string;
  readonly suffix: string;
  /** Null: the suffix stands first and the middle follows the prefix. */
  readonly middle: string | null;
  /** What a reply ends with besides the file's own ends: the end of a middle, padding, or the next file of a repository. */
  readonly ends: readonly string[];
}

const namings: readonly Naming[] = [
  // Code Llama.
  { prefix: '▁<PRE>', suffix: '▁<SUF>', middle: '▁<MID>', ends: ['▁<EOT>'] },
  // Qwen2.5-Coder and every later Qwen, CodeGemma.
  {
    prefix: '<|fim_prefix|>',
    suffix: '<|fim_suffix|>',
    middle: '<|fim_middle|>',
    ends: ['<|fim_pad|>', '<|repo_name|>', '<|file_sep|>', '<|file_separator|>'],
  },
  // StarCoder, Granite, StableCode.
  {
    prefix: '<fim_prefix>',
    suffix: '<fim_suffix>',
    middle: '<fim_middle>',
    ends: ['<fim_pad>', '<reponame>', '<repo_name>', '<file_sep>'],
  },
  // SantaCoder.
  { prefix: '<fim-prefix>', suffix: '<fim-suffix>', middle: '<fim-middle>', ends: ['<fim-pad>'] },
  // DeepSeek: the hole stands between prefix and suffix, the end after both.
  { prefix: '<｜fim▁begin｜>', suffix: '<｜fim▁hole｜>', middle: '<｜fim▁end｜>', ends: [] },
  // Codestral.
  { prefix: '[PREFIX]', suffix: '[SUFFIX]', middle: null, ends: [] },
];

type Parts = Pick<InfillTokens, 'prefix' | 'suffix' | 'middle'>;

export interface FoundInfill {
  /** Null: no token of the kind. */
  readonly tokens: InfillTokens | null;
  /** Ids that end any reply. */
  readonly ends: readonly number[];
}

/**
 * The tokens by name, of the naming that most of them follow. Ids in `stated` come from the file and go before those by name. Ends are
 * looked for only where the vocabulary follows a naming, since other models give some of these names a meaning of their own.
 */
export function findInfill(
  idOf: (name: string) => number | null,
  stated: Parts = { prefix: null, suffix: null, middle: null },
): FoundInfill {
  const named = namings
    .map((naming) => ({ naming, parts: partsOf(naming, idOf) }))
    .reduce((best, each) => (countOf(each.parts) > countOf(best.parts) ? each : best));
  const isNamed = countOf(named.parts) > 0;
  if (!isNamed && countOf(stated) === 0) return { tokens: null, ends: [] };
  const tokens: InfillTokens = {
    prefix: stated.prefix ?? named.parts.prefix,
    suffix: stated.suffix ?? named.parts.suffix,
    middle: stated.middle ?? named.parts.middle,
    suffixFirst: isNamed && named.naming.middle === null,
  };
  const ends = isNamed ? named.naming.ends.map(idOf).filter((id) => id !== null) : [];
  return { tokens, ends };
}

function partsOf({ prefix, suffix, middle }: Naming, idOf: (name: string) => number | null): Parts {
  return { prefix: idOf(prefix), suffix: idOf(suffix), middle: middle === null ? null : idOf(middle) };
}

function countOf({ prefix, suffix, middle }: Parts): number {
  return [prefix, suffix, middle].filter((id) => id !== null).length;
}
