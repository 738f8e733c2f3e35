/** A byte-level vocabulary of a GGUF file in the words of tokenizer.json. */
import type { Json } from '../../contract/model-source.ts';
import { pairsOf } from './gguf-tokenizer.ts';
import type { GgufTokenizer } from './gguf-vocabulary.ts';
import { preTokenizerOf, type PreTokenizer } from './pre-tokenizers.ts';
import { bytePairModel, type KindParts, quoted, type ToWrite, type WrittenKind } from './tokenizer-parts.ts';

export function bytePairKind({ source, vocabulary, refuse }: ToWrite): WrittenKind {
  const preTokenizer =
    preTokenizerOf(source.preTokenizer) ??
    refuse(`how its pre-tokenizer ${quoted(source.preTokenizer)} cuts text is not known`);
  const parts: KindParts = {
    normalizer: source.addSpacePrefix === true ? { type: 'Prepend', prepend: ' ' } : null,
    pre_tokenizer: { type: 'Sequence', pretokenizers: steps(preTokenizer) },
    post_processor: byteLevel,
    decoder: byteLevel,
    model: bytePairModel({
      vocabulary,
      merges: [...mergesWithin(source, vocabulary)],
      ignoreMerges: preTokenizer.ignoreMerges,
      byteFallback: false,
      unknown: null,
    }),
  };
  // The words are cut and merged by the same code, whichever file says how.
  return { parts, addsBos: preTokenizer.addsBos, check: () => undefined };
}

/** Pairs whose pieces are all tokens: the others are never used. */
function* mergesWithin(
  { merges }: GgufTokenizer,
  vocabulary: ReadonlyMap<string, number>,
): Generator<[string, string]> {
  for (const pair of pairsOf(merges ?? [])) {
    if ([...pair, pair.join('')].every((piece) => vocabulary.has(piece))) yield pair;
  }
}

const byteLevel = {
  type: 'ByteLevel',
  add_prefix_space: false,
  trim_offsets: true,
  use_regex: false,
} as const;

function steps({ sources }: PreTokenizer): Json[] {
  const split = (pattern: string) => ({
    type: 'Split',
    pattern: { Regex: pattern },
    behavior: 'Isolated',
    invert: false,
  });
  return [...sources.patterns.map(split), byteLevel, ...sources.bytePatterns.map(split)];
}
