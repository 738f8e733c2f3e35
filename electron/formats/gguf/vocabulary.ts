/** The tokenizer, templates and special tokens of a GGUF file, checked against each other and the embedding. */
import type { NamedTemplate, SpecialIds, TensorInfo, TokenizerSource } from '../../contract/model-source.ts';
import { findInfill } from '../infill-tokens.ts';
import type { GgufMetadata } from './metadata.ts';

type GgufTokenizer = Extract<TokenizerSource, { kind: 'gguf' }>;

const prefix = 'tokenizer.ggml.';
const tokensKey = `${prefix}tokens`;
/** Values of tokenizer.ggml.token_type. */
const controlType = 3;
const byteType = 6;

/** The tokenizer, or null where the file has none (model "none", or no such keys). Throws bad-file naming the key. */
export function readTokenizer(metadata: GgufMetadata): GgufTokenizer | null {
  const model = metadata.text(`${prefix}model`);
  const tokens = metadata.strings(tokensKey);
  if (model === null && tokens !== null)
    throw metadata.fail(tokensKey, `there are tokens, but no ${prefix}model`);
  if (model === null || model === 'none') return null;
  if (tokens === null || tokens.length === 0) {
    throw metadata.fail(`${prefix}model`, `the tokenizer "${model}" has no tokens`);
  }
  const tokenTypes = readTokenTypes(metadata, tokens.length);
  checkByteTokens(metadata, tokens, tokenTypes);
  return {
    kind: 'gguf',
    model,
    preTokenizer: metadata.text(`${prefix}pre`) ?? 'default',
    tokens,
    scores: readScores(metadata, tokens.length),
    tokenTypes,
    merges: readMerges(metadata),
    addBos: metadata.flag(`${prefix}add_bos_token`),
    addEos: metadata.flag(`${prefix}add_eos_token`),
    addSpacePrefix: metadata.flag(`${prefix}add_space_prefix`),
  };
}

function readScores(metadata: GgufMetadata, tokenCount: number): Float32Array | null {
  const key = `${prefix}scores`;
  const scores = metadata.values.get(key);
  if (scores === undefined) return null;
  if (!(scores instanceof Float32Array)) throw metadata.fail(key, 'an array of f32 was expected');
  checkLength(metadata, key, scores.length, tokenCount);
  return scores;
}

function readTokenTypes(metadata: GgufMetadata, tokenCount: number): Int32Array | null {
  const key = `${prefix}token_type`;
  const types = metadata.values.get(key);
  if (types === undefined) return null;
  if (!(types instanceof Int32Array || types instanceof Uint32Array)) {
    throw metadata.fail(key, 'an array of i32 was expected');
  }
  checkLength(metadata, key, types.length, tokenCount);
  return types instanceof Int32Array ? types : new Int32Array(types.buffer, types.byteOffset, types.length);
}

function checkLength(metadata: GgufMetadata, key: string, length: number, tokenCount: number): void {
  if (length !== tokenCount) throw metadata.fail(key, `${length} items for ${tokenCount} tokens`);
}

/** Byte tokens are spelled <0x00> to <0xFF>; their number becomes a byte later. */
function checkByteTokens(metadata: GgufMetadata, tokens: readonly string[], types: Int32Array | null): void {
  tokens.forEach((token, id) => {
    const isByte = types === null ? token.startsWith('<0x') && token.endsWith('>') : types[id] === byteType;
    if (isByte && !/^<0x[0-9A-Fa-f]{2}>$/.test(token)) {
      throw metadata.fail(
        tokensKey,
        `token ${id}, ${excerpt(token)}, is not a byte between <0x00> and <0xFF>`,
      );
    }
  });
}

/** A merge is two pieces with one space between them; the first may begin with a space. */
function readMerges(metadata: GgufMetadata): readonly string[] | null {
  const key = `${prefix}merges`;
  const merges = metadata.strings(key);
  merges?.forEach((merge, index) => {
    const space = merge.indexOf(' ', 1);
    if (space < 0 || space === merge.length - 1 || merge.includes(' ', space + 1)) {
      throw metadata.fail(key, `merge ${index}, ${excerpt(merge)}, is not two parts`);
    }
  });
  return merges;
}

