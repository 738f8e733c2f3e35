/** The token table of tokenizer.json. */
import { z } from 'zod';
import { badFile } from '../../contract/errors.ts';
import type { JsonObject } from '../../contract/model-source.ts';
import { readPart, tokenizerFile as file, unsupportedPart } from './huggingface-parts.ts';
import type { AddedToken } from './pipeline.ts';

/** Far above any vocabulary; keeps a forged id from reserving gigabytes. */
const idLimit = 2 ** 24;
export const Id = z.int().min(0).max(idLimit - 1); // prettier-ignore

const AddedTokenPart = z.object({
  content: z.string(),
  special: z.boolean().default(false),
  single_word: z.boolean().default(false),
  lstrip: z.boolean().default(false),
  rstrip: z.boolean().default(false),
  normalized: z.boolean().optional(),
});
const ListedToken = AddedTokenPart.extend({ id: Id });

/** Token texts and ids of the file, added tokens included. */
export interface HuggingFaceVocabulary {
  readonly ids: ReadonlyMap<string, number>;
  readonly tokens: readonly (string | undefined)[];
  readonly added: readonly AddedToken[];
}

/** The vocabulary without merges or patterns. Throws `bad-file` naming the field. */
export function readVocabulary(tokenizer: JsonObject, config: JsonObject): HuggingFaceVocabulary {
  const model = readPart(z.looseObject({ vocab: z.unknown() }), tokenizer['model'], 'model');
  const vocabulary = model.vocab;
  if (vocabulary === null || typeof vocabulary !== 'object' || Array.isArray(vocabulary)) {
    const type = typeof model['type'] === 'string' ? model['type'] : 'a model without a token table';
    throw unsupportedPart('model', type);
  }
  const ids = new Map<string, number>();
  const tokens: (string | undefined)[] = [];
  for (const [text, id] of Object.entries(vocabulary)) {
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id >= idLimit) {
      throw badFile(`the id of "${text.slice(0, 40)}" is not an id`, { file, field: 'model.vocab' });
    }
    ids.set(text, id);
    tokens[id] = text;
  }
  const added = addedTokens(tokenizer, config);
  for (const token of added) {
    ids.set(token.content, token.id);
    tokens[token.id] = token.content;
  }
  return { ids, tokens, added };
}

function addedTokens(tokenizer: JsonObject, config: JsonObject): AddedToken[] {
  const listed = readPart(z.array(ListedToken), tokenizer['added_tokens'] ?? [], 'added_tokens');
  const known = new Set(listed.map((token) => token.id));
  const decoder = config['added_tokens_decoder'];
  const more =
    decoder !== null && typeof decoder === 'object' && !Array.isArray(decoder) ? Object.entries(decoder) : [];
  const all = [...listed];
  for (const [key, value] of more) {
    const field = `added_tokens_decoder.${key}`;
    const id = readPart(Id, Number(key), field);
    if (!known.has(id)) all.push({ ...readPart(AddedTokenPart, value, field), id });
  }
  return all.map((token) => ({
    id: token.id,
    content: token.content,
    special: token.special,
    singleWord: token.single_word,
    stripLeft: token.lstrip,
    stripRight: token.rstrip,
    normalized: token.normalized ?? !token.special,
  }));
}
