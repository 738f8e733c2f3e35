/** A pipeline from a GGUF file's tokenizer keys. */
import { badFile } from '../../contract/errors.ts';
import type { SpecialIds } from '../../contract/model-source.ts';
import { BpeModel } from './bpe-model.ts';
import { byteOfPiece, checkGgufTokens, ggufAddedTokens, idsByText, tokenType } from './gguf-vocabulary.ts';
import type { GgufTokenizer } from './gguf-vocabulary.ts';
import type { Pipeline } from './pipeline.ts';
import { byteWords, preTokenizerOf } from './pre-tokenizers.ts';
import type { PreTokenizer } from './pre-tokenizers.ts';
import { SentencePieceModel } from './sentencepiece-model.ts';

/** Builds the pipeline. An unknown pre-tokenizer is a warning and read as GPT-2's. */
export function ggufPipeline(source: GgufTokenizer, special: SpecialIds): Pipeline {
  checkGgufTokens(source);
  return source.model === 'gpt2' ? bytePairs(source, special) : sentencePieces(source, special);
}

function bytePairs(source: GgufTokenizer, special: SpecialIds): Pipeline {
  const warnings: string[] = [];
  const preTokenizer = choosePreTokenizer(source.preTokenizer, warnings);
  if (source.merges === null) throw badFile('is missing', { field: 'tokenizer.ggml.merges' });
  const model = new BpeModel({
    vocabulary: idsByText(source.tokens),
    merges: pairsOf(source.merges),
    mergeCount: source.merges.length,
    ignoreMerges: preTokenizer.ignoreMerges,
    byteFallback: false,
    // A byte that the vocabulary lacks is left out: the unknown token of such files is often an end token.
    unknown: null,
    fuseUnknown: false,
  });
  if (model.ignored > 0) {
    warnings.push(`${model.ignored} merges name pieces outside the vocabulary and are not used.`);
  }
  return {
    tokens: source.tokens,
    added: ggufAddedTokens(source),
    normalize: (text) => (source.addSpacePrefix === true ? ` ${text}` : text),
    split: byteWords(preTokenizer),
    model,
    beginning: (source.addBos ?? preTokenizer.addsBos) ? special.bos : null,
    warnings,
  };
}

function choosePreTokenizer(name: string, warnings: string[]): PreTokenizer {
  const known = preTokenizerOf(name);
  if (known !== null) return known;
  warnings.push(
    name === ''
      ? 'The file names no pre-tokenizer (tokenizer.ggml.pre); GPT-2’s is used, which may cut text differently.'
      : `The pre-tokenizer "${name}" is unknown; GPT-2’s is used, which may cut text differently.`,
  );
  return preTokenizerOf('gpt-2') as PreTokenizer;
}

function sentencePieces(source: GgufTokenizer, special: SpecialIds): Pipeline {
  const all = idsByText(source.tokens);
  const model = new SentencePieceModel(textPieces(source, all), all, scoresOf(source), special.unknown);
  const prefix = source.addSpacePrefix ?? true ? '▁' : '';
  return {
    tokens: source.tokens,
    added: ggufAddedTokens(source),
    normalize: (text) => prefix + text.replaceAll(' ', '▁'),
    split: (text) => [text],
    model,
    beginning: (source.addBos ?? true) ? special.bos : null,
    warnings: [],
  };
} // prettier-ignore

/** Throws bad-file where the file has none. */
export function scoresOf({ scores }: GgufTokenizer): Float32Array {
  if (scores === null) throw badFile('is missing', { field: 'tokenizer.ggml.scores' });
  return scores;
}

/** The tokens of a SentencePiece vocabulary that plain text may become; byte tokens are not among them. */
export function textPieces(
  source: GgufTokenizer,
  all: ReadonlyMap<string, number>,
): ReadonlyMap<string, number> {
  const types = source.tokenTypes;
  const pieces = new Map<string, number>();
  for (const [text, id] of all) {
    const type = types?.[id] ?? (byteOfPiece(text) === null ? tokenType.normal : tokenType.byte);
    if (type !== tokenType.control && type !== tokenType.unknown && type !== tokenType.byte) {
      pieces.set(text, id);
    }
  }
  return pieces;
}

/** A merge is "left right"; a piece may begin with a space itself. */
export function* pairsOf(merges: readonly string[]): Generator<[string, string]> {
  for (const [index, merge] of merges.entries()) {
    const space = merge.indexOf(' ', 1);
    if (space < 0 || space === merge.length - 1) {
      throw badFile('is not a pair', { field: `tokenizer.ggml.merges[${index}]` });
    }
    yield [merge.slice(0, space), merge.slice(space + 1)];
  }
}
