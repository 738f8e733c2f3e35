/**
 * A SentencePiece vocabulary of a GGUF file in the words of tokenizer.json: byte-pair encoding whose merges are what the scores say. Both make the same ids
 * where no two scores are equal and every character of a piece is a piece; where scores are equal it depends on the pieces, so that it is tried.
 */
import { byteTokens } from './bpe-model.ts';
import { scoresOf, textPieces } from './gguf-tokenizer.ts';
import { ggufAddedTokens, type GgufTokenizer } from './gguf-vocabulary.ts';
import { unknownSymbol } from './merge.ts';
import { differingText, sampleTexts, shuffledTexts } from './same-ids.ts';
import { scoredMerges, tiedTexts, type ScoredMerge } from './sentencepiece-merges.ts';
import { loadTokenizer } from './tokenizer.ts';
import {
  bytePairModel,
  quoted,
  type KindParts,
  type TokenizerFiles,
  type ToWrite,
  type WrittenKind,
} from './tokenizer-parts.ts';

/** In characters: every way to cut a piece in two is looked up. */
const longestPiece = 1024;

export function sentencePieceKind(toWrite: ToWrite): WrittenKind {
  const { source, vocabulary, special } = toWrite;
  const merges = mergesOf(toWrite);
  const hasPrefix = source.addSpacePrefix ?? true;
  const space = { String: ' ' };
  const spaces = { type: 'Replace', pattern: space, content: '▁' };
  // Cuts nothing, since no space is left by then; but onnxruntime-genai 0.18 joins pieces across words only where it stands here.
  const whole = { type: 'Split', pattern: space, behavior: 'MergedWithPrevious', invert: false };
  const parts: KindParts = {
    normalizer: hasPrefix
      ? { type: 'Sequence', normalizers: [{ type: 'Prepend', prepend: '▁' }, spaces] }
      : spaces,
    pre_tokenizer: hasPrefix ? null : whole,
    post_processor: null,
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        ...(hasPrefix ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : []),
      ],
    },
    model: bytePairModel({
      vocabulary,
      merges: merges.map(({ left, right }) => [left, right] as const),
      ignoreMerges: false,
      byteFallback: true,
      unknown: special.unknown === null ? null : (source.tokens[special.unknown] ?? null),
    }),
  };
  return { parts, addsBos: true, check: (files) => checkIds(toWrite, merges, files) };
}

function mergesOf({ source, vocabulary, refuse }: ToWrite): ScoredMerge[] {
  const missing = byteTokens(vocabulary).indexOf(unknownSymbol);
  if (missing >= 0) refuse(`it has no token for the byte ${missing}, so that unknown characters have no ids`);
  const pieces = textPieces(source, vocabulary);
  const why = differingCharacter(source, pieces);
  if (why !== null) refuse(why);
  return scoredMerges(pieces, scoresOf(source));
}

/**
 * Why characters would be taken otherwise: byte-pair encoding begins with a token for each, any token, and with bytes where there is none; SentencePiece joins
 * texts, whatever they are made of. Null: they would not.
 */
function differingCharacter(source: GgufTokenizer, pieces: ReadonlyMap<string, number>): string | null {
  const cutOut = new Set(ggufAddedTokens(source).map(({ content }) => content));
  for (const text of source.tokens) {
    const characters = [...text];
    if (text.length > longestPiece) return `one of its tokens has ${text.length} characters`;
    if (characters.length === 1 && !pieces.has(text)) return `${quoted(text)} is a token, but none of a text`;
    // An added token is cut out of a text before any of it is joined.
    if (characters.length < 2 || !pieces.has(text) || cutOut.has(text)) continue;
    const [first, last] = [characters[0]!, characters.at(-1)!];
    const isSymbol = (part: string) => pieces.has(part) || part === first || part === last;
    const isJoined =
      (!pieces.has(first) && isSymbol(text.slice(first.length))) ||
      (!pieces.has(last) && isSymbol(text.slice(0, -last.length)));
    if (isJoined) return `its piece ${quoted(text)} is joined of a character that is no piece`;
  }
  return null;
}

/** Refuses where a text comes to other ids: one whose pieces are tied, one as people write, one of tokens that no text has side by side. */
function checkIds({ source, special, refuse }: ToWrite, merges: ScoredMerge[], files: TokenizerFiles): void {
  const own = loadTokenizer(source, special);
  const written = loadTokenizer({ kind: 'huggingface', ...files }, special);
  const plain = (texts: Iterable<string>) => differingText(own, written, texts, false);
  const obeyed = (texts: Iterable<string>) => differingText(own, written, texts, true);
  const tied = plain(tiedTexts(merges));
  if (tied !== null)
    refuse(`several of its pieces have the same score, and ${quoted(tied)} would become other ids`);
  const added = ggufAddedTokens(source).map(({ content }) => content);
  const other =
    plain(sampleTexts) ??
    obeyed(sampleTexts) ??
    obeyed(shuffledTexts(added)) ??
    plain(shuffledTexts(source.tokens));
  if (other !== null) refuse(`${quoted(other)} would become other ids`);
}