const excerpt = (text: string) => JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);

const paddingKey = `${prefix}padding_token_id`;

const endKeys = ['eos', 'eot', 'eom', 'fim_pad', 'fim_rep', 'fim_sep'] as const;

/** The special ids; every `…_token_id` must name a token, but padding that names none is as good as absent: early Llama 2 files have it. */
export function readSpecialIds(metadata: GgufMetadata, tokenizer: GgufTokenizer | null): SpecialIds {
  const tokenCount = tokenizer?.tokens.length ?? null;
  for (const key of metadata.values.keys()) {
    if (!key.startsWith(prefix) || !key.endsWith('_token_id') || key === paddingKey) continue;
    const id = metadata.integer(key);
    if (id !== null && tokenCount !== null && id >= tokenCount) {
      throw metadata.fail(key, `id ${id}, but there are ${tokenCount} tokens`);
    }
  }
  const id = (name: string) => metadata.integer(`${prefix}${name}_token_id`);
  // Each part has a key and the one it had before.
  const infill = findInfill((name) => idOfToken(tokenizer, name), {
    prefix: id('fim_pre') ?? id('prefix'),
    suffix: id('fim_suf') ?? id('suffix'),
    middle: id('fim_mid') ?? id('middle'),
  });
  const ends = endKeys.map(id).filter((end) => end !== null);
  const padding = metadata.integer(paddingKey);
  const isToken = padding !== null && (tokenCount === null || padding < tokenCount);
  return {
    bos: id('bos'),
    ends: [...new Set([...ends, ...infill.ends])],
    unknown: id('unknown'),
    padding: isToken ? padding : null,
    infill: infill.tokens,
  };
}

/** The tokenizer with its fill-in and end tokens as control tokens, which files often call ordinary ones. */
export function withControlTokens(
  tokenizer: GgufTokenizer | null,
  special: SpecialIds,
): GgufTokenizer | null {
  if (tokenizer === null || tokenizer.tokenTypes === null || special.infill === null) return tokenizer;
  const tokenTypes = tokenizer.tokenTypes.slice();
  const { prefix, suffix, middle } = special.infill;
  for (const id of [prefix, suffix, middle, ...special.ends]) if (id !== null) tokenTypes[id] = controlType;
  return { ...tokenizer, tokenTypes };
}

function idOfToken(tokenizer: GgufTokenizer | null, name: string): number | null {
  const id = tokenizer?.tokens.indexOf(name) ?? -1;
  return id < 0 ? null : id;
}

/** tokenizer.chat_template is the default, tokenizer.chat_template.NAME others. */
export function readTemplates(metadata: GgufMetadata): NamedTemplate[] {
  const key = 'tokenizer.chat_template';
  return [...metadata.values.keys()]
    .filter((name) => name === key || name.startsWith(`${key}.`))
    .map((name) => ({
      name: name === key ? 'default' : name.slice(key.length + 1),
      template: metadata.text(name)!,
    }));
}

/** The embedding has one row per token and the model's width; so has an output matrix. */
export function checkEmbedding(
  metadata: GgufMetadata,
  architecture: string,
  tensors: ReadonlyMap<string, TensorInfo>,
  tokenCount: number | null,
): void {
  const widthKey = `${architecture}.embedding_length`;
  const width = metadata.integer(widthKey);
  for (const name of ['token_embd.weight', 'output.weight']) {
    const tensor = tensors.get(name);
    if (!tensor) continue;
    const [rows, columns] = tensor.shape;
    if (tensor.shape.length !== 2 || rows === undefined) {
      throw metadata.fail(tensor.name, `${tensor.shape.length} dimensions, a matrix was expected`);
    }
    if (tokenCount !== null && rows !== tokenCount) {
      throw metadata.fail(tokensKey, `${tokenCount} tokens, but ${name} has ${rows} rows`);
    }
    if (width !== null && columns !== width) {
      throw metadata.fail(widthKey, `the width is ${width}, but ${name} has ${columns} columns`);
    }
  }
}
