/** The tokenizer of a GGUF file in the words of Hugging Face's tokenizer.json and tokenizer_config.json: the same ids for the same text. */
import { LabError } from '../../contract/errors.ts';
import type { Json, JsonObject, ModelSource, SpecialIds } from '../../contract/model-source.ts';
import { bytePairKind } from './byte-pair-json.ts';
import { checkGgufTokens, ggufAddedTokens, idsByText, type GgufTokenizer } from './gguf-vocabulary.ts';
import type { AddedToken } from './pipeline.ts';
import { sentencePieceKind } from './sentencepiece-json.ts';
import { quoted, type TokenizerFiles, type ToWrite } from './tokenizer-parts.ts';

/**
 * Throws unsupported-feature for what cannot be said there, bad-file for malformed keys. A SentencePiece vocabulary is tried on texts, which takes
 * seconds where it has hundreds of thousands of pieces.
 */
export function tokenizerFiles({
  name,
  tokenizer,
  templates,
  special,
}: Pick<ModelSource, 'name' | 'tokenizer' | 'templates' | 'special'>): TokenizerFiles {
  const refuse = (why: string): never => {
    const message = `The tokenizer of ${name} cannot be written as tokenizer.json: ${why}. A pack can hold it (--format pack).`;
    throw new LabError('unsupported-feature', message, { field: 'tokenizer' });
  };
  if (!tokenizer) return refuse('the file has none');
  const [only] = templates;
  const template: Json =
    templates.length === 1 && only?.name === 'default'
      ? only.template
      : templates.map((each) => ({ name: each.name, template: each.template }));
  const own = templates.length === 0 ? {} : { chat_template: template };
  if (tokenizer.kind === 'huggingface') {
    return { tokenizer: tokenizer.tokenizer, config: { ...tokenizer.config, ...own } };
  }
  checkGgufTokens(tokenizer);
  const vocabulary = idsByText(tokenizer.tokens);
  const files = ggufFiles({ source: tokenizer, vocabulary, special, refuse });
  return { ...files, config: { ...files.config, ...own } };
}

function ggufFiles(toWrite: ToWrite): TokenizerFiles {
  const { source, vocabulary, special, refuse } = toWrite;
  const doubled = source.tokens.find((text, id) => text !== '' && vocabulary.get(text) !== id);
  if (doubled !== undefined) refuse(`several of its tokens have the same text, ${quoted(doubled)}`);
  const kind = source.model === 'gpt2' ? bytePairKind : sentencePieceKind;
  const { parts, addsBos, check } = kind(toWrite);
  const ends: Ends = {
    beginning: (source.addBos ?? addsBos) ? special.bos : null,
    end: source.addEos === true ? (special.ends[0] ?? null) : null,
  };
  const tokenizer = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: ggufAddedTokens(source).map(addedToken),
    ...parts,
    ...around(source.tokens, ends),
  };
  const files = { tokenizer, config: configOf(source, special, ends) };
  check(files);
  return files;
}

/** Ids that are put around a text; null: none. */
interface Ends {
  readonly beginning: number | null;
  readonly end: number | null;
}

function around(tokens: readonly string[], { beginning, end }: Ends): JsonObject {
  const ids = [beginning, end].filter((id) => id !== null);
  if (ids.length === 0) return {};
  const put = (id: number | null, type: number) =>
    id === null ? [] : [{ SpecialToken: { id: tokens[id]!, type_id: type } }];
  const text = (part: 'A' | 'B', type: number) => [
    ...put(beginning, type),
    { Sequence: { id: part, type_id: type } },
    ...put(end, type),
  ];
  const named = ids.map((id) => [tokens[id]!, { id: tokens[id]!, ids: [id], tokens: [tokens[id]!] }]);
  return {
    post_processor: {
      type: 'TemplateProcessing',
      single: text('A', 0),
      pair: [...text('A', 0), ...text('B', 1)],
      special_tokens: Object.fromEntries(named) as JsonObject,
    },
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

function configOf(source: GgufTokenizer, special: SpecialIds, { beginning, end }: Ends): JsonObject {
  const named = (field: string, id: number | null | undefined): [string, string][] => {
    const text = id === null || id === undefined ? undefined : source.tokens[id];
    return text === undefined ? [] : [[field, text]];
  };
  return {
    tokenizer_class: 'PreTrainedTokenizerFast',
    add_bos_token: beginning !== null,
    add_eos_token: end !== null,
    clean_up_tokenization_spaces: false,
    ...Object.fromEntries([
      ...named('bos_token', special.bos),
      ...named('eos_token', special.ends[0]),
      ...named('unk_token', special.unknown),
      ...named('pad_token', special.padding),
    ]),
  };
}
