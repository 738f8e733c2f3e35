/** The tokenizer of a GGUF file in the words of Hugging Face's tokenizer.json and tokenizer_config.json: the same ids for the same text. */
import { LabError } from '../../contract/errors.ts';
import type { Json, JsonObject, ModelSource, SpecialIds } from '../../contract/model-source.ts';
import { pairsOf } from './gguf-tokenizer.ts';
import { checkGgufTokens, ggufAddedTokens, idsByText, type GgufTokenizer } from './gguf-vocabulary.ts';
import type { AddedToken } from './pipeline.ts';
import { preTokenizerOf, type PreTokenizer } from './pre-tokenizers.ts';

export interface TokenizerFiles {
  readonly tokenizer: JsonObject;
  readonly config: JsonObject;
}

/** Throws unsupported-feature for what cannot be said there, bad-file for malformed keys. */
export function tokenizerFiles({ name, tokenizer, templates, special }: ModelSource): TokenizerFiles {
  if (!tokenizer) throw cannotSay(name, 'the file has none');
  const [only] = templates;
  const template: Json =
    templates.length === 1 && only?.name === 'default'
      ? only.template
      : templates.map((each) => ({ name: each.name, template: each.template }));
  const own = templates.length === 0 ? {} : { chat_template: template };
  if (tokenizer.kind === 'huggingface') {
    return { tokenizer: tokenizer.tokenizer, config: { ...tokenizer.config, ...own } };
  }
  const { json, beginning } = bytePairs(name, tokenizer, special);
  return { tokenizer: json, config: { ...configOf(tokenizer, special, beginning), ...own } };
}

function cannotSay(model: string, why: string): LabError {
  const message = `The tokenizer of ${model} cannot be written as tokenizer.json: ${why}.`;
  return new LabError('unsupported-feature', message, { field: 'tokenizer' });
}

function bytePairs(
  name: string,
  source: GgufTokenizer,
  special: SpecialIds,
): { json: JsonObject; beginning: number | null } {
  checkGgufTokens(source);
  if (source.model !== 'gpt2')
    throw cannotSay(name, 'it is a SentencePiece model, whose scores have no place there');
  const preTokenizer = preTokenizerOf(source.preTokenizer);
  if (!preTokenizer) {
    const named = JSON.stringify(source.preTokenizer.slice(0, 60));
    throw cannotSay(name, `how its pre-tokenizer ${named} cuts text is not known`);
  }
  const vocabulary = idsByText(source.tokens);
  if (vocabulary.size !== source.tokens.length)
    throw cannotSay(name, 'several of its tokens have the same text');
  const beginning = (source.addBos ?? preTokenizer.addsBos) ? special.bos : null;
  const json = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: ggufAddedTokens(source).map(addedToken),
    normalizer: source.addSpacePrefix === true ? { type: 'Prepend', prepend: ' ' } : null,
    pre_tokenizer: { type: 'Sequence', pretokenizers: steps(preTokenizer) },
    post_processor: beginning === null ? byteLevel : beginsWith(source.tokens[beginning]!, beginning),
    decoder: byteLevel,
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: preTokenizer.ignoreMerges,
      vocab: Object.fromEntries(vocabulary),
      merges: [...mergesWithin(source, vocabulary)],
    },
  };
  return { json, beginning };
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

function beginsWith(content: string, id: number): JsonObject {
  const token = { SpecialToken: { id: content, type_id: 0 } };
  const text = (part: 'A' | 'B', type: number) => ({ Sequence: { id: part, type_id: type } });
  return {
    type: 'TemplateProcessing',
    single: [token, text('A', 0)],
    pair: [token, text('A', 0), { SpecialToken: { id: content, type_id: 1 } }, text('B', 1)],
    special_tokens: { [content]: { id: content, ids: [id], tokens: [content] } },
  };
}

function addedToken({
  id,
  content,
  special,
  singleWord,
  stripLeft,
  stripRight,
  normalized,
}: AddedToken): JsonObject {
  return {
    id,
    content,
    single_word: singleWord,
    lstrip: stripLeft,
    rstrip: stripRight,
    normalized,
    special,
  };
}

function configOf(source: GgufTokenizer, special: SpecialIds, beginning: number | null): JsonObject {
  const named = (field: string, id: number | null | undefined): [string, string][] => {
    const text = id === null || id === undefined ? undefined : source.tokens[id];
    return text === undefined ? [] : [[field, text]];
  };
  return {
    tokenizer_class: 'PreTrainedTokenizerFast',
    add_bos_token: beginning !== null,
    clean_up_tokenization_spaces: false,
    ...Object.fromEntries([
      ...named('bos_token', special.bos),
      ...named('eos_token', special.ends[0]),
      ...named('unk_token', special.unknown),
      ...named('pad_token', special.padding),
    ]),
  };
}
