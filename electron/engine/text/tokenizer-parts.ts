/** What tokenizer.json and tokenizer_config.json are made of when they are written. */
import type { Json, JsonObject, SpecialIds } from '../../contract/model-source.ts';
import type { GgufTokenizer } from './gguf-vocabulary.ts';

export interface TokenizerFiles {
  readonly tokenizer: JsonObject;
  readonly config: JsonObject;
}

/** What of tokenizer.json depends on the kind of tokenizer. */
export interface KindParts {
  readonly normalizer: Json;
  readonly pre_tokenizer: Json;
  readonly decoder: Json;
  readonly model: JsonObject;
  /** Where no token is put around the text. */
  readonly post_processor: Json;
}

export interface WrittenKind {
  readonly parts: KindParts;
  /** Whether such a vocabulary begins a text where the file does not say. */
  readonly addsBos: boolean;
  /** Refuses where the files would make other ids. */
  readonly check: (files: TokenizerFiles) => void;
}

/** A tokenizer of a GGUF file that is to be written. */
export interface ToWrite {
  readonly source: GgufTokenizer;
  /** Ids by text. */
  readonly vocabulary: ReadonlyMap<string, number>;
  readonly special: SpecialIds;
  /** Throws with the reason. */
  readonly refuse: (why: string) => never;
}

/** Of a text in a message. */
export const quoted = (text: string): string =>
  JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);

export interface BytePairModel {
  readonly vocabulary: ReadonlyMap<string, number>;
  /** The first merges first. */
  readonly merges: readonly (readonly [string, string])[];
  readonly ignoreMerges: boolean;
  /** Characters outside the vocabulary become `<0xNN>` tokens. */
  readonly byteFallback: boolean;
  /** The token of other unknown characters, one for a run of them; null: they are dropped. */
  readonly unknown: string | null;
}

export function bytePairModel(model: BytePairModel): JsonObject {
  return {
    type: 'BPE',
    dropout: null,
    unk_token: model.unknown,
    continuing_subword_prefix: null,
    end_of_word_suffix: null,
    fuse_unk: model.unknown !== null,
    byte_fallback: model.byteFallback,
    ignore_merges: model.ignoreMerges,
    vocab: Object.fromEntries(model.vocabulary),
    merges: model.merges,
  };
}
