/** Tokenizers that the tests of electron/engine/text share. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type {
  JsonObject,
  ModelSource,
  SpecialIds,
  TokenizerSource,
} from '../../electron/contract/model-source.ts';
import { loadTokenizer } from '../../electron/engine/text/tokenizer.ts';
import type { Tokenizer } from '../../electron/engine/text/tokenizer.ts';
import { readGguf } from '../../electron/formats/gguf/read-gguf.ts';
import { bundledModel, goldenFolder } from './golden.ts';

export const noSpecials: SpecialIds = { bos: null, ends: [], unknown: null, padding: null, infill: null };

export function readJson(path: string): unknown {
  return JSON.parse(readFileSync(path, 'utf8'));
}

/** A golden JSON file; its shape is what the caller says. */
export function goldenJson<T>(name: string): T {
  return readJson(join(goldenFolder, name)) as T;
}

/** The bundled model's source and tokenizer (GGUF, byte-level BPE). */
export async function bundledTokenizer(): Promise<{ source: ModelSource; tokenizer: Tokenizer }> {
  const source = await readGguf(bundledModel);
  return { source, tokenizer: loadTokenizer(source.tokenizer as TokenizerSource, source.special) };
}

export type SentencePieceName = 'llama2' | 'gemma3';

export const sentencePieceSpecials: Record<SentencePieceName, SpecialIds> = {
  llama2: { bos: 1, ends: [2], unknown: 0, padding: null, infill: null },
  gemma3: { bos: 2, ends: [1, 106], unknown: 3, padding: 0, infill: null },
};

/** tokenizer.json and tokenizer_config.json of a development package. */
export function sentencePieceSource(
  name: SentencePieceName,
): Extract<TokenizerSource, { kind: 'huggingface' }> {
  const folder = fileURLToPath(
    new URL(`../../node_modules/@lenml/tokenizer-${name}/models/`, import.meta.url),
  );
  return {
    kind: 'huggingface',
    tokenizer: readJson(join(folder, 'tokenizer.json')) as JsonObject,
    config: readJson(join(folder, 'tokenizer_config.json')) as JsonObject,
  };
}

/**
 * Code Llama's vocabulary: Llama 2's with sixteen pieces more, of which four mark fill-in prompts. Its merges can build those four, as
 * the original list can.
 */
export function codeLlamaSource(): Extract<TokenizerSource, { kind: 'huggingface' }> {
  const source = sentencePieceSource('llama2');
  const { model, added_tokens: added } = source.tokenizer as unknown as BpeFile;
  const merges = [
    '▁< PRE',
    '▁<PRE >',
    '▁< SU',
    '▁<SU F',
    '▁<SUF >',
    '▁< M',
    '▁<M ID',
    '▁<MID >',
    '▁< E',
    '▁<E OT',
    '▁<EOT >',
  ];
  const pieces = merges.map((merge) => merge.replace(' ', '')).filter((piece) => !piece.endsWith('>'));
  const marks = ['▁<PRE>', '▁<SUF>', '▁<MID>', '▁<EOT>'];
  const vocab = { ...model.vocab };
  [...pieces, ...marks].forEach((piece, index) => (vocab[piece] = 32_000 + index));
  const more = marks.map((content, index) => ({
    id: 32_007 + index,
    content,
    special: true,
    normalized: false,
  }));
  const tokenizer = {
    ...source.tokenizer,
    added_tokens: [...added, ...more],
    model: { ...model, vocab, merges: [...model.merges, ...merges] },
  };
  return { ...source, tokenizer: tokenizer };
}

interface BpeFile {
  readonly model: {
    readonly vocab: Readonly<Record<string, number>>;
    readonly merges: readonly (string | readonly string[])[];
  };
  readonly added_tokens: readonly {
    readonly id: number;
    readonly content: string;
    readonly special: boolean;
  }[];
}

/**
 * The same vocabulary as a GGUF file would hold it: no merges, but scores. SentencePiece's own scores are lost in tokenizer.json; the place
 * of the first merge that makes a token orders them the same way.
 */
export function asGguf(
  name: SentencePieceName,
  source: Extract<TokenizerSource, { kind: 'huggingface' }>,
): TokenizerSource {
  const { model, added_tokens: added } = source.tokenizer as unknown as BpeFile;
  const all = [...Object.values(model.vocab), ...added.map((token) => token.id)];
  const size = all.reduce((a, b) => Math.max(a, b)) + 1;
  const tokens = new Array<string>(size).fill('');
  const tokenTypes = new Int32Array(size).fill(1);
  for (const [text, id] of Object.entries(model.vocab)) {
    tokens[id] = text;
    if (/^<0x[0-9A-F]{2}>$/.test(text)) tokenTypes[id] = 6;
  }
  for (const token of added) {
    tokens[token.id] = token.content;
    tokenTypes[token.id] = token.special ? 3 : 4;
  }
  tokenTypes[sentencePieceSpecials[name].unknown as number] = 2;
  const scores = new Float32Array(size).fill(-1e9);
  model.merges.forEach((merge, rank) => {
    const text = typeof merge === 'string' ? merge.replace(' ', '') : merge.join('');
    const id = model.vocab[text] as number;
    if (scores[id] === -1e9) scores[id] = -rank;
  });
  return {
    kind: 'gguf',
    model: 'llama',
    preTokenizer: 'default',
    tokens,
    scores,
    tokenTypes,
    merges: null,
    addBos: true,
    addEos: false,
    addSpacePrefix: name === 'llama2',
  };
}

/** A byte-level BPE of the 256 bytes, a few merges and three added tokens, as GGUF metadata. */
export function smallGguf(changes: Partial<Extract<TokenizerSource, { kind: 'gguf' }>> = {}): TokenizerSource {
  const { model } = goldenJson<{ model: { vocab: Record<string, number>; merges: [string, string][] } }>(
    'tiny/llama/tokenizer.json',
  );
  const tokens = Object.keys(model.vocab).toSorted((a, b) => (model.vocab[a] as number) - (model.vocab[b] as number));
  const tokenTypes = new Int32Array(tokens.length).fill(1);
  tokenTypes[0] = 3;
  tokenTypes[1] = 3;
  return {
    kind: 'gguf',
    model: 'gpt2',
    preTokenizer: 'gpt-2',
    tokens,
    scores: null,
    tokenTypes,
    merges: model.merges.map((merge) => (typeof merge === 'string' ? merge : merge.join(' '))),
    addBos: null,
    addEos: null,
    addSpacePrefix: null,
    ...changes,
  };
} // prettier-ignore
