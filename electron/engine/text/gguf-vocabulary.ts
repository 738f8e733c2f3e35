/** The token table of a GGUF file. */
import { badFile, LabError } from '../../contract/errors.ts';
import type { TokenizerSource } from '../../contract/model-source.ts';
import type { AddedToken } from './pipeline.ts';

export type GgufTokenizer = Extract<TokenizerSource, { kind: 'gguf' }>;

/** Values of tokenizer.ggml.token_type. */
export const tokenType = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;
const bytePiece = /^<0x([0-9A-Fa-f]{2})>$/;

/** The byte that a byte token (`<0x0A>`) stands for, or null. */
export function byteOfPiece(piece: string): number | null {
  const digits = bytePiece.exec(piece)?.[1];
  return digits === undefined ? null : Number.parseInt(digits, 16);
}

const unsupportedModels: Record<string, string> = {
  t5: 'Unigram (t5)',
  bert: 'WordPiece (bert)',
  rwkv: 'RWKV',
  plamo2: 'PLaMo 2',
};

/** Checks what every user of the tokens relies on. Throws `unsupported-feature` naming the model, `bad-file` naming the key. */
export function checkGgufTokens(source: GgufTokenizer): void {
  const { model, tokens, scores, tokenTypes } = source;
  if (model !== 'gpt2' && model !== 'llama') {
    const name = Object.hasOwn(unsupportedModels, model) ? unsupportedModels[model] : model;
    throw new LabError('unsupported-feature', `Tokenizers of the kind ${name} are not supported.`, {
      field: 'tokenizer.ggml.model',
    });
  }
  for (const [field, array] of [['scores', scores], ['token_type', tokenTypes]] as const) {
    if (array === null || array.length === tokens.length) continue;
    const message = `has ${array.length} entries for ${tokens.length} tokens`;
    throw badFile(message, { field: `tokenizer.ggml.${field}` });
  }
  tokenTypes?.forEach((type, id) => {
    if (type !== tokenType.byte || byteOfPiece(tokens[id] as string) !== null) return;
    throw badFile(`token ${id} is of type byte but does not name one`, { field: 'tokenizer.ggml.tokens' });
  });
} // prettier-ignore

/** The first of equal texts keeps its id. */
export function idsByText(tokens: readonly string[]): Map<string, number> {
  const ids = new Map<string, number>();
  for (let id = 0; id < tokens.length; id += 1) {
    const text = tokens[id] as string;
    if (text !== '' && !ids.has(text)) ids.set(text, id);
  }
  return ids;
}

/** Control, unknown and user-defined tokens. */
export function ggufAddedTokens(source: GgufTokenizer): AddedToken[] {
  const added: AddedToken[] = [];
  const stripsRight = phi3Stripping(source.tokens);
  source.tokenTypes?.forEach((type, id) => {
    const special = type === tokenType.control || type === tokenType.unknown;
    if (!special && type !== tokenType.userDefined) return;
    const content = source.tokens[id] as string;
    added.push({
      id,
      content,
      special,
      singleWord: false,
      stripLeft: false,
      stripRight: special && stripsRight(content),
      normalized: false,
    });
  });
  return added;
}

/**
 * Phi-3's control tokens swallow the white space after them, which GGUF has no key for. Its vocabulary is known by its placeholders.
 */
function phi3Stripping(tokens: readonly string[]): (content: string) => boolean {
  const isPhi3 = tokens.includes('<|placeholder1|>') && tokens.includes('<|assistant|>');
  const kept = new Set(['<unk>', '<s>', '<|endoftext|>']);
  return (content) => isPhi3 && !kept.has(content);
}
